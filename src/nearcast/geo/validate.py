"""What a geofence must be. Decoded GeoJSON goes in; what comes out has an inside, or an error leads to the vertex.

What cannot be seen: longitude and latitude swapped, where both are plausible (52.5, 13.4 lies in the Arabian Sea).
"""

from collections.abc import Callable, Mapping, Sequence

from nearcast.domain.errors import InvalidGeofence, InvalidInput
from nearcast.domain.geofence import Boundary, Geofence
from nearcast.domain.ids import GeofenceId
from nearcast.geo.crs import Projection, named_crs, projection
from nearcast.geo.properties import circle, geofence_with, identified
from nearcast.geo.rings import Reading, area, point


def geofence_from_feature(
    feature: object, *, place: str, repair: bool = False, note: Callable[[str], None] | None = None
) -> Geofence:
    """A Polygon, a MultiPolygon or a Point with `radius_m`, its id from property `id`, the feature or `osm_id`.

    Anything wrong is InvalidGeofence, its place inside `place`. Rings are closed where they are not, which `note` is
    told; with `repair`, invalid polygons are made valid, which it is told too.
    """
    return _geofence(feature, place, Reading(repair=repair, note=note))


def geofences_from_collection(
    document: object, *, place: str, repair: bool = False, note: Callable[[str], None] | None = None
) -> list[Geofence]:
    """The geofences of a FeatureCollection, in its order; a legacy `crs` member is honoured.

    InvalidGeofence as for one feature, and where two have the same id; InvalidInput where it is no FeatureCollection
    or its `crs` is unknown.
    """
    features, to_lonlat = collection(document, place, note)
    reading = Reading(projection=to_lonlat, repair=repair, note=note)
    prefix = f"{place}: features" if place else "features"
    geofences = [_geofence(feature, f"{prefix}[{number}]", reading) for number, feature in enumerate(features)]
    refuse_duplicates(geofences, lambda number: f"{prefix}[{number}]")
    return geofences


def collection(
    document: object, place: str, note: Callable[[str], None] | None
) -> tuple[Sequence[object], Projection | None]:
    """The members of a FeatureCollection, not yet looked at, and what brings them to longitude and latitude."""
    if not isinstance(document, Mapping) or document.get("type") != "FeatureCollection":
        raise InvalidInput(f"{_kind(document)} is not a GeoJSON FeatureCollection", place=place)
    features = document.get("features")
    if not isinstance(features, (list, tuple)):
        raise InvalidInput(f"features are {_kind(features)}, not a list", place=place)
    to_lonlat = projection(named_crs(document["crs"], place), place, note) if "crs" in document else None
    return features, to_lonlat


def refuse_duplicates(geofences: Sequence[Geofence], place_of: Callable[[int], str]) -> None:
    """InvalidGeofence where an id occurs twice, naming both places."""
    first_at: dict[GeofenceId, int] = {}
    for number, geofence in enumerate(geofences):
        first = first_at.setdefault(geofence.id, number)
        if first != number:
            place = f"{place_of(number)} (id {geofence.id})"
            raise InvalidGeofence(f"id {geofence.id!r} is already that of {place_of(first)}", place=place)


def _geofence(feature: object, place: str, reading: Reading) -> Geofence:
    if not isinstance(feature, Mapping) or feature.get("type") != "Feature":
        raise InvalidGeofence(f"{_kind(feature)} is not a GeoJSON Feature", place=place)
    properties = feature.get("properties")
    if properties is None:
        properties = {}
    if not isinstance(properties, Mapping):
        raise InvalidGeofence(f"properties are {_kind(properties)}, not an object", place=place)
    name = identified(feature.get("id"), properties, place)
    place = f"{place} (id {name})"
    boundary = _boundary(feature.get("geometry"), properties.get("radius_m"), place, name, reading)
    return geofence_with(boundary, name, properties, place)


def _boundary(geometry: object, radius_m: object, place: str, name: str, reading: Reading) -> Boundary:
    if not isinstance(geometry, Mapping):
        raise InvalidGeofence(f"geometry is {_kind(geometry)}, not a Polygon, MultiPolygon or Point", place=place)
    kind, coordinates = geometry.get("type"), geometry.get("coordinates")
    if kind == "Point":
        lon_deg, lat_deg = point(coordinates, place, reading)
        return circle(lat_deg, lon_deg, radius_m, place)
    if kind not in ("Polygon", "MultiPolygon"):
        raise InvalidGeofence(f"geometry type {kind!r} is not Polygon, MultiPolygon or Point", place=place)
    if radius_m is not None:
        raise InvalidGeofence(f"radius_m {radius_m!r} belongs to a Point, this is a {kind}", place=place)
    if kind == "Polygon":
        return area([coordinates], is_multi=False, place=place, name=name, reading=reading)
    if not isinstance(coordinates, (list, tuple)):
        raise InvalidGeofence(f"coordinates are {_kind(coordinates)}, not a list of polygons", place=place)
    return area(coordinates, is_multi=True, place=place, name=name, reading=reading)


def _kind(value: object) -> str:
    """What a decoded JSON value is, short enough for a message."""
    if isinstance(value, Mapping):
        kind = value.get("type")
        return f"a {kind[:40]}" if isinstance(kind, str) else "an object without a type"
    if isinstance(value, (list, tuple)):
        return "a list"
    return "null" if value is None else repr(value)[:60]
