"""Metres and degrees on WGS 84, in columns.

A circle is a set of geodesic distances, so the last word always has Karney's algorithm (Algorithms for geodesics, 2013)
through pyproj. Most answers need only bounds, and these are rigorous: both principal radii of curvature of the
ellipsoid lie between `SMALLEST_RADIUS_M` and `LARGEST_RADIUS_M`, so a geodesic is never shorter than the same latitudes
and longitudes on the smaller sphere, nor longer than on the larger.
"""

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from pyproj import Geod

from nearcast.domain.errors import InvalidInput
from nearcast.domain.position import LARGEST_RADIUS_M, MAX_LON_DEG, Position
from nearcast.geo.batch import Floats

Bools: TypeAlias = NDArray[np.bool_]
LonLat: TypeAlias = tuple[float, float]

EQUATOR_M, _FLATTENING = 6_378_137.0, 1.0 / 298.257223563
SQUARED_ECCENTRICITY = _FLATTENING * (2.0 - _FLATTENING)
SMALLEST_RADIUS_M = 6_335_439.0  # a·(1−e²), along the meridian at the equator, rounded down

_WGS84 = Geod(ellps="WGS84")
_SLACK_DEG = 1e-9  # 0.1 mm: what a box may be larger than needed, so that rounding never makes it smaller
_SLACK_M = 1e-6  # far above the rounding of a haversine between near points
_SLACK_RATIO = 1e-7  # far above its rounding between antipodes, far below the ellipsoid's flattening
_POLAR_LAT_DEG = 89.9  # nearer to a pole the cosine of a latitude loses the digits that a tight box needs


def wrapped_lon_deg(lon_deg: Floats) -> Floats:
    """The same meridians in [-180, 180), for longitudes in [-540, 540].

    Subtracting 360 is exact there (Sterbenz), so a vertex and a ping on it are still the same number afterwards.
    """
    lon_deg = np.where(lon_deg < -180.0, lon_deg + 360.0, np.where(lon_deg >= 180.0, lon_deg - 360.0, lon_deg))
    return np.where(lon_deg == 180.0, -180.0, lon_deg)  # 540 was


def canonical_points(lat_deg: Floats, lon_deg: Floats) -> tuple[Floats, Floats]:
    """One spelling for every place: longitude in [-180, 180), and 0 at the poles, where it means nothing.

    InvalidInput names the first row with a value that is not finite, a latitude beyond ±90 or a longitude beyond ±540.
    """
    lat_deg = np.asarray(lat_deg, dtype=np.float64)
    lon_deg = np.asarray(lon_deg, dtype=np.float64)
    if lat_deg.ndim != 1 or lat_deg.shape != lon_deg.shape:
        raise InvalidInput(f"latitudes {lat_deg.shape} and longitudes {lon_deg.shape} are not columns of one length")
    if len(lat_deg) and np.abs(lat_deg).max() < 90.0 and lon_deg.min() >= -180.0 and lon_deg.max() < 180.0:
        return lat_deg, lon_deg  # as most are; NaN compares false
    _refuse_beyond(lat_deg, 90.0, "latitude")
    _refuse_beyond(lon_deg, MAX_LON_DEG, "longitude")
    return lat_deg, np.where(np.abs(lat_deg) == 90.0, 0.0, wrapped_lon_deg(lon_deg))


def _refuse_beyond(values_deg: Floats, limit_deg: float, what: str) -> None:
    wrong = ~(np.abs(values_deg) <= limit_deg)  # NaN compares false
    if wrong.any():
        row = int(np.argmax(wrong))
        raise InvalidInput(f"{what} {float(values_deg[row])!r} is not in ±{limit_deg:.0f}", place=f"row {row}")


def straight_way(a: Position, b: Position) -> tuple[LonLat, LonLat]:
    """Start and end of the short way in lon/lat, without a jump; from or to a pole it follows a meridian."""
    start_lon, end_lon = a.lon_deg, b.lon_deg
    if abs(a.lat_deg) == 90.0:
        start_lon = end_lon
    elif abs(b.lat_deg) == 90.0:
        end_lon = start_lon
    if abs(end_lon - start_lon) > 180.0:
        end_lon += math.copysign(360.0, start_lon - end_lon)
    return (start_lon, a.lat_deg), (end_lon, b.lat_deg)


def distance_m(lat1_deg: Floats, lon1_deg: Floats, lat2_deg: Floats, lon2_deg: Floats) -> Floats:
    """Geodesic distances between n pairs of points, accurate to about 15 nm."""
    metres: Floats = _WGS84.inv(lon1_deg, lat1_deg, lon2_deg, lat2_deg)[2]
    return np.asarray(metres, dtype=np.float64)


