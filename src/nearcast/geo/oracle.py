"""Who is inside, the slow way: every geofence against every point, and one geofence against one point or step.

The matcher is held against `match`, which shares the definitions and the geodesic with it and nothing else: polygons
are decided by counting crossings with exact signs, circles by the distance of every point not too far north or south.
"""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
import shapely

from nearcast.domain.geofence import Circle, Geofence
from nearcast.domain.position import LARGEST_RADIUS_M, Position
from nearcast.geo.batch import Floats, Ints
from nearcast.geo.geodesy import SMALLEST_RADIUS_M, Bools, canonical_points, distance_m, straight_way
from nearcast.geo.pairs import Pairs

_CHUNK_CELLS = 1_000_000  # edges × points at a time
_SIGN_DOUBT = 4e-16  # Shewchuk 1997: below (3 + 16ε)ε of its terms' sum a determinant's sign may be rounding
_STEP_M = 1e-3  # how near to a circle is near enough
_HALVINGS = 30


def match(geofences: Sequence[Geofence], lat_deg: Floats, lon_deg: Floats) -> Pairs:
    """Every pair of n points and the geofences that hold them; `slot` is the geofence's place in the sequence.

    InvalidInput names the first row that is not a place on the earth.
    """
    lat_deg, lon_deg = canonical_points(lat_deg, lon_deg)
    rows: list[Ints] = [np.empty(0, dtype=np.int64)]
    slots: list[Ints] = [np.empty(0, dtype=np.int64)]
    for slot, geofence in enumerate(geofences):
        boundary = geofence.boundary
        if isinstance(boundary, Circle):
            inside = _in_circle(boundary, lat_deg, lon_deg)
        else:
            inside = _in_area(_geometry(boundary.wkb), lat_deg, lon_deg)
        row = np.flatnonzero(inside)
        rows.append(row)
        slots.append(np.full(len(row), slot, dtype=np.int64))
    return Pairs.of(np.concatenate(rows), np.concatenate(slots))


def covers(geofence: Geofence, position: Position) -> bool:
    """Whether the position is inside or on the boundary; the same answer as the matcher's."""
    boundary = geofence.boundary
    if isinstance(boundary, Circle):
        return _distance_m(boundary, position.lat_deg, position.lon_deg) <= boundary.radius_m
    geometry = _geometry(boundary.wkb)
    if abs(position.lat_deg) == 90.0:
        return _reaches_pole(geometry, position.lat_deg)
    return any(
        shapely.intersects_xy(geometry, position.lon_deg + turn, position.lat_deg) for turn in (0.0, 360.0, -360.0)
    )


def crossing(geofence: Geofence, a: Position, b: Position) -> tuple[float, float] | None:
    """Where the segment from a to b, straight in lon/lat, first and last touches the geofence; None where nowhere.

    As fractions 0…1 of the way; the short way over the seam. A circle's are right to about 1 mm, and a chord shorter
    than that may be missed.
    """
    start, end = straight_way(a, b)
    if isinstance(geofence.boundary, Circle):
        return _across_circle(geofence.boundary, start, end)
    return _across_area(_geometry(geofence.boundary.wkb), start, end)


@lru_cache(maxsize=4096)
def _geometry(wkb: bytes) -> Any:
    return shapely.from_wkb(wkb)


def _in_circle(circle: Circle, lat_deg: Floats, lon_deg: Floats) -> Bools:
    """Only points in the circle's band of latitudes are worth a geodesic: the way to a parallel is along a meridian."""
    inside = np.zeros(len(lat_deg), dtype=np.bool_)
    apart_m = np.radians(np.abs(lat_deg - circle.center.lat_deg)) * (SMALLEST_RADIUS_M * (1.0 - 1e-9))
    near = np.flatnonzero(apart_m <= circle.radius_m)
    center_lat, center_lon = np.full(len(near), circle.center.lat_deg), np.full(len(near), circle.center.lon_deg)
    inside[near] = distance_m(center_lat, center_lon, lat_deg[near], lon_deg[near]) <= circle.radius_m
    return inside


