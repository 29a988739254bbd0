"""One geofence against one position or step: the geometry of visits and of CROSS (reference scenario S9)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearcast.domain.geofence import Circle, Geofence
from nearcast.domain.position import Position
from nearcast.geo.geodesy import distance_m
from nearcast.geo.oracle import covers, crossing
from tests.geo.shapes import areas, box, circle, circles, polygon

F = circle(52.52, 13.405, 100.0)


def test_s9_a_step_across_a_circle_enters_and_leaves_it_at_its_radius() -> None:
    north, south = 52.5217986, 52.5182014
    span = crossing(F, Position(north, 13.405), Position(south, 13.405))
    assert span == pytest.approx((0.25, 0.75), abs=0.001)
    assert span is not None
    for fraction in span:
        lat, lon = np.array([north + fraction * (south - north)]), np.array([13.405])
        assert distance_m(np.array([52.52]), lon, lat, lon)[0] == pytest.approx(100.0, abs=1e-5)


def test_a_step_past_a_circle_misses_it() -> None:
    assert crossing(F, Position(52.5217986, 13.41), Position(52.5182014, 13.41)) is None


def test_a_step_that_grazes_a_circle() -> None:
    north = 52.52 + 99.99 / 111_268.0
    span = crossing(F, Position(north, 13.400), Position(north, 13.410))
    assert span is not None
    assert 0.49 < span[0] < 0.5 < span[1] < 0.51
    north = 52.52 + 100.2 / 111_268.0
    assert crossing(F, Position(north, 13.400), Position(north, 13.410)) is None


def test_a_step_within_a_circle_or_into_it_or_nowhere() -> None:
    center, outside = Position(52.52, 13.405), Position(52.5217986, 13.405)
    assert crossing(F, center, Position(52.5201, 13.405)) == (0.0, 1.0)
    into = crossing(F, outside, center)
    assert into is not None
    assert into == pytest.approx((0.5, 1.0), abs=0.001)
    assert crossing(F, center, center) == (0.0, 1.0)
    assert crossing(F, outside, outside) is None


def test_steps_across_an_area() -> None:
    square = polygon(box(0.0, 0.0, 1.0, 1.0))
    assert crossing(square, Position(0.5, -1.0), Position(0.5, 3.0)) == (0.25, 0.5)
    assert crossing(square, Position(0.5, 0.5), Position(0.5, 2.5)) == (0.0, 0.25)
    assert crossing(square, Position(1.0, -1.0), Position(1.0, 1.0)) == (0.5, 1.0)
    assert crossing(square, Position(0.0, -1.0), Position(2.0, 1.0)) == (0.5, 0.5)
    assert crossing(square, Position(2.0, -1.0), Position(2.0, 3.0)) is None
    assert crossing(square, Position(0.5, 0.5), Position(0.5, 0.5)) == (0.0, 1.0)
    assert crossing(square, Position(5.0, 5.0), Position(5.0, 5.0)) is None


def test_an_area_is_left_where_its_last_piece_is() -> None:
    horseshoe = polygon([[0, 0], [3, 0], [3, 3], [2, 3], [2, 1], [1, 1], [1, 3], [0, 3], [0, 0]])
    assert crossing(horseshoe, Position(2.0, -1.0), Position(2.0, 4.0)) == (0.2, 0.8)


@pytest.mark.parametrize("fence", [polygon(box(179.9, -1.0, 180.1, 1.0)), circle(0.0, 180.0, 11_131.949)])
def test_a_step_over_the_seam_goes_the_short_way(fence: Geofence) -> None:
    assert crossing(fence, Position(0.0, 179.6), Position(0.0, -179.6)) == pytest.approx((0.375, 0.625), abs=1e-4)
    assert crossing(fence, Position(0.0, -179.6), Position(0.0, 179.6)) == pytest.approx((0.375, 0.625), abs=1e-4)
    assert crossing(fence, Position(0.0, 0.0), Position(0.0, 170.0)) is None


def test_a_step_from_the_pole_follows_a_meridian() -> None:
    square = polygon(box(10.0, 84.0, 20.0, 86.0))
    assert crossing(square, Position(90.0, -100.0), Position(80.0, 15.0)) == pytest.approx((0.4, 0.6))
    assert crossing(square, Position(90.0, 15.0), Position(80.0, 40.0)) is None


POSITIONS = st.builds(Position, st.floats(-90.0, 90.0), st.floats(-180.0, 179.99))


@given(circles(), POSITIONS, POSITIONS)
def test_nothing_inside_a_circle_lies_before_entering_or_after_leaving(
    fence: Geofence, a: Position, b: Position
) -> None:
    assert isinstance(fence.boundary, Circle)
    span = crossing(fence, a, b)
    if covers(fence, a) or covers(fence, b):
        assert span is not None
    if span is None or abs(a.lon_deg - b.lon_deg) > 180.0 or 90.0 in (abs(a.lat_deg), abs(b.lat_deg)):
        return
    fraction = np.linspace(0.0, 1.0, 200)
    lat = a.lat_deg + fraction * (b.lat_deg - a.lat_deg)
    lon = a.lon_deg + fraction * (b.lon_deg - a.lon_deg)
    center = fence.boundary.center
    away_m = distance_m(np.full(200, center.lat_deg), np.full(200, center.lon_deg), lat, lon)
    within = fraction[away_m < fence.boundary.radius_m - 0.01]
    assert ((span[0] <= within) & (within <= span[1])).all()


@given(areas(), POSITIONS, POSITIONS)
def test_a_step_that_starts_or_ends_inside_an_area_touches_it(fence: Geofence, a: Position, b: Position) -> None:
    span = crossing(fence, a, b)
    if covers(fence, a):
        assert span is not None
        assert span[0] == 0.0
    if covers(fence, b):
        assert span is not None
        assert span[1] == pytest.approx(1.0)
