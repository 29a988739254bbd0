"""The protocols of phones by name."""

from collections.abc import Mapping

from nearcast.feeds.owntracks import read_owntracks
from nearcast.feeds.owntracks_seal import seal, unseal
from nearcast.services.feed_request import Feed

PHONE_FEEDS: Mapping[str, Feed] = {
    "owntracks": Feed(read=read_owntracks, unseal=unseal, seal=seal),
}
