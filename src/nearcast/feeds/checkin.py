"""The check-in page: an array of fixes that it has watched, each under a name of its own for when it is sent again."""

from collections.abc import Mapping
from datetime import datetime

from nearcast.feeds.message import Entries, entries, members
from nearcast.feeds.phone import NoFix, document
from nearcast.feeds.values import MILLISECONDS_FROM
from nearcast.services.feed_request import Read


def read_checkin(body: bytes, _content_type: str, _query: Mapping[str, str], received_at: datetime) -> Read:
    """The fixes of the page, in its order."""
    found = Entries(received_at, milliseconds_from=MILLISECONDS_FROM)
    try:
        said = entries(document(body))
    except NoFix:
        said = [None]
    for index, entry in enumerate(said):
        fix = members(entry)
        if not fix:
            found.refuse(index)
            continue
        found.place(
            index,
            fix.get("lat"),
            fix.get("lon"),
            [fix.get("recorded_at")],
            accuracy_m=fix.get("accuracy_m"),
            speed=fix.get("speed_mps"),
            ping_id=fix.get("ping_id"),
        )
    return found.read()
