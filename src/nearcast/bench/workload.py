"""Geofences round towns and pings of people in them, drawn from a seed.

Towns have a heavy-tailed size distribution, so that the busiest spots lie under several fences at once.
"""

from dataclasses import dataclass

import numpy as np
import shapely

from nearcast.domain.errors import InvalidInput
from nearcast.domain.geofence import Area, Boundary, Circle, Geofence
from nearcast.domain.ids import GeofenceId
from nearcast.domain.position import Position
from nearcast.geo.batch import Floats
from nearcast.geo.rings import area_wkb

KINDS = ("shops", "mixed")

_TOWNS = 400
_METRES_PER_DEGREE = 111_320.0
_FENCE_SPREAD_DEG, _PING_SPREAD_DEG = 0.05, 0.06
_SHOP_RADII_M = (50.0, 75.0, 100.0, 150.0, 200.0)
_AREA_RADII_M = (60.0, 100.0, 150.0, 250.0, 500.0)
_ROUND_CORNERS = 64


@dataclass(frozen=True, slots=True, eq=False)
class Workload:
    """n pings as columns, and the geofences they are matched with."""

    geofences: list[Geofence]
    lat_deg: Floats
    lon_deg: Floats


def workload(kind: str, *, fences: int, pings: int, seed: int) -> Workload:
    """`shops`: 95 % circles of 50–200 m, 5 % polygons of 4–12 vertices. `mixed`: half 64-gons, half stars of 5–59
    vertices, 60–500 m. InvalidInput for another kind.
    """
    if kind not in KINDS:
        raise InvalidInput(f"kind {kind!r} is not one of {', '.join(KINDS)}")
    rng = np.random.default_rng(seed)
    towns = np.column_stack([rng.uniform(6.0, 15.0, _TOWNS), rng.uniform(47.5, 54.8, _TOWNS)])
    sizes = rng.pareto(1.1, _TOWNS) + 0.1
    shares = sizes / sizes.sum()
    centers = towns[rng.choice(_TOWNS, fences, p=shares)] + rng.normal(0.0, _FENCE_SPREAD_DEG, (fences, 2))
    at = towns[rng.choice(_TOWNS, pings, p=shares)] + rng.normal(0.0, _PING_SPREAD_DEG, (pings, 2))
    draw = _shop if kind == "shops" else _mixed
    geofences = [
        Geofence(id=GeofenceId(f"f{number}"), boundary=draw(rng, *centers[number])) for number in range(fences)
    ]
    return Workload(geofences, lat_deg=at[:, 1].copy(), lon_deg=at[:, 0].copy())


def _shop(rng: np.random.Generator, lon_deg: float, lat_deg: float) -> Boundary:
    if rng.random() < 0.95:
        return Circle(Position(lat_deg, lon_deg), float(rng.choice(_SHOP_RADII_M)))
    return _star(rng, lon_deg, lat_deg, rng.uniform(15.0, 60.0), int(rng.integers(4, 13)))


def _mixed(rng: np.random.Generator, lon_deg: float, lat_deg: float) -> Boundary:
    radius_m = float(rng.choice(_AREA_RADII_M))
    if rng.random() < 0.5:
        angles = np.linspace(0.0, 2.0 * np.pi, _ROUND_CORNERS, endpoint=False)
        return _area(lon_deg, lat_deg, np.full(_ROUND_CORNERS, radius_m), angles)
    return _star(rng, lon_deg, lat_deg, radius_m, int(rng.integers(5, 60)))


def _star(rng: np.random.Generator, lon_deg: float, lat_deg: float, radius_m: float, corners: int) -> Area:
    # no two neighbours are half a turn apart, so the star holds its centre and never crosses itself
    angles = (np.arange(corners) + rng.uniform(0.0, 0.9, corners)) * (2.0 * np.pi / corners)
    return _area(lon_deg, lat_deg, radius_m * rng.uniform(0.4, 1.3, corners), angles)


def _area(lon_deg: float, lat_deg: float, reach_m: Floats, angles: Floats) -> Area:
    east_deg = reach_m * np.cos(angles) / (_METRES_PER_DEGREE * np.cos(np.radians(lat_deg)))
    north_deg = reach_m * np.sin(angles) / _METRES_PER_DEGREE
    return Area(area_wkb(shapely.Polygon(np.column_stack([lon_deg + east_deg, lat_deg + north_deg]))))