def _in_area(geometry: Any, lat_deg: Floats, lon_deg: Floats) -> Bools:
    """A point is in a part where it is on an edge, or where a ray eastwards from it crosses an odd number of edges."""
    inside = np.zeros(len(lat_deg), dtype=np.bool_)
    for part in shapely.get_parts(geometry):
        if part.is_empty:
            continue
        edges = _edges(part)
        south, north = edges[:, 1].min(), edges[:, 1].max()
        near = np.flatnonzero((lat_deg >= south) & (lat_deg <= north))
        chunk = max(1, _CHUNK_CELLS // len(edges))
        for first in range(0, len(near), chunk):
            row = near[first : first + chunk]
            for turn in (0.0, 360.0, -360.0):
                inside[row] |= _odd_or_on(edges, lon_deg[row] + turn, lat_deg[row])
    for pole_lat_deg in (-90.0, 90.0):
        if _reaches_pole(geometry, pole_lat_deg):
            inside |= lat_deg == pole_lat_deg
    return inside


def _edges(part: Any) -> Floats:
    """All rings' edges of a polygon, (n, 4) of lon, lat, lon, lat."""
    lonlat, ring = shapely.get_coordinates(shapely.get_rings(part), return_index=True)
    edges: Floats = np.column_stack([lonlat[:-1], lonlat[1:]])[ring[:-1] == ring[1:]]
    return edges


def _odd_or_on(edges: Floats, lon: Floats, lat: Floats) -> Bools:
    """n answers for n points; all comparisons are between numbers as given, and signs are exact."""
    ax, ay, bx, by = (column[:, np.newaxis] for column in edges.T)
    left, right = (bx - ax) * (lat - ay), (by - ay) * (lon - ax)
    side = np.sign(left - right)
    straddles = (ay > lat) != (by > lat)
    in_box = (np.minimum(ax, bx) <= lon) & (lon <= np.maximum(ax, bx))
    in_box &= (np.minimum(ay, by) <= lat) & (lat <= np.maximum(ay, by))
    doubtful = (np.abs(left - right) <= _SIGN_DOUBT * (np.abs(left) + np.abs(right))) & (straddles | in_box)
    for edge, point in zip(*np.nonzero(doubtful), strict=True):
        side[edge, point] = _exact_side(edges[edge], float(lon[point]), float(lat[point]))
    on_edge = (in_box & (side == 0)).any(axis=0)
    crossings = (straddles & ((side > 0) == (by > ay))).sum(axis=0)
    answer: Bools = on_edge | (crossings % 2 == 1)
    return answer


def _exact_side(edge: Floats, lon: float, lat: float) -> int:
    """1 where the point is left of the edge, -1 right, 0 on its line."""
    ax, ay, bx, by = map(Fraction, edge.tolist())
    determinant = (bx - ax) * (Fraction(lat) - ay) - (by - ay) * (Fraction(lon) - ax)
    return (determinant > 0) - (determinant < 0)


def _reaches_pole(geometry: Any, pole_lat_deg: float) -> bool:
    _, south, _, north = shapely.bounds(geometry)
    return bool(pole_lat_deg in (south, north))


def _across_area(geometry: Any, start: tuple[float, float], end: tuple[float, float]) -> tuple[float, float] | None:
    length = math.dist(start, end)
    fractions: list[float] = []
    for turn in (0.0, 360.0, -360.0):
        segment = shapely.LineString([(start[0] + turn, start[1]), (end[0] + turn, end[1])])
        if not shapely.intersects(geometry, segment):
            continue
        touched = shapely.get_coordinates(shapely.intersection(geometry, segment))
        if len(touched) == 0:  # a touch too fine for the constructed intersection
            touched = shapely.get_coordinates(shapely.shortest_line(geometry, segment))[1:]
        along = np.hypot(touched[:, 0] - start[0] - turn, touched[:, 1] - start[1])
        fractions += (along / length if length else np.array([0.0, 1.0])).clip(0.0, 1.0).tolist()
    return (min(fractions), max(fractions)) if fractions else None


def _across_circle(circle: Circle, start: tuple[float, float], end: tuple[float, float]) -> tuple[float, float] | None:
    """Step towards the circle by the distance that is certainly free of it, from both ends."""

    def distance_at(fraction: float) -> float:
        lon, lat = (from_ + fraction * (to - from_) for from_, to in zip(start, end, strict=True))
        return _distance_m(circle, lat, lon)

    d_lon, d_lat = math.radians(end[0] - start[0]), math.radians(end[1] - start[1])
    nearest_equator = 0.0 if start[1] * end[1] < 0 else min(abs(start[1]), abs(end[1]))
    length_m = LARGEST_RADIUS_M * math.hypot(d_lat, d_lon * math.cos(math.radians(nearest_equator)))
    entered = _first_inside(distance_at, circle.radius_m, length_m)
    if entered is None:
        return None
    left = _first_inside(lambda fraction: distance_at(1.0 - fraction), circle.radius_m, length_m)
    return entered, max(entered, 1.0 - left) if left is not None else entered


def _first_inside(distance_at: Callable[[float], float], radius_m: float, length_m: float) -> float | None:
    """The first fraction of a way at most `length_m` long at which the distance is at most the radius."""
    outside, fraction = 0.0, 0.0
    while (away_m := distance_at(fraction)) > radius_m:
        if fraction >= 1.0:
            return None
        outside = fraction
        fraction = min(1.0, fraction + max(away_m - radius_m, _STEP_M) / length_m) if length_m else 1.0
    for _ in range(_HALVINGS):
        middle = (outside + fraction) / 2.0
        outside, fraction = (outside, middle) if distance_at(middle) <= radius_m else (middle, fraction)
    return fraction


def _distance_m(circle: Circle, lat_deg: float, lon_deg: float) -> float:
    """From the centre; at a pole longitude means nothing."""
    lon_deg = 0.0 if abs(lat_deg) == 90.0 else lon_deg
    columns = (np.array([number]) for number in (circle.center.lat_deg, circle.center.lon_deg, lat_deg, lon_deg))
    return float(distance_m(*columns)[0])
