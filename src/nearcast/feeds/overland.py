"""Overland: batches of GeoJSON Features (https://github.com/aaronpk/Overland-iOS#api).

The app keeps a batch until it is answered with `{"result":"ok"}`, and sends all of it again. Visits, trips and what the
app did are Features too, some without a geometry; `current` is the newest fix ahead of a backlog. Its `unique_id` names
the phone and not the fix.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from nearcast.feeds.message import Entries, entries, members
from nearcast.feeds.phone import NoFix, document
from nearcast.services.feed_request import Read


def read_overland(body: bytes, _content_type: str, _query: Mapping[str, str], received_at: datetime) -> Read:
    """The fixes of a batch in its order, that of `current` after them; none of a body that is not there."""
    found = Entries(received_at)
    if not body.strip():
        return found.read()
    try:
        said = document(body)
    except NoFix:
        said = None
    if not isinstance(said, dict):
        found.refuse(0)
        return found.read()
    for index, feature in enumerate([*entries(said.get("locations")), *entries(said.get("current"))]):
        _take(found, index, feature)
    if said.get("trip"):
        found.count("trip")
    return found.read()


def _take(found: Entries, index: int, feature: object) -> None:
    properties, geometry = members(members(feature).get("properties")), members(members(feature).get("geometry"))
    kind = _kind(properties)
    if kind is not None:
        found.count(kind)
    elif not isinstance(feature, dict) or geometry.get("type", "Point") != "Point":
        found.refuse(index)
    else:
        lon, lat, *_ = [*entries(geometry.get("coordinates")), None, None]
        accuracy_m, speed = properties.get("horizontal_accuracy"), properties.get("speed")
        found.place(index, lat, lon, [properties.get("timestamp")], accuracy_m=accuracy_m, speed=speed)


def _kind(properties: Mapping[str, Any]) -> str | None:
    """What a Feature is that is no fix."""
    action, kind = properties.get("action"), properties.get("type")
    if action is None and kind is None:
        return None
    return {"visit": "visit", "trip": "trip"}.get(str(action or kind), "action")
