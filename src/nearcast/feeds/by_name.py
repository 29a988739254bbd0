"""The protocols of phones by name."""

from collections.abc import Mapping

from nearcast.feeds.checkin import read_checkin
from nearcast.feeds.gpslogger import read_gpslogger
from nearcast.feeds.homeassistant import read_homeassistant
from nearcast.feeds.osmand import osmand_token, read_osmand
from nearcast.feeds.overland import read_overland
from nearcast.feeds.owntracks import read_owntracks
from nearcast.feeds.owntracks_regions import most_regions, region_commands
from nearcast.feeds.owntracks_seal import seal, unseal
from nearcast.feeds.traccar import read_traccar, traccar_token
from nearcast.services.feed_request import Feed, RegionWords

PHONE_FEEDS: Mapping[str, Feed] = {
    "owntracks": Feed(
        read=read_owntracks, unseal=unseal, seal=seal, regions=RegionWords(most=most_regions, commands=region_commands)
    ),
    "overland": Feed(read=read_overland),
    "traccar": Feed(read=read_traccar, token=traccar_token),
    "osmand": Feed(read=read_osmand, token=osmand_token),
    "gpslogger": Feed(read=read_gpslogger),
    "colota": Feed(read=read_gpslogger),
    "homeassistant": Feed(read=read_homeassistant),
    "checkin": Feed(read=read_checkin),
}
