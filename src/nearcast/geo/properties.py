"""What a geofence's properties say besides its geometry. Unknown ones are nobody's business here.

Every error is InvalidGeofence with the property's name, its value and the given place.
"""

from collections.abc import Mapping
from typing import Any, TypeGuard

from nearcast.domain.errors import InvalidGeofence, InvalidInput
from nearcast.domain.geofence import Boundary, Circle, Geofence
from nearcast.domain.ids import GeofenceId, ShopId
from nearcast.domain.opening_hours import OpeningHours
from nearcast.domain.position import Position

_LARGEST_ID = 1e18
_LONGEST_S = 1e9  # some 30 years: longer spans are slips of a unit


def geofence_with(boundary: Boundary, name: str, properties: Mapping[str, Any], place: str) -> Geofence:
    """The geofence of a checked boundary and id; `shop_id`, `name`, `dwell_s`, `tags`, `active_hours` are optional."""
    shop_id = _text(properties, "shop_id", place)
    return Geofence(
        id=GeofenceId(name),
        boundary=boundary,
        shop_id=None if shop_id is None else ShopId(shop_id),
        name=_text(properties, "name", place),
        dwell_s=_dwell_s(properties.get("dwell_s"), place),
        tags=_tags(properties.get("tags"), place),
        active_hours=_active_hours(properties.get("active_hours"), place),
    )


def identified(feature_id: object, properties: Mapping[str, Any], place: str) -> str:
    """The id as text: property `id`, else the feature's own, else property `osm_id`."""
    for value in (properties.get("id"), feature_id, properties.get("osm_id")):
        if value is not None:
            text = _as_text(value)
            if not text:
                raise InvalidGeofence(f"id {value!r} is neither text nor a number", place=place)
            return text
    raise InvalidGeofence("an id is needed: property 'id', the feature's 'id' or property 'osm_id'", place=place)


def circle(lat_deg: float, lon_deg: float, radius_m: object, place: str) -> Circle:
    if radius_m is None:
        raise InvalidGeofence("a Point needs the property radius_m, in metres", place=place)
    if not _is_number(radius_m):
        raise InvalidGeofence(f"radius_m {radius_m!r} is not a number of metres", place=place)
    try:
        return Circle(Position(lat_deg, lon_deg), float(radius_m))
    except InvalidGeofence as error:
        raise error.within(place) from None
    except OverflowError:
        raise InvalidGeofence("radius_m is larger than the earth", place=place) from None


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _as_text(value: object) -> str | None:
    """Text as it is, numbers in decimal; None for anything else and for text that no file can hold."""
    if isinstance(value, str):
        is_writable = value.isprintable() or value.encode(errors="ignore").decode() == value
        return value if is_writable else None
    if not _is_number(value) or not abs(value) <= _LARGEST_ID:
        return None
    return str(int(value)) if value == int(value) else str(value)


def _text(properties: Mapping[str, Any], key: str, place: str) -> str | None:
    value = properties.get(key)
    if value is None:
        return None
    text = _as_text(value)
    if text is None:
        raise InvalidGeofence(f"{key} {value!r} is not text", place=place)
    return text


def _dwell_s(value: object, place: str) -> float | None:
    if value is None:
        return None
    if not _is_number(value) or not 0 <= value <= _LONGEST_S:
        said = str(value)[:40] if _is_number(value) else repr(value)
        raise InvalidGeofence(f"dwell_s {said} is not a number of seconds in 0…{_LONGEST_S:.0f}", place=place)
    return float(value)


def _tags(value: object, place: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, (list, tuple)) or not all(isinstance(tag, str) and _as_text(tag) for tag in value):
        raise InvalidGeofence(f"tags {value!r} are not a list of texts", place=place)
    return tuple(value)


def _active_hours(value: object, place: str) -> OpeningHours | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidGeofence(f"active_hours {value!r} are not text", place=place)
    try:
        hours = OpeningHours.parse(value)
    except InvalidInput as error:
        raise InvalidGeofence(f"active_hours: {error.message}", place=place) from None
    if hours.on_holidays is not None:
        raise InvalidGeofence("active_hours: public holidays (PH) are for the opening hours of shops", place=place)
    return hours