def is_within(lat1_deg: Floats, lon1_deg: Floats, lat2_deg: Floats, lon2_deg: Floats, radius_m: Floats) -> Bools:
    """Whether `distance_m` ≤ `radius_m`, n answers. Only pairs within 1 % of the radius cost a geodesic."""
    angle = _haversine_rad(lat1_deg, lon1_deg, lat2_deg, lon2_deg)
    inside: Bools = angle * (LARGEST_RADIUS_M * (1.0 + _SLACK_RATIO)) + _SLACK_M <= radius_m
    doubtful = ~inside & (angle * (SMALLEST_RADIUS_M * (1.0 - _SLACK_RATIO)) - _SLACK_M <= radius_m)
    near = np.flatnonzero(doubtful)
    if near.size:
        exact_m = distance_m(lat1_deg[near], lon1_deg[near], lat2_deg[near], lon2_deg[near])
        inside[near] = exact_m <= radius_m[near]
    return inside


def _haversine_rad(lat1_deg: Floats, lon1_deg: Floats, lat2_deg: Floats, lon2_deg: Floats) -> Floats:
    lat1, lat2 = np.radians(lat1_deg), np.radians(lat2_deg)
    half_lat, half_lon = (lat2 - lat1) / 2.0, np.radians(lon2_deg - lon1_deg) / 2.0
    chord = np.sin(half_lat) ** 2 + np.cos(lat1) * np.cos(lat2) * np.sin(half_lon) ** 2
    angle: Floats = 2.0 * np.arcsin(np.sqrt(np.minimum(chord, 1.0)))
    return angle


def local_plane(lat_deg: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Round n latitudes: metres per degree north and how they grow per degree north, the same eastwards.

    The growth is halved, so that it is taken halfway to the other place (mid-latitude formula). With the meridian's
    radius of curvature M and the normal's N, a parallel's radius N·cos φ grows by −M·sin φ, and M itself by
    3·M·e²·sin φ·cos φ / (1 − e²·sin²φ). `plane_error` says how well this does.
    """
    sine, cosine = np.sin(np.radians(lat_deg)), np.cos(np.radians(lat_deg))
    flat = 1.0 - SQUARED_ECCENTRICITY * sine**2
    meridian_m, normal_m = EQUATOR_M * (1.0 - SQUARED_ECCENTRICITY) / flat**1.5, EQUATOR_M / np.sqrt(flat)
    meridian_growth_m = 3.0 * meridian_m * SQUARED_ECCENTRICITY * sine * cosine / flat
    rad, half = np.radians(1.0), np.radians(1.0) ** 2 / 2.0
    return meridian_m * rad, meridian_growth_m * half, normal_m * cosine * rad, -meridian_m * sine * half


def plane_error(lat_deg: Floats, reach_m: Floats) -> Floats:
    """A share of the distance that `local_plane` is never wrong by up to `reach_m` away; infinite near the poles.

    The terms left out are of second order in distance over radius and in the convergence of the meridians; two of them
    are the most found among two million random ones, and three are allowed for.
    """
    farthest_deg = np.abs(lat_deg) + np.degrees(reach_m / SMALLEST_RADIUS_M)
    is_far_from_poles = farthest_deg < _POLAR_LAT_DEG
    cosine = np.cos(np.radians(np.where(is_far_from_poles, farthest_deg, 0.0)))
    return np.where(is_far_from_poles, 3.0 * (reach_m / (SMALLEST_RADIUS_M * cosine)) ** 2, np.inf)


def circle_bounds_deg(lat_deg: Floats, lon_deg: Floats, radius_m: Floats) -> Floats:
    """Boxes that hold n circles: rows of west, south, east, north, never too small.

    West and east may lie beyond ±180; a circle that holds a pole or comes near it spans -180…180. A cap of angle c
    about latitude φ on a sphere reaches asin(sin c / cos φ) of longitude (the smaller sphere makes the larger angle).
    """
    arc_deg = np.degrees(radius_m / SMALLEST_RADIUS_M)
    south, north = lat_deg - arc_deg - _SLACK_DEG, lat_deg + arc_deg + _SLACK_DEG
    all_round = (south <= -_POLAR_LAT_DEG) | (north >= _POLAR_LAT_DEG)
    sine = np.sin(np.radians(np.where(all_round, 0.0, arc_deg))) / np.cos(np.radians(np.where(all_round, 0.0, lat_deg)))
    # asin is steep towards 1, where the last digits of its argument count: make it larger before, not after
    reach_deg = np.degrees(np.arcsin(np.minimum(sine * (1.0 + 1e-12), 1.0))) + _SLACK_DEG
    west = np.where(all_round, -180.0, lon_deg - reach_deg)
    east = np.where(all_round, 180.0, lon_deg + reach_deg)
    return np.column_stack([west, np.maximum(south, -90.0), east, np.minimum(north, 90.0)])
