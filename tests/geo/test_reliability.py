"""Whether phones can be noticed in a geofence: chances against a table and against plain dice."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearcast.geo.reliability import (
    INDOOR_ACCURACY_M,
    STREET_ACCURACY_M,
    Band,
    chance_inside,
    chance_noticed,
    reliability,
    sigma_m,
)
from tests.geo.shapes import circle, polygon

TABLE = """
    50   5 1.000 0.487 0.062 0.000
    50  15 1.000 0.460 0.275 0.005
    50  30 0.958 0.419 0.328 0.077
    50  65 0.490 0.304 0.275 0.165
    50 150 0.119 0.106 0.103 0.091
   100  15 1.000 0.480 0.146 0.000
   100  30 1.000 0.460 0.275 0.005
   100  65 0.933 0.412 0.329 0.090
   100 150 0.397 0.269 0.247 0.164
"""
M_PER_DEG_LAT = 111_195.0


@pytest.mark.parametrize("row", TABLE.strip().splitlines(), ids=lambda row: row.strip()[:7])
def test_a_fix_is_inside_with_the_chance_that_the_table_says(row: str) -> None:
    radius_m, accuracy_m, *chances = map(float, row.split())
    for of_radius, chance in zip((0.0, 1.0, 1.1, 1.5), chances, strict=True):
        assert chance_inside(radius_m, of_radius * radius_m, accuracy_m) == pytest.approx(chance, abs=0.0006)


def test_the_accuracy_is_the_radius_of_68_percent() -> None:
    assert chance_inside(20.0, 0.0, 20.0) == pytest.approx(0.68)


def _thrown(radius_m: float, accuracy_m: float, fixes: int) -> float:
    """How many of 400,000 phones somewhere in a circle have all their fixes in it."""
    rng = np.random.default_rng(7)
    n = 400_000
    place_m = radius_m * np.sqrt(rng.random(n))
    all_inside = np.ones(n, dtype=bool)
    for _ in range(fixes):
        east, north = rng.normal(0.0, sigma_m(accuracy_m), (2, n))
        all_inside &= np.hypot(place_m + east, north) <= radius_m
    return float(all_inside.mean())


@pytest.mark.parametrize(("depth_m", "fixes"), [(20.0, 1), (60.0, 1), (400.0, 1), (19.9, 2), (12.0, 2), (10.0, 2)])
def test_where_one_fix_decides_one_is_thrown_and_below_that_depth_two(depth_m: float, fixes: int) -> None:
    assert chance_noticed(depth_m, 20.0) == pytest.approx(_thrown(depth_m, 20.0, fixes), abs=0.003)


def test_a_fence_less_than_half_as_deep_as_the_accuracy_notices_nobody() -> None:
    assert chance_noticed(9.9, 20.0) == 0.0


@given(depth_m=st.floats(1.0, 1e6), factor=st.floats(1.0, 10.0), accuracy_m=st.floats(1.0, 500.0))
def test_a_larger_fence_is_never_less_reliable(depth_m: float, factor: float, accuracy_m: float) -> None:
    smaller, larger = chance_noticed(depth_m, accuracy_m), chance_noticed(depth_m * factor, accuracy_m)
    assert 0.0 <= smaller <= larger + 1e-9 <= 1.0 + 2e-9


def test_s34_a_small_shop_is_poor_and_still_not_hopeless() -> None:
    east = 30.0 / (M_PER_DEG_LAT * np.cos(np.radians(52.52)))
    north = 20.0 / M_PER_DEG_LAT
    shop = polygon(
        [[13.4, 52.52], [13.4 + east, 52.52], [13.4 + east, 52.52 + north], [13.4, 52.52 + north], [13.4, 52.52]]
    )
    found = reliability(shop)
    assert found.depth_m == pytest.approx(12.0, rel=0.01)
    assert found.band is Band.POOR
    assert found.street > 0.0


@pytest.mark.parametrize(
    ("radius_m", "band"), [(10, Band.POOR), (45, Band.POOR), (60, Band.FAIR), (90, Band.FAIR), (100, Band.GOOD)]
)
def test_a_hundred_metres_are_good(radius_m: float, band: Band) -> None:
    assert reliability(circle(52.52, 13.405, radius_m)).band is band


def test_the_suggested_radius_is_where_good_begins() -> None:
    suggested_m = reliability(circle(52.52, 13.405, 30.0)).suggested_radius_m
    assert suggested_m is not None
    assert reliability(circle(52.52, 13.405, suggested_m)).suggested_radius_m is None
    assert reliability(circle(52.52, 13.405, suggested_m - 5.0)).suggested_radius_m == suggested_m


def test_the_score_is_the_mean_of_street_and_indoors() -> None:
    found = reliability(circle(52.52, 13.405, 60.0))
    street, indoors = chance_noticed(60.0, STREET_ACCURACY_M), chance_noticed(60.0, INDOOR_ACCURACY_M)
    assert (found.street, found.indoors, found.score) == (street, indoors, (street + indoors) / 2)
