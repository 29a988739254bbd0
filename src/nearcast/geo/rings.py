"""From a GeoJSON geometry's coordinates to an `Area` that has an inside, or to the vertex that prevents it."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, NoReturn, TypeAlias

import numpy as np
import shapely

from nearcast.domain.errors import InvalidGeofence
from nearcast.domain.geofence import Area
from nearcast.domain.position import MAX_LON_DEG
from nearcast.geo.batch import Floats
from nearcast.geo.crs import Note, Projection
from nearcast.geo.seam import moved_east, turns_home, turns_into, unwrapped

Geometry: TypeAlias = Any  # a shapely geometry
VertexPlace: TypeAlias = Callable[[int], str]

MAX_VERTICES = 200_000  # of one geofence: more than any coast needs, and no request can make us work for minutes
_LITTLE_ENDIAN = 1
_REASON = re.compile(r"(?P<what>[^\[]+)\[(?P<lon>\S+) (?P<lat>\S+)\]")


@dataclass(frozen=True, slots=True)
class Reading:
    """How coordinates are to be taken. `note` hears of every repair."""

    projection: Projection | None = None
    repair: bool = False
    note: Note | None = None

    def say_repaired(self, name: str, what: str) -> None:
        if self.note:
            self.note(f"repaired {name}: {what}")


@dataclass(frozen=True, slots=True)
class _Ring:
    """A closed ring with continuous longitudes; row k of `lonlat` is vertex k of what was read."""

    lonlat: Floats
    place: str
    is_hole: bool


def point(coordinates: object, place: str, reading: Reading) -> tuple[float, float]:
    """Longitude and latitude of a Point's coordinates."""
    lonlat = _lonlat([coordinates], lambda _: place, reading)
    return float(lonlat[0, 0]), float(lonlat[0, 1])


def area(polygons: Sequence[object], *, is_multi: bool, place: str, name: str, reading: Reading) -> Area:
    """The area that the coordinates of one Polygon, or of a MultiPolygon's parts, enclose.

    `name` is the geofence's id, for notes. Too few points, no area, self-intersection, a hole outside its shell and
    overlapping parts are InvalidGeofence unless they may be repaired; a ring round a pole always is, and so are more
    than `MAX_VERTICES`.
    """
    _refuse_too_many(polygons, place)
    rings: list[_Ring] = []
    parts: list[Geometry] = []
    for number, coordinates in enumerate(polygons):
        part_place = f"{place}, polygon {number}" if is_multi else place
        shell, *holes = _polygon(coordinates, part_place, name, reading)
        rings += [shell, *holes]
        parts.append(shapely.Polygon(shell.lonlat, [hole.lonlat for hole in holes]))
    if not parts:
        raise InvalidGeofence("the MultiPolygon is empty", place=place)
    geometry = shapely.MultiPolygon(parts) if is_multi else parts[0]
    if not shapely.is_valid(geometry):
        fault = _fault(geometry, rings)
        if not reading.repair:
            raise fault
        geometry = _repaired(geometry, place)
        reading.say_repaired(name, fault.message)
    return Area(area_wkb(geometry))


def geometry_of(boundary: Area) -> dict[str, Any]:
    """An area as the GeoJSON geometry that is read as the same area, to the last digit."""
    shape = shapely.from_wkb(boundary.wkb)
    polygons = [
        [shapely.get_coordinates(ring).tolist() for ring in (polygon.exterior, *polygon.interiors)]
        for polygon in shapely.get_parts(shape)
    ]
    is_multi = shape.geom_type == "MultiPolygon"
    return {"type": shape.geom_type, "coordinates": polygons if is_multi else polygons[0]}


def area_wkb(geometries: Geometry) -> Any:
    """Well-known binary as `Area` holds it, of one geometry or of an array of them."""
    return shapely.to_wkb(geometries, byte_order=_LITTLE_ENDIAN, output_dimension=2)


def _refuse_too_many(polygons: Sequence[object], place: str) -> None:
    lists = (list, tuple)
    rings = (ring for polygon in polygons if isinstance(polygon, lists) for ring in polygon)
    vertices = sum(len(ring) for ring in rings if isinstance(ring, lists))
    if vertices > MAX_VERTICES:
        raise InvalidGeofence(f"{vertices} vertices are more than the {MAX_VERTICES} a geofence may have", place=place)


def _polygon(coordinates: object, place: str, name: str, reading: Reading) -> list[_Ring]:
    """Shell first, its middle in [-180, 180); the holes are moved by whole turns to where it is."""
    if not isinstance(coordinates, (list, tuple)) or not coordinates:
        raise InvalidGeofence(f"{_short(coordinates)} is not a list of rings", place=place)
    rings = [_ring(ring, f"{place}, ring {number}", name, reading) for number, ring in enumerate(coordinates)]
    middles = [float(ring[:, 0].min() + ring[:, 0].max()) / 2.0 for ring in rings]
    home = turns_home(middles[0])
    shifts = [home] + [turns_into(middle, middles[0] + home) for middle in middles[1:]]
    return [
        _Ring(moved_east(ring, shift) if shift else ring, f"{place}, ring {number}", is_hole=number > 0)
        for number, (ring, shift) in enumerate(zip(rings, shifts, strict=True))
    ]


