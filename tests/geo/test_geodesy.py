"""Metres and degrees: bounds that are never too small, distances that are exact."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from nearcast.domain.position import Position
from nearcast.geo.geodesy import (
    canonical_points,
    circle_bounds_deg,
    distance_m,
    is_within,
    straight_way,
    wrapped_lon_deg,
)

LATITUDES = st.one_of(st.floats(-90.0, 90.0), st.sampled_from([0.0, 90.0, -90.0, 89.9, -89.95, 89.9999]))
LONGITUDES = st.floats(-180.0, 179.9999)
RADII = st.one_of(st.floats(0.001, 2.0e7), st.sampled_from([50.0, 1000.0, 1e5, 9.99e6]))


@given(LATITUDES, LONGITUDES, RADII)
def test_a_circle_never_leaves_its_box(lat: float, lon: float, radius_m: float) -> None:
    azimuth = np.linspace(0.0, 360.0, 73)
    n = len(azimuth)
    edge_lon, edge_lat, _ = Geod(ellps="WGS84").fwd(np.full(n, lon), np.full(n, lat), azimuth, np.full(n, radius_m))
    ((west, south, east, north),) = circle_bounds_deg(np.array([lat]), np.array([lon]), np.array([radius_m]))
    rounding_deg = 1e-10
    assert ((south - rounding_deg <= edge_lat) & (edge_lat <= north + rounding_deg)).all()
    reached = np.zeros(n, dtype=bool)
    for turn in (-360.0, 0.0, 360.0):
        reached |= (west - rounding_deg <= edge_lon + turn) & (edge_lon + turn <= east + rounding_deg)
    assert (reached | (np.abs(edge_lat) > 89.999999)).all()


def test_a_small_circle_has_a_small_box() -> None:
    ((west, south, east, north),) = circle_bounds_deg(np.array([52.0]), np.array([13.0]), np.array([100.0]))
    assert north - south == pytest.approx(200.0 / 111_000.0, rel=0.01)
    assert east - west == pytest.approx(200.0 / (111_000.0 * np.cos(np.radians(52.0))), rel=0.01)


@given(LATITUDES, LONGITUDES, LATITUDES, LONGITUDES, RADII)
def test_is_within_is_the_distance_compared(
    lat1: float, lon1: float, lat2: float, lon2: float, radius_m: float
) -> None:
    a_lat, a_lon, b_lat, b_lon = (np.array([number]) for number in (lat1, lon1, lat2, lon2))
    exact_m = distance_m(a_lat, a_lon, b_lat, b_lon)
    for limit_m in (radius_m, float(exact_m[0]), float(np.nextafter(exact_m[0], 0.0))):
        assert is_within(a_lat, a_lon, b_lat, b_lon, np.array([limit_m])).tolist() == (exact_m <= limit_m).tolist()


def test_known_distances() -> None:
    lat1, lon1 = np.array([90.0, 89.9995, 52.52, 0.0]), np.array([123.0, 180.0, 13.405, 0.0])
    lat2, lon2 = np.array([89.9995, 89.9995, 52.5204497, 0.0]), np.array([0.0, 0.0, 13.405, 1.0])
    assert distance_m(lat1, lon1, lat2, lon2) == pytest.approx([55.85, 111.69, 50.05, 111_319.49], abs=0.01)


@given(st.floats(-540.0, 540.0))
def test_wrapping_moves_by_whole_turns_exactly(lon: float) -> None:
    wrapped = float(wrapped_lon_deg(np.array([lon]))[0])
    assert -180.0 <= wrapped < 180.0
    assert wrapped in (lon - 720.0, lon - 360.0, lon, lon + 360.0)


def test_a_pole_has_one_spelling() -> None:
    lat, lon = canonical_points(np.array([90.0, -90.0, 0.0]), np.array([77.0, 540.0, 540.0]))
    assert lat.tolist() == [90.0, -90.0, 0.0]
    assert lon.tolist() == [0.0, 0.0, -180.0]


def test_the_way_between_two_places_is_the_short_one() -> None:
    assert straight_way(Position(0.0, 179.0), Position(1.0, -179.0)) == ((179.0, 0.0), (181.0, 1.0))
    assert straight_way(Position(0.0, -179.0), Position(1.0, 179.0)) == ((-179.0, 0.0), (-181.0, 1.0))
    assert straight_way(Position(0.0, 10.0), Position(1.0, -10.0)) == ((10.0, 0.0), (-10.0, 1.0))
    assert straight_way(Position(90.0, 10.0), Position(80.0, -120.0)) == ((-120.0, 90.0), (-120.0, 80.0))
