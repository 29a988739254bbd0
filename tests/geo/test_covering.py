"""A circle round a geofence leaves no part of it out, and is not much larger than it must be."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from nearcast.domain.position import Position
from nearcast.geo.covering import covering_circle
from nearcast.geo.margins import between_m
from tests.geo.shapes import circle, polygon


@st.composite
def blocks(draw: st.DrawFn) -> shapely.Polygon:
    """The outline of some places within a few kilometres."""
    lat, lon = draw(st.floats(-80, 80)), draw(st.floats(-170, 170))
    offsets = st.tuples(st.floats(-0.03, 0.03), st.floats(-0.03, 0.03))
    places = shapely.MultiPoint([(lon + x, lat + y) for x, y in draw(st.lists(offsets, min_size=3, max_size=8))])
    return places.buffer(1e-4).convex_hull


@given(blocks())
@settings(max_examples=50)
def test_the_whole_area_lies_in_its_circle(outline: shapely.Polygon) -> None:
    covering = covering_circle(polygon(shapely.get_coordinates(outline).tolist()))
    points = shapely.get_coordinates(shapely.segmentize(outline, 0.005))
    away_m = [between_m(covering.center, Position(lat, lon)) for lon, lat in points.tolist()]
    assert max(away_m) <= covering.radius_m <= max(away_m) + 1.5


def test_a_circle_is_its_own() -> None:
    fence = circle(52.52, 13.405, 60.0)
    assert covering_circle(fence) == fence.boundary


def test_a_square_is_reached_to_its_corners() -> None:
    side_deg = 0.002
    square = polygon(
        [(13.4, 52.52), (13.4 + side_deg, 52.52), (13.4 + side_deg, 52.522), (13.4, 52.522), (13.4, 52.52)]
    )
    half_width_m, half_height_m = (
        between_m(Position(52.521, 13.4), Position(52.521, 13.402)) / 2,
        between_m(Position(52.52, 13.4), Position(52.522, 13.4)) / 2,
    )
    wanted_m = np.hypot(half_width_m, half_height_m)
    assert covering_circle(square).radius_m == pytest.approx(wanted_m + 1.0, abs=0.5)
