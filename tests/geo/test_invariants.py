"""What must change no answer (reference invariants I5, I6, I11, I12)."""

import numpy as np
import shapely
from hypothesis import assume, given
from hypothesis import strategies as st

from nearcast.domain.geofence import Geofence
from nearcast.geo.batch import Floats
from tests.geo.shapes import GRID_DEG, Ring, circle, fences, match, nearby_points, polygon, stars

SEEDS = st.integers(0, 2**32)


def grid_points(ring: Ring, seed: int) -> tuple[Floats, Floats]:
    """Vertices, middles of edges and other points, all on a grid that moves by whole degrees without rounding."""
    rng = np.random.default_rng(seed)
    corners = np.array(ring)
    middles = (corners + np.roll(corners, 1, axis=0)) / 2
    others = np.round(rng.uniform(-64.0, 64.0, (20, 2)) / GRID_DEG) * GRID_DEG
    lon, lat = np.concatenate([corners, middles, others]).T
    return lat, lon


def hits(ring: Ring, lat: Floats, lon: Floats) -> list[int]:
    return [row for row, _ in match([polygon(ring)], lat, lon)]


def moved(ring: Ring, by_deg: float) -> Ring:
    return [[lon + by_deg, lat] for lon, lat in ring]


@given(stars(), SEEDS, st.data())
def test_i5_where_a_ring_starts_which_way_it_runs_whether_it_is_closed_and_its_turn(
    ring: Ring, seed: int, data: st.DataObject
) -> None:
    lat, lon = grid_points(ring, seed)
    expected = hits(ring, lat, lon)
    start = data.draw(st.integers(0, len(ring) - 1))
    rotated = ring[start:] + ring[:start]
    assert hits(rotated, lat, lon) == expected
    assert hits(ring[::-1], lat, lon) == expected
    assert hits([*ring, ring[0]], lat, lon) == expected
    for turn in (360.0, -360.0):
        assert hits(moved(ring, turn), lat, lon) == expected
        assert hits(ring, lat, lon + turn) == expected


@given(stars(), SEEDS, st.integers(-540, 540))
def test_i6_a_fence_and_its_pings_moved_together_anywhere_round_the_earth(ring: Ring, seed: int, by_deg: int) -> None:
    lat, lon = grid_points(ring, seed)
    there = lon + by_deg
    there = np.where(there > 540.0, there - 360.0, np.where(there < -540.0, there + 360.0, there))
    home = [[(lon + by_deg + 180.0) % 360.0 - 180.0, lat] for lon, lat in ring]  # with jumps at the seam
    assert hits(home, lat, there) == hits(ring, lat, lon)


@given(stars(), SEEDS)
def test_i12_a_larger_fence_loses_no_ping(ring: Ring, seed: int) -> None:
    lat, lon = grid_points(ring, seed)
    larger = shapely.Polygon(ring).buffer(0.5).exterior
    assume(larger is not None)
    enlarged = np.array(larger.coords).clip([-540.0, -90.0], [540.0, 90.0]).tolist()
    assert set(hits(ring, lat, lon)) <= set(hits(enlarged, lat, lon))


@given(st.floats(-90.0, 90.0), st.floats(-540.0, 540.0), st.floats(0.001, 1.9e7), st.floats(1.0, 2.0), SEEDS)
def test_i12_a_larger_circle_loses_no_ping(lat: float, lon: float, radius_m: float, factor: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    reach_deg = radius_m / 111_000.0
    lats = (lat + rng.normal(0, reach_deg, 40)).clip(-90.0, 90.0)
    lons = (lon + rng.normal(0, reach_deg / max(0.01, np.cos(np.radians(lat))), 40)).clip(-540.0, 540.0)
    smaller, larger = (match([circle(lat, lon, min(m, 2.0e7))], lats, lons) for m in (radius_m, radius_m * factor))
    assert set(smaller) <= set(larger)


@given(fences("f1"), fences("other"), SEEDS)
def test_i11_a_geofence_more_changes_nothing_for_the_others(fence: Geofence, other: Geofence, seed: int) -> None:
    lat, lon = nearby_points([fence, other], np.random.default_rng(seed), 40)
    beside = [pair for pair in match([fence, other], lat, lon) if pair[1] == 0]
    assert beside == match([fence], lat, lon)
