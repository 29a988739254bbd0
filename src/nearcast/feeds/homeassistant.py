"""Home Assistant: what its companion app tells a webhook, one message in each request
(https://developers.home-assistant.io/docs/api/native-app-integration/sending-data).

A message says no time: it is sent as soon as there is something to say, and counts as of now. In a zone that is to stay
private there is its name alone, and no position.
"""

from collections.abc import Mapping
from datetime import datetime

from nearcast.feeds.message import Entries, entries, members
from nearcast.feeds.phone import NoFix, document
from nearcast.services.feed_request import Read


def read_homeassistant(body: bytes, _content_type: str, _query: Mapping[str, str], received_at: datetime) -> Read:
    """The fix of a message `update_location`; all others are counted."""
    found = Entries(received_at)
    try:
        said = members(document(body))
    except NoFix:
        said = {}
    kind = said.get("type")
    if not isinstance(kind, str):
        found.refuse(0)
    elif kind != "update_location":
        found.count("other message")
    else:
        data = members(said.get("data"))
        lat, lon, *_ = [*entries(data.get("gps")), None, None]
        accuracy_m, speed = data.get("gps_accuracy"), data.get("speed")
        found.place(0, lat, lon, [received_at.isoformat()], accuracy_m=accuracy_m, speed=speed)
    return found.read()
