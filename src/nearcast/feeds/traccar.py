"""Traccar: what its app sends as JSON, and what a Traccar server passes on of its own devices.

The app nests a fix as `location.coords`; others who write for Traccar leave `coords` out. A server sends `position` and
`device`, with a speed in knots, or an `event`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from nearcast.domain.reason import Reason
from nearcast.feeds.message import MPS_PER_KNOT, Entries, entries, flag, members
from nearcast.feeds.phone import NoFix, document, name
from nearcast.services.feed_request import Read


def read_traccar(body: bytes, _content_type: str, _query: Mapping[str, str], received_at: datetime) -> Read:
    """The fixes of a message: of the app's `location`, one or several, or of a server's `position`."""
    found, said = Entries(received_at), _said(body)
    if "position" in said or "event" in said:
        _passed_on(found, said.get("position"))
    elif "location" in said:
        for index, location in enumerate(entries(said["location"])):
            _location(found, index, location)
    else:
        found.refuse(0)
    return found.read()


def traccar_token(body: bytes, _content_type: str, query: Mapping[str, str]) -> str | None:
    """How a message names its device, which is all that this protocol says of who sends it."""
    said = _said(body)
    named = (query.get("token"), query.get("id"), said.get("device_id"), members(said.get("device")).get("uniqueId"))
    return next(filter(None, map(name, named)), None)


def _said(body: bytes) -> Mapping[str, Any]:
    try:
        return members(document(body))
    except NoFix:
        return {}


def _location(found: Entries, index: int, said: object) -> None:
    location = members(said)
    coords = members(location.get("coords", location))
    if not isinstance(said, dict):
        found.refuse(index)
    elif flag(location.get("mock")) or flag(coords.get("mock")):
        found.refuse(index, Reason.PING_MOCKED)
    else:
        found.place(
            index,
            coords.get("latitude"),
            coords.get("longitude"),
            [location.get("timestamp")],
            accuracy_m=coords.get("accuracy"),
            speed=coords.get("speed"),
            ping_id=location.get("uuid"),
        )


def _passed_on(found: Entries, said: object) -> None:
    position = members(said)
    if said is None:
        found.count("event")
    elif flag(members(position.get("attributes")).get("mock")):
        found.refuse(0, Reason.PING_MOCKED)
    elif flag(position.get("valid")) is False or flag(position.get("outdated")):
        found.refuse(0, Reason.PING_INVALID)
    else:
        found.place(
            0,
            position.get("latitude"),
            position.get("longitude"),
            [position.get("fixTime"), position.get("deviceTime")],
            accuracy_m=position.get("accuracy"),
            speed=position.get("speed"),
            mps_per_unit=MPS_PER_KNOT,
            ping_id=_numbered(position.get("id")),
        )


def _numbered(number: object) -> str | None:
    """A server numbers its positions once it has kept them, and may pass one on twice."""
    return f"traccar-{number}" if number and name(number) else None