def _ring(vertices: object, place: str, name: str, reading: Reading) -> Floats:
    """A ring as read, closed and unwrapped."""
    if not isinstance(vertices, (list, tuple)):
        raise InvalidGeofence(f"{_short(vertices)} is not a list of positions", place=place)
    lonlat = _lonlat(vertices, lambda vertex: f"{place}, vertex {vertex}", reading)
    if len(lonlat) == 0:
        raise InvalidGeofence("the ring is empty", place=place)
    first, last = lonlat[0], lonlat[-1]
    if first[1] != last[1] or (first[0] - last[0]) % 360.0 != 0.0:
        lonlat = np.concatenate([lonlat, lonlat[:1]])
        reading.say_repaired(name, "ring closed")
    ring = unwrapped(lonlat, place)
    if len(ring) < 4 or len({*map(tuple, ring[:4].tolist())}) < 3:  # only then is it worth counting them all
        distinct = len({*map(tuple, ring.tolist())})
        if distinct < 3:
            hint = "; an edge of more than 180° goes the short way" if np.ptp(lonlat[:, 0]) > 180.0 else ""
            raise InvalidGeofence(f"{distinct} distinct points enclose nothing, a ring needs 3{hint}", place=place)
    return ring


def _lonlat(positions: Sequence[object], vertex_place: VertexPlace, reading: Reading) -> Floats:
    """n GeoJSON positions as (n, 2) of lon, lat in range; altitudes are dropped."""
    try:
        kinds, widths = {*map(type, chain.from_iterable(positions))}, {*map(len, positions)}  # type: ignore[arg-type]
        if not (all(map(_is_number, kinds)) and widths <= {2, 3}):
            raise TypeError
        flat = positions if widths == {2} else [position[:2] for position in positions]  # type: ignore[index]
        lonlat = np.array(flat, dtype=np.float64).reshape(-1, 2)
    except (TypeError, OverflowError):
        _refuse_positions(positions, vertex_place)
    if reading.projection is not None:
        lonlat = _projected(lonlat, vertex_place, reading.projection)
    in_range = np.abs(lonlat) <= (MAX_LON_DEG, 90.0)  # NaN compares false
    if not in_range.all():
        vertex = int(np.argmin(in_range.all(axis=1)))
        lon, lat = lonlat[vertex].tolist()
        if not abs(lat) <= 90.0:
            raise InvalidGeofence(f"latitude {lat!r} is not in -90…90", place=vertex_place(vertex))
        raise InvalidGeofence(f"longitude {lon!r} is not in -540…540", place=vertex_place(vertex))
    return lonlat


def _refuse_positions(positions: Sequence[object], vertex_place: VertexPlace) -> NoReturn:
    """Say which of the positions is not two or three numbers."""
    for vertex, position in enumerate(positions):
        place = vertex_place(vertex)
        if not isinstance(position, (list, tuple)) or not 2 <= len(position) <= 3:
            raise InvalidGeofence(f"{_short(position)} is not a position of 2 or 3 numbers", place=place)
        for value in position:
            if not _is_number(type(value)) or (isinstance(value, int) and abs(value) > 10**300):
                raise InvalidGeofence(f"coordinate {_short(value)} is not a number of degrees", place=place)
    raise InvalidGeofence(f"{_short(positions)} are not positions", place=vertex_place(0))


def _is_number(kind: type) -> bool:
    return issubclass(kind, (int, float)) and kind is not bool


def _projected(xy: Floats, vertex_place: VertexPlace, projection: Projection) -> Floats:
    lonlat = projection(xy)
    outside = ~np.isfinite(lonlat).all(axis=1)
    if outside.any():
        vertex = int(np.argmax(outside))
        x, y = xy[vertex].tolist()
        raise InvalidGeofence(
            f"x {x!r}, y {y!r} lies outside the coordinate reference system", place=vertex_place(vertex)
        )
    return lonlat


def _fault(geometry: Geometry, rings: list[_Ring]) -> InvalidGeofence:
    """What is wrong with an invalid geometry, at the vertex nearest to where GEOS found it."""
    for ring in rings:
        if shapely.area(shapely.convex_hull(shapely.MultiPoint(ring.lonlat))) == 0.0:
            return InvalidGeofence("the ring has no area", place=ring.place)
    reason = _REASON.fullmatch(str(shapely.is_valid_reason(geometry)))
    if reason is None:
        return InvalidGeofence(f"invalid: {shapely.is_valid_reason(geometry)}", place=rings[0].place)
    at = np.array([float(reason["lon"]), float(reason["lat"])])
    suspects = [ring for ring in rings if ring.is_hole] if reason["what"].startswith("Hole") else rings
    nearest = min(suspects, key=lambda ring: float(np.hypot(*(ring.lonlat - at).T).min()))
    vertex = int(np.argmin(np.hypot(*(nearest.lonlat - at).T)))
    lon, lat = round(at[0] + turns_home(at[0]), 7), round(at[1], 7)
    return InvalidGeofence(
        f"{reason['what'].lower()} at lon {lon}, lat {lat}", place=f"{nearest.place}, vertex {vertex}"
    )


def _repaired(geometry: Geometry, place: str) -> Geometry:
    """The polygons of what shapely makes of an invalid geometry, each again with its middle in [-180, 180)."""
    repaired = shapely.make_valid(geometry, method="structure", keep_collapsed=False)
    polygons = [part for part in shapely.get_parts(repaired) if part.geom_type == "Polygon" and part.area > 0.0]
    if not polygons:
        raise InvalidGeofence("nothing with an area remains after repair", place=place)
    homed = []
    for polygon in polygons:
        west, _, east, _ = polygon.bounds
        shift = turns_home((west + east) / 2.0)
        homed.append(shapely.transform(polygon, partial(moved_east, by_deg=shift)))
    return homed[0] if len(homed) == 1 else shapely.MultiPolygon(homed)


def _short(value: object) -> str:
    text = repr(value) if not isinstance(value, float) or math.isfinite(value) else str(value)
    return text if len(text) <= 60 else text[:57] + "…"
