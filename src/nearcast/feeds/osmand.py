"""OsmAnd's protocol, which Traccar made common: one fix in a query or in a form.

Speeds are in knots, unix times in milliseconds from 2^31 on. Without a time it is now; without coordinates, no fix.
OsmAnd itself puts its accuracy in metres under `hdop`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from nearcast.domain.reason import Reason
from nearcast.feeds.message import MPS_PER_KNOT, Entries, fields, flag, is_json
from nearcast.feeds.phone import NoFix, accuracy, name
from nearcast.feeds.traccar import read_traccar, traccar_token
from nearcast.services.feed_request import Read

_MILLISECONDS_FROM = 2**31


def read_osmand(body: bytes, content_type: str, query: Mapping[str, str], received_at: datetime) -> Read:
    """The fix of a message; one in JSON is Traccar's."""
    if is_json(content_type):
        return read_traccar(body, content_type, query, received_at)
    found, said = Entries(received_at, milliseconds_from=_MILLISECONDS_FROM), _said(body, content_type, query)
    if flag(said.get("mock")):
        found.refuse(0, Reason.PING_MOCKED)
    elif flag(said.get("valid")) is False:
        found.refuse(0, Reason.PING_INVALID)
    else:
        lat, _, lon = str(said.get("location", "")).partition(",")
        found.place(
            0,
            said.get("lat", lat),
            said.get("lon", lon),
            [said.get("timestamp") or received_at.isoformat()],
            accuracy_m=accuracy(said.get("accuracy")) or said.get("hdop"),
            speed=said.get("speed"),
            mps_per_unit=MPS_PER_KNOT,
        )
    return found.read()


def osmand_token(body: bytes, content_type: str, query: Mapping[str, str]) -> str | None:
    """How a message names its device, which is all that this protocol says of who sends it."""
    if is_json(content_type):
        return traccar_token(body, content_type, query)
    said = _said(body, content_type, query)
    return next(filter(None, (name(said.get(key)) for key in ("token", "id", "deviceid"))), None)


def _said(body: bytes, content_type: str, query: Mapping[str, str]) -> Mapping[str, Any]:
    try:
        return fields(body, content_type, query)
    except NoFix:
        return query
