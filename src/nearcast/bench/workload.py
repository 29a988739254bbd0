"""Geofences round towns and pings of people in them, drawn from a seed.

Towns have a heavy-tailed size distribution, so that the busiest spots lie under several fences at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely

from nearcast.domain.errors import InvalidInput
from nearcast.domain.geofence import Area, Boundary, Circle, Geofence
from nearcast.domain.ids import GeofenceId
from nearcast.domain.position import Position
from nearcast.geo.batch import Floats, Ints, Texts
from nearcast.geo.geodesy import Bools
from nearcast.geo.rings import area_wkb

KINDS = ("shops", "mixed")

_TOWNS = 400
_METRES_PER_DEGREE = 111_320.0
_FENCE_SPREAD_DEG, _PING_SPREAD_DEG = 0.05, 0.06
_SHOP_RADII_M = (50.0, 75.0, 100.0, 150.0, 200.0)
_AREA_RADII_M = (60.0, 100.0, 150.0, 250.0, 500.0)
_ROUND_CORNERS = 64
_FENCES_AT_ONCE = 50_000  # drawn together: a million polygons with all their corners in columns would fill the memory


@dataclass(frozen=True, slots=True, eq=False)
class Workload:
    """n pings as columns, and the geofences they are matched with."""

    geofences: list[Geofence]
    lat_deg: Floats
    lon_deg: Floats


def workload(kind: str, *, fences: int, pings: int, seed: int) -> Workload:
    """`shops`: 95 % circles of 50–200 m, 5 % stars of 4–12 vertices and 15–60 m. `mixed`: half 64-gons, half stars of
    5–59 vertices, 60–500 m. InvalidInput for another kind.
    """
    if kind not in KINDS:
        raise InvalidInput(f"kind {kind!r} is not one of {', '.join(KINDS)}")
    rng = np.random.default_rng(seed)
    towns = np.column_stack([rng.uniform(6.0, 15.0, _TOWNS), rng.uniform(47.5, 54.8, _TOWNS)])
    sizes = rng.pareto(1.1, _TOWNS) + 0.1
    shares = sizes / sizes.sum()
    centers = towns[rng.choice(_TOWNS, fences, p=shares)] + rng.normal(0.0, _FENCE_SPREAD_DEG, (fences, 2))
    at = towns[rng.choice(_TOWNS, pings, p=shares)] + rng.normal(0.0, _PING_SPREAD_DEG, (pings, 2))
    draw = _shops if kind == "shops" else _mixed
    slices = (centers[start : start + _FENCES_AT_ONCE] for start in range(0, fences, _FENCES_AT_ONCE))
    boundaries = (boundary for part in slices for boundary in draw(rng, part))
    geofences = [Geofence(id=GeofenceId(f"f{n}"), boundary=boundary) for n, boundary in enumerate(boundaries)]
    return Workload(geofences, lat_deg=at[:, 1].copy(), lon_deg=at[:, 0].copy())


def _shops(rng: np.random.Generator, centers: Floats) -> Iterator[Boundary]:
    n = len(centers)
    is_circle = rng.random(n) < 0.95
    circle_radius_m = rng.choice(_SHOP_RADII_M, n)
    stars = iter(_stars(rng, centers[~is_circle], rng.uniform(15.0, 60.0, n)[~is_circle], most=12, least=4))
    columns = zip(is_circle.tolist(), centers.tolist(), circle_radius_m.tolist(), strict=True)
    for circle, (lon_deg, lat_deg), radius_m in columns:
        yield Circle(Position(lat_deg, lon_deg), radius_m) if circle else Area(next(stars))


def _mixed(rng: np.random.Generator, centers: Floats) -> Iterator[Boundary]:
    n = len(centers)
    radius_m = rng.choice(_AREA_RADII_M, n)
    is_round = rng.random(n) < 0.5
    stars = iter(_stars(rng, centers[~is_round], radius_m[~is_round], most=59, least=5))
    rounds = iter(_rounds(centers[is_round], radius_m[is_round]))
    for each in is_round.tolist():
        yield Area(next(rounds if each else stars))


def _rounds(centers: Floats, radius_m: Floats) -> Texts:
    """Circles given as polygons."""
    angles = np.linspace(0.0, 2.0 * np.pi, _ROUND_CORNERS, endpoint=False)
    polygon = np.repeat(np.arange(len(centers)), _ROUND_CORNERS)
    return _wkb(_polygons(centers, polygon, radius_m[polygon], np.tile(angles, len(centers))))


def _stars(rng: np.random.Generator, centers: Floats, radius_m: Floats, *, least: int, most: int) -> Texts:
    """Corners at any angles, 0.4 to 1.3 radii from the centre; what folds over itself is drawn again."""
    found = np.empty(len(centers), dtype=object)
    missing: Ints = np.arange(len(centers))
    corners = rng.integers(least, most + 1, len(centers))
    while missing.size:
        polygon = np.repeat(np.arange(len(missing)), corners[missing])
        angles = rng.uniform(0.0, 2.0 * np.pi, len(polygon))
        reach_m = radius_m[missing][polygon] * rng.uniform(0.4, 1.3, len(polygon))
        drawn = _polygons(centers[missing], polygon, reach_m, angles[np.lexsort((angles, polygon))])
        is_valid: Bools = shapely.is_valid(drawn)
        found[missing[is_valid]] = drawn[is_valid]
        missing = missing[~is_valid]
    return _wkb(found)


def _polygons(centers: Floats, polygon: Ints, reach_m: Floats, angles: Floats) -> Texts:
    """Corner k belongs to polygon `polygon[k]`, whose corners follow each other."""
    lon_deg, lat_deg = centers[polygon].T
    east_deg = reach_m * np.cos(angles) / (_METRES_PER_DEGREE * np.cos(np.radians(lat_deg)))
    north_deg = reach_m * np.sin(angles) / _METRES_PER_DEGREE
    lonlat = np.column_stack([lon_deg + east_deg, lat_deg + north_deg])
    polygons: Texts = shapely.polygons(shapely.linearrings(lonlat, indices=polygon))
    return polygons


def _wkb(polygons: Texts) -> Texts:
    wkb: Texts = area_wkb(polygons)
    return wkb
