"""Thousands of awkward geofences, points where they are hardest to tell: not one answer may differ (reference S35)."""

import numpy as np
import pytest

from nearcast.domain.errors import InvalidGeofence
from nearcast.domain.geofence import Geofence
from nearcast.geo import oracle
from nearcast.geo.batch import Floats
from nearcast.geo.matcher import FenceIndex
from nearcast.geo.pairs import Pairs
from tests.geo.shapes import Ring, circle, multipolygon, polygon, vertices


def drawn(rng: np.random.Generator, name: str) -> Geofence:
    """Circles, rings with holes and islands, and pairs of them; a third of all at the seam or a pole."""
    lat, lon = rng.uniform(-89.0, 89.0), rng.uniform(-180.0, 180.0)
    where = rng.integers(0, 6)
    lon = lon if where else 180.0 + rng.normal(0.0, 0.02)
    lat = lat if where != 1 else rng.choice([-1.0, 1.0]) * (90.0 - abs(rng.normal(0.0, 0.02)))
    size_deg = float(rng.choice([1e-6, 0.001, 0.01, 0.05, 0.3]))
    kind = rng.integers(0, 4)
    if kind == 0:
        return circle(lat, lon, size_deg * 111_000.0, name)
    outer, hole, island = (star(rng, lon, lat, size_deg * share) for share in (1.0, 0.35, 0.1))
    try:
        if kind == 1:
            return polygon(outer, geofence_id=name, repair=True)
        if kind == 2:
            return polygon(outer, hole, geofence_id=name, repair=True)
        return multipolygon([outer, hole], [island], geofence_id=name)
    except InvalidGeofence:  # too near to a pole to be cut there
        return circle(lat, lon, size_deg * 111_000.0, name)


def star(rng: np.random.Generator, lon: float, lat: float, reach_deg: float) -> Ring:
    corners = int(rng.integers(3, 40))
    angle = (np.arange(corners) + rng.uniform(0.0, 0.9, corners)) * (2.0 * np.pi / corners)
    reach = reach_deg * rng.uniform(0.5, 1.0, corners)
    lats = (lat + reach * np.sin(angle)).clip(-90.0, 90.0)
    ring: Ring = np.column_stack([lon + reach * np.cos(angle), lats]).tolist()
    return ring


def hard_points(geofences: list[Geofence], rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
    """On vertices, on edges and level with them, next to them among the floats, on rims, and round about."""
    corners = [vertices(geofence) for geofence in geofences]
    points = np.empty((n, 2))
    for row, number in enumerate(rng.integers(0, len(geofences), n).tolist()):
        at = rng.integers(0, len(corners[number]))
        a, b = corners[number][at], corners[number][(at + 1) % len(corners[number])]
        share = rng.choice([0.0, 0.5, rng.random()])
        on_edge = a + share * (b - a)
        nudge = rng.integers(0, 5)
        if nudge == 0:
            on_edge = np.nextafter(on_edge, rng.choice([-1000.0, 1000.0], 2))
        elif nudge == 1:
            on_edge = np.array([a[0], on_edge[1]])
        elif nudge == 2:
            on_edge = on_edge + rng.normal(0.0, 10.0 ** rng.uniform(-9.0, -1.0), 2)
        points[row] = on_edge
    lon = (points[:, 0] + 180.0) % 360.0 - 180.0 + rng.choice([-360.0, 0.0, 360.0], n)
    return points[:, 1].clip(-90.0, 90.0), lon


def keys(pairs: Pairs, n: int) -> set[int]:
    return set((pairs.ping_row * n + pairs.slot).tolist())


def difference(fences: int, points: int, seed: int) -> tuple[int, int]:
    """How many pairs were compared, and how many differ."""
    rng = np.random.default_rng(seed)
    geofences = [drawn(rng, f"f{number}") for number in range(fences)]
    lat, lon = hard_points(geofences, rng, points)
    expected = keys(oracle.match(geofences, lat, lon), fences)
    compiled, overlaid = FenceIndex(geofences, compile_from=1), FenceIndex(geofences, compile_from=None)
    found = [keys(index.match(lat, lon), fences) for index in (compiled, overlaid)]
    return len(expected), sum(len(expected ^ said) for said in found)


def test_s35_no_pair_differs_between_cells_tree_and_brute_force() -> None:
    compared, differing = difference(2_000, 20_000, seed=3)
    assert compared > 10_000
    assert differing == 0


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(3))
def test_s35_no_pair_of_a_hundred_thousand_points_differs(seed: int) -> None:
    compared, differing = difference(10_000, 100_000, seed)
    print(f"{compared} pairs compared, {differing} differ")
    assert compared > 50_000
    assert differing == 0
