"""What owners draw as a Feature that can be kept: with ground of its own, and repaired where they ask for it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from nearcast.domain.errors import InvalidGeofence, InvalidInput
from nearcast.domain.geofence import Area, Geofence
from nearcast.domain.position import Position
from nearcast.geo.rings import geometry_of
from nearcast.geo.validate import geofence_from_feature

CARE = "care"
"""A member of the Features that are answered. In one that comes back it says nothing."""
_VERTEX = re.compile(r"(?:polygon|ring|vertex) (\d+)")
_PROPERTIES = ("name", "shop_id", "radius_m", "dwell_s", "tags", "active_hours")


@dataclass(frozen=True, slots=True)
class Drawn:
    """A geofence with the Feature that is kept of it, and what had to be repaired."""

    feature: dict[str, Any]
    geofence: Geofence
    repaired: tuple[str, ...]


def drawn(feature: Mapping[str, Any], *, repair: bool = False) -> Drawn:
    """InvalidGeofence names what is wrong and where in the Feature. What was repaired is kept repaired: open rings are
    closed always, other faults with `repair` alone.
    """
    said = {key: value for key, value in feature.items() if key != CARE}
    notes: list[str] = []
    try:
        geofence = geofence_from_feature(said, place="", repair=repair, note=notes.append)
    except InvalidGeofence as error:
        raise InvalidGeofence(error.message, place=_path(error)) from error
    prefix = f"repaired {geofence.id}: "
    repaired = tuple(dict.fromkeys(note.removeprefix(prefix) for note in notes))
    if repaired and isinstance(geofence.boundary, Area):
        said["geometry"] = geometry_of(geofence.boundary)
    return Drawn(said, geofence, repaired)


def is_without_ground(feature: Mapping[str, Any]) -> bool:
    return feature.get("type") == "Feature" and feature.get("geometry") is None


def names_nothing(feature: Mapping[str, Any]) -> bool:
    """Whether a Feature has no id, wherever one may stand."""
    properties = feature.get("properties")
    inside = properties if isinstance(properties, Mapping) else {}
    return all(value is None for value in (feature.get("id"), inside.get("id"), inside.get("osm_id")))


def with_circle(
    feature: Mapping[str, Any], shop_at: Callable[[], Position | None], locate: Callable[[object], Position]
) -> dict[str, Any]:
    """A Feature without ground as one round its `address`, which is looked up, or else round its shop.

    InvalidInput where it says neither or no radius, and where the shop has no position; nothing is looked up for a
    Feature that could not be kept.
    """
    properties = feature.get("properties")
    said = properties if isinstance(properties, Mapping) else {}
    if said.get("address") is None and said.get("shop_id") is None:
        hint = "draw it, or give radius_m with an address or a shop_id"
        raise InvalidGeofence(f"there is no geometry: {hint}", place="geometry")
    if said.get("radius_m") is None:
        raise InvalidGeofence("is needed where there is no geometry, in metres", place="properties.radius_m")
    drawn(_round(feature, Position(0.0, 0.0)))
    if said.get("address") is not None:
        return _round(feature, locate(said["address"]))
    position = shop_at()
    if position is None:
        raise InvalidInput("this shop has no lat and lon to draw a circle round", place="properties.shop_id")
    return _round(feature, position)


def _round(feature: Mapping[str, Any], center: Position) -> dict[str, Any]:
    return {**feature, "geometry": {"type": "Point", "coordinates": [center.lon_deg, center.lat_deg]}}


def _path(error: InvalidGeofence) -> str:
    """Where in the Feature it is: `geometry.coordinates[0][3]` for vertex 3 of ring 0."""
    numbers = _VERTEX.findall(error.place.rpartition(")")[2])
    if numbers:
        return "geometry.coordinates" + "".join(f"[{number}]" for number in numbers)
    named = next((name for name in _PROPERTIES if re.match(rf"{name}\b", error.message)), None)
    if named:
        return f"properties.{named}"
    return next((part for part in ("geometry", "properties", "id") if part in error.message.split()[:3]), "")
