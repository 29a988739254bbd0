"""Geofences and points to test with: written down, and drawn by Hypothesis where they are awkward."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from hypothesis import strategies as st

from nearcast.domain.errors import InvalidGeofence
from nearcast.domain.geofence import Area, Circle, Geofence
from nearcast.domain.ids import GeofenceId
from nearcast.domain.position import Position
from nearcast.geo.batch import Floats
from nearcast.geo.matcher import FenceIndex
from nearcast.geo.validate import geofence_from_feature

Ring = list[list[float]]

# sums and differences of these with 360 are exact, so that moving a shape round the earth changes no digit of it
GRID_DEG = 2.0**-12
ANCHORS = [(13.0, 52.0), (180.0, -17.0), (-180.0, 0.0), (0.0, 90.0), (77.0, -90.0), (179.5, 89.0)]


def box(west: float, south: float, east: float, north: float) -> Ring:
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def feature(kind: str, coordinates: object, geofence_id: object = "f1", **properties: object) -> dict[str, Any]:
    geometry = {"type": kind, "coordinates": coordinates}
    return {"type": "Feature", "id": geofence_id, "properties": properties, "geometry": geometry}


def polygon(*rings: Sequence[Sequence[float]], geofence_id: str = "f1", repair: bool = False) -> Geofence:
    return geofence_from_feature(feature("Polygon", list(rings), geofence_id), place="here", repair=repair)


def multipolygon(*polygons: Sequence[Ring], geofence_id: str = "f1") -> Geofence:
    return geofence_from_feature(feature("MultiPolygon", list(polygons), geofence_id), place="here")


def circle(lat_deg: float, lon_deg: float, radius_m: float, geofence_id: str = "f1") -> Geofence:
    return Geofence(id=GeofenceId(geofence_id), boundary=Circle(Position(lat_deg, lon_deg), radius_m))


def indexes(geofences: Sequence[Geofence]) -> list[FenceIndex]:
    """The same geofences in an R-tree, compiled, and half compiled and half edited since."""
    half = len(geofences) // 2
    overlaid, compiled, edited = (FenceIndex(some) for some in (geofences, geofences, geofences[:half]))
    compiled.compile()
    edited.compile()
    for geofence in geofences[half:]:
        edited.put(geofence)
    return [overlaid, compiled, edited]


def match(geofences: Sequence[Geofence], lat: Floats, lon: Floats) -> list[tuple[int, int]]:
    """What the matcher says in every one of its states: the pairs of ping row and slot."""
    said = [index.match(lat, lon) for index in indexes(geofences)]
    first, *others = [list(zip(pairs.ping_row.tolist(), pairs.slot.tolist(), strict=True)) for pairs in said]
    assert all(other == first for other in others)
    return first


def inside(geofence: Geofence, *lat_lon: tuple[float, float]) -> list[bool]:
    """What the matcher says of each point."""
    lat, lon = np.array(lat_lon).T
    hits = {row for row, _ in match([geofence], lat, lon)}
    return [row in hits for row in range(len(lat_lon))]


def vertices(geofence: Geofence) -> Floats:
    """(n, 2) of lon, lat: an area's vertices, a circle's centre."""
    if isinstance(geofence.boundary, Circle):
        center = geofence.boundary.center
        return np.array([[center.lon_deg, center.lat_deg]])
    corners: Floats = shapely.get_coordinates(shapely.from_wkb(geofence.boundary.wkb))
    return corners


def nearby_points(geofences: Sequence[Geofence], rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
    """n points in range, latitudes and longitudes: vertices, places on edges, their next neighbours among the floats,
    points round about, and the poles; longitudes in any spelling."""
    corners = np.concatenate([np.array([[0.0, 90.0], [9.0, -90.0]]), *(vertices(geofence) for geofence in geofences)])
    at = corners[rng.integers(0, len(corners), n)]
    to = corners[rng.integers(0, len(corners), n)]
    kind = rng.integers(0, 5, n)[:, np.newaxis]
    points = np.where(kind == 0, (at + to) / 2, at)
    points = np.where(kind == 1, np.column_stack([at[:, 0], to[:, 1]]), points)
    points = np.where(kind == 2, np.nextafter(at, to), points)
    points = np.where(kind == 3, at + rng.normal(0, 0.2, (n, 2)), points)
    points = np.where(np.abs(points) < 1e-100, 0.0, points)  # products of such numbers are 0, and GEOS is lost
    lon = (points[:, 0] + 180.0) % 360.0 - 180.0 + rng.choice([-360.0, 0.0, 0.0, 360.0], n)
    return points[:, 1].clip(-90.0, 90.0), np.where(np.abs(lon) <= 540.0, lon, 0.0)


@st.composite
def circles(draw: st.DrawFn, geofence_id: str = "f1") -> Geofence:
    lon, lat = draw(st.sampled_from(ANCHORS))
    lat += draw(st.integers(-8, 8)) / 8
    radius_m = draw(st.sampled_from([0.001, 5.0, 100.0, 55_660.0, 111_200.0, 3e6, 1.9e7]))
    return circle(max(-90.0, min(90.0, lat)), lon + draw(st.integers(-8, 8)) / 8, radius_m, geofence_id)


@st.composite
def rings(draw: st.DrawFn, size: int = 8) -> Ring:
    """Any few points of a small grid about an anchor, in any order: mostly not valid as they are."""
    lon, lat = draw(st.sampled_from(ANCHORS))
    corner = st.tuples(st.integers(-size, size), st.integers(-size, size))
    corners = draw(st.lists(corner, min_size=3, max_size=9, unique=True))
    return [[lon + east / 8, max(-90.0, min(90.0, lat + north / 8))] for east, north in corners]


@st.composite
def areas(draw: st.DrawFn, geofence_id: str = "f1") -> Geofence:
    """What repair makes of such rings: holes, islands, parts that touch, over the seam and at the poles."""
    shape = [draw(rings()) for _ in range(draw(st.integers(1, 2)))]
    try:
        return polygon(*shape, geofence_id=geofence_id, repair=True)
    except InvalidGeofence:
        return polygon(box(0.0, 0.0, 1.0, 1.0), geofence_id=geofence_id)


@st.composite
def stars(draw: st.DrawFn) -> Ring:
    """A valid ring on the fine grid, not closed, round the origin, within ±64°."""
    n = draw(st.integers(3, 12))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    angle = np.sort(rng.uniform(0.0, 2 * np.pi, n))
    reach = rng.uniform(1.0, 60.0, n)
    xy = np.column_stack([reach * np.cos(angle), reach * np.sin(angle)])
    ring: Ring = (np.round(xy / GRID_DEG) * GRID_DEG).tolist()
    return ring if shapely.Polygon(ring).is_valid else box(-3.0, -2.0, 5.0, 7.0)[:4]


def fences(geofence_id: str = "f1") -> st.SearchStrategy[Geofence]:
    return st.one_of(circles(geofence_id), areas(geofence_id))


def area_of(geofence: Geofence) -> Any:
    assert isinstance(geofence.boundary, Area)
    return shapely.from_wkb(geofence.boundary.wkb)
