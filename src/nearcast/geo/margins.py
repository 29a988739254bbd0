"""How far a position is from a geofence's boundary, and how deep the geofence is: what profile ROBUST weighs."""

import math
from functools import lru_cache

import numpy as np
import shapely
from pyproj import Geod

from nearcast.domain.geofence import Circle, Geofence
from nearcast.domain.position import Position
from nearcast.geo import oracle
from nearcast.geo.batch import Floats
from nearcast.geo.geodesy import distance_m

_WGS84 = Geod(ellps="WGS84")
_PIECE_DEG = 0.5  # over which a straight line in lon/lat and a geodesic part by 1e-5 of its length
_PLANE_M, _PLANE_LAT_DEG = 10_000.0, 80.0  # within which a plane about the position will do
_NEARLY = 1.04  # what is hardly farther in a plane or on a sphere may be nearer on the ellipsoid
_SPHERE_M = 6_371_008.8
_SAMPLES, _ROUNDS = 9, 8


def between_m(start: Position, end: Position) -> float:
    """The WGS 84 geodesic from place to place, accurate to about 15 nm; at a pole longitude means nothing."""
    return float(_WGS84.inv(_lon_deg(start), start.lat_deg, _lon_deg(end), end.lat_deg)[2])


def signed_distance_m(geofence: Geofence, position: Position) -> float:
    """The geodesic to the boundary: positive outside, negative inside and on it.

    A circle's is its centre's distance less the radius. To an area it is right to 1e-4 of itself; for somebody inside,
    an edge that two parts share (at the antimeridian) is boundary too.
    """
    boundary = geofence.boundary
    if isinstance(boundary, Circle):
        return between_m(boundary.center, position) - boundary.radius_m
    away_m = _away_m(boundary.wkb, position)
    return -away_m if oracle.covers(geofence, position) else away_m


def depth_m(geofence: Geofence) -> float:
    """How far inside one can be: a circle's radius, an area's 2·area/perimeter.

    Areas and perimeters are geodesic. Holes are no area and their rings are perimeter. The parts of a multipolygon
    count together: of equal parts it is the depth of each.
    """
    boundary = geofence.boundary
    return boundary.radius_m if isinstance(boundary, Circle) else _area_depth_m(boundary.wkb)


@lru_cache(maxsize=4096)
def _area_depth_m(wkb: bytes) -> float:
    area_m2 = perimeter_m = 0.0
    for part in shapely.get_parts(shapely.segmentize(shapely.from_wkb(wkb), _PIECE_DEG)):
        for n, ring in enumerate(shapely.get_rings(part)):
            ring_m2, ring_m = _WGS84.polygon_area_perimeter(*shapely.get_coordinates(ring).T)
            area_m2 += abs(ring_m2) if n == 0 else -abs(ring_m2)
            perimeter_m += ring_m
    return 2.0 * area_m2 / perimeter_m


def _away_m(wkb: bytes, position: Position) -> float:
    edges = _edges(wkb)
    fraction, apart_m = _nearest_in_plane(edges, position)
    nearest_m = float(apart_m.min())
    if nearest_m > _PLANE_M or abs(position.lat_deg) > _PLANE_LAT_DEG:
        fraction, apart_m = _nearest_on_sphere(edges, position)
        nearest_m = float(apart_m.min())
    close = apart_m <= nearest_m * _NEARLY
    lon_deg, lat_deg = _points(edges[close], fraction[close])
    lon_deg = np.where(np.abs(lat_deg) == 90.0, 0.0, lon_deg)
    here_lat_deg, here_lon_deg = (np.full(len(lat_deg), deg) for deg in (position.lat_deg, _lon_deg(position)))
    return float(distance_m(here_lat_deg, here_lon_deg, lat_deg, lon_deg).min())


@lru_cache(maxsize=4096)
def _edges(wkb: bytes) -> Floats:
    """All rings' edges in pieces of at most half a degree, (n, 4) of lon, lat, lon, lat."""
    parts = shapely.get_parts(shapely.segmentize(shapely.from_wkb(wkb), _PIECE_DEG))
    lonlat, ring = shapely.get_coordinates(shapely.get_rings(parts), return_index=True)
    edges: Floats = np.column_stack([lonlat[:-1], lonlat[1:]])[ring[:-1] == ring[1:]]
    return edges


def _nearest_in_plane(edges: Floats, position: Position) -> tuple[Floats, Floats]:
    """For n edges, where along each the nearest point lies, 0…1, and how far it is in metres, in the plane in which
    the meridians and parallels at the position are straight.
    """
    lat = math.radians(position.lat_deg)
    turn_deg = 360.0 * np.rint((position.lon_deg - edges[:, 0]) / 360.0)
    east_m = math.radians(1.0) * _SPHERE_M * math.cos(lat)
    north_m = math.radians(1.0) * _SPHERE_M
    ax, bx = ((edges[:, column] + turn_deg - position.lon_deg) * east_m for column in (0, 2))
    ay, by = ((edges[:, column] - position.lat_deg) * north_m for column in (1, 3))
    dx, dy = bx - ax, by - ay
    length2 = dx * dx + dy * dy
    fraction = np.clip(-(ax * dx + ay * dy) / np.where(length2 > 0.0, length2, 1.0), 0.0, 1.0)
    return fraction, np.hypot(ax + fraction * dx, ay + fraction * dy)


def _nearest_on_sphere(edges: Floats, position: Position) -> tuple[Floats, Floats]:
    """The same on a sphere, by looking ever closer at the nearest of a few points along each edge."""
    middle, half = np.full(len(edges), 0.5), 0.5
    offsets = np.linspace(-1.0, 1.0, _SAMPLES)
    fraction, apart_m = middle, middle
    for _ in range(_ROUNDS):
        tried = np.clip(middle[:, np.newaxis] + half * offsets, 0.0, 1.0)
        lon_deg, lat_deg = _points(edges[:, np.newaxis, :], tried)
        away_m = _haversine_m(position, lat_deg, lon_deg)
        best = away_m.argmin(axis=1)[:, np.newaxis]
        fraction, apart_m = (np.take_along_axis(values, best, axis=1)[:, 0] for values in (tried, away_m))
        middle, half = fraction, half * 2.0 / (_SAMPLES - 1)
    return fraction, apart_m


def _points(edges: Floats, fraction: Floats) -> tuple[Floats, Floats]:
    """Longitudes and latitudes at those fractions of the edges."""
    lon_deg: Floats = edges[..., 0] + fraction * (edges[..., 2] - edges[..., 0])
    lat_deg: Floats = edges[..., 1] + fraction * (edges[..., 3] - edges[..., 1])
    return lon_deg, lat_deg


def _haversine_m(position: Position, lat_deg: Floats, lon_deg: Floats) -> Floats:
    here, there = math.radians(position.lat_deg), np.radians(lat_deg)
    half_lon = np.radians(lon_deg - position.lon_deg) / 2.0
    chord = np.sin((there - here) / 2.0) ** 2 + math.cos(here) * np.cos(there) * np.sin(half_lon) ** 2
    metres: Floats = 2.0 * _SPHERE_M * np.arcsin(np.sqrt(np.minimum(chord, 1.0)))
    return metres


def _lon_deg(position: Position) -> float:
    return 0.0 if abs(position.lat_deg) == 90.0 else position.lon_deg
