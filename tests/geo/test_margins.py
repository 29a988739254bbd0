"""How far from a boundary, and how deep: against formulas, and against boundaries sampled densely."""

import math
from itertools import pairwise

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from nearcast.domain.geofence import Area, Circle, Geofence
from nearcast.domain.ids import GeofenceId
from nearcast.domain.position import Position
from nearcast.geo.margins import between_m, depth_m, signed_distance_m

WGS84 = Geod(ellps="WGS84")
BERLIN = (13.405, 52.52)
SAMPLES = 4001


def fence(geometry: shapely.Geometry) -> Geofence:
    return Geofence(id=GeofenceId("f"), boundary=Area(shapely.to_wkb(geometry, byte_order=1)))


def circle(lat: float, lon: float, radius_m: float) -> Geofence:
    return Geofence(id=GeofenceId("f"), boundary=Circle(Position(lat, lon), radius_m))


def beside(lon: float, lat: float, bearing_deg: float, metres: float) -> Position:
    there_lon, there_lat, _ = WGS84.fwd(lon, lat, bearing_deg, metres)
    return Position(there_lat, there_lon)


def rectangle(width_m: float, height_m: float, at: tuple[float, float] = BERLIN) -> shapely.Polygon:
    """With its south-west corner there, sides along meridian and parallel."""
    east = WGS84.fwd(*at, 90, width_m)[0]
    north = WGS84.fwd(*at, 0, height_m)[1]
    return shapely.box(at[0], at[1], at[0] + (east - at[0]) % 360.0, north)


def sampled_m(geometry: shapely.Geometry, position: Position) -> float:
    """To the nearest of many points on every edge."""
    nearest = math.inf
    for ring in shapely.get_rings(shapely.get_parts(geometry)):
        lonlat = shapely.get_coordinates(ring)
        for (a_lon, a_lat), (b_lon, b_lat) in pairwise(lonlat):
            lon, lat = np.linspace(a_lon, b_lon, SAMPLES), np.linspace(a_lat, b_lat, SAMPLES)
            here = np.full(SAMPLES, position.lon_deg), np.full(SAMPLES, position.lat_deg)
            nearest = min(nearest, float(WGS84.inv(*here, lon, lat)[2].min()))
    return nearest


@pytest.mark.parametrize("metres", [0.0, 40.0, 99.9, 100.1, 150.0, 5_000.0, 5_000_000.0])
@pytest.mark.parametrize("bearing_deg", [0, 77, 190])
def test_a_circles_boundary_is_its_radius_from_its_centre(metres: float, bearing_deg: float) -> None:
    at = beside(*BERLIN, bearing_deg, metres)
    assert signed_distance_m(circle(52.52, 13.405, 100.0), at) == pytest.approx(metres - 100.0, abs=1e-6)


@pytest.mark.parametrize(
    ("east_m", "north_m", "expected_m"),
    [(-10, 10, 10), (40, 10, 10), (15, -7, 7), (15, 25, 5), (15, 10, -10), (2, 10, -2), (29, 10, -1), (-3, -4, 5)],
)
def test_a_rectangle(east_m: float, north_m: float, expected_m: float) -> None:
    lon, lat, _ = WGS84.fwd(*BERLIN, 90, east_m)
    at = beside(lon, lat, 0, north_m)
    assert signed_distance_m(fence(rectangle(30, 20)), at) == pytest.approx(expected_m, rel=1e-4, abs=1e-6)


def test_a_hole_is_outside_and_its_ring_is_boundary() -> None:
    holed = shapely.Polygon(
        shapely.box(13.400, 52.5200, 13.402, 52.5210).exterior.coords,
        [shapely.box(13.4005, 52.5203, 13.4015, 52.5207).exterior.coords],
    )
    in_the_hole, in_the_ring = Position(52.5205, 13.401), Position(52.52015, 13.401)
    for at, sign in ((in_the_hole, 1), (in_the_ring, -1)):
        assert signed_distance_m(fence(holed), at) == pytest.approx(sign * sampled_m(holed, at), rel=1e-4)
    assert signed_distance_m(fence(holed), in_the_hole) == pytest.approx(22.25, abs=0.1)


def test_the_nearest_part_counts() -> None:
    parts = shapely.MultiPolygon([shapely.box(13.40, 52.52, 13.41, 52.53), shapely.box(13.50, 52.52, 13.51, 52.53)])
    near_the_second = Position(52.525, 13.495)
    assert signed_distance_m(fence(parts), near_the_second) == pytest.approx(
        between_m(near_the_second, Position(52.525, 13.50)), rel=1e-4
    )


@pytest.mark.parametrize("lon", [179.85, 180.15, -179.85])
def test_over_the_antimeridian(lon: float) -> None:
    box = shapely.box(179.9, -17.0, 180.1, -16.9)
    at = Position(-16.95, lon)
    assert signed_distance_m(fence(box), at) == pytest.approx(0.05 * 106_500, rel=1e-3)
    assert signed_distance_m(fence(box), Position(-16.95, -180.0)) < 0


def test_round_a_pole() -> None:
    cap = shapely.box(-180.0, 80.0, 180.0, 90.0)
    for lon in (0.0, 77.0, -180.0):
        at = Position(79.0, lon)
        south_m = between_m(at, Position(80.0, lon))
        assert signed_distance_m(fence(cap), at) == pytest.approx(south_m, rel=1e-4)
    assert signed_distance_m(fence(cap), Position(90.0, 12.0)) <= 0
    near_the_pole = shapely.box(170.0, 89.0, 190.0, 89.5)
    assert signed_distance_m(fence(near_the_pole), Position(90.0, 45.0)) == pytest.approx(55_847, rel=1e-4)
    across = Position(89.5, 0.0)
    over_a_corner_m = 2 * 55_847 * math.cos(math.radians(5))  # the chord of 170°
    assert signed_distance_m(fence(near_the_pole), across) == pytest.approx(over_a_corner_m, rel=1e-4)


lons, lats = st.floats(-30, 30), st.floats(-75, 75)


@settings(max_examples=60)
@given(lons, lats, st.floats(1e-4, 3.0), st.floats(1e-4, 3.0), st.floats(-5.0, 5.0), st.floats(-5.0, 5.0))
def test_any_triangle_against_its_edges_sampled(
    lon: float, lat: float, wide_deg: float, high_deg: float, right: float, up: float
) -> None:
    triangle = shapely.Polygon([(lon, lat), (lon + wide_deg, lat), (lon + wide_deg / 3, lat + high_deg)])
    at = Position(min(max(lat + up * high_deg, -89.0), 89.0), lon + right * wide_deg)
    expected_m = sampled_m(triangle, at)
    longest_m = 112_000.0 * math.hypot(wide_deg, high_deg)
    found_m = signed_distance_m(fence(triangle), at)
    assert abs(found_m) == pytest.approx(expected_m, rel=1e-4, abs=longest_m / SAMPLES)
    if expected_m > longest_m / SAMPLES:
        assert (found_m < 0) == shapely.intersects_xy(triangle, at.lon_deg, at.lat_deg)


@pytest.mark.parametrize(
    ("geofence", "expected_m"),
    [
        (circle(52.52, 13.405, 150.0), 150.0),
        (fence(rectangle(30, 20)), 12.0),
        (fence(rectangle(100, 100)), 50.0),
        (fence(rectangle(1000, 4)), 2 * 4000 / 2008),
        (fence(shapely.MultiPolygon([rectangle(30, 20), rectangle(30, 20, (13.5, 52.6))])), 12.0),
        (fence(rectangle(100, 100, (179.9995, 10.0))), 50.0),
    ],
)
def test_depth_is_twice_the_area_over_the_perimeter(geofence: Geofence, expected_m: float) -> None:
    assert depth_m(geofence) == pytest.approx(expected_m, rel=1e-4)


def test_a_hole_makes_a_geofence_less_deep() -> None:
    outer, inner = rectangle(100, 100), rectangle(60, 60, (13.4053, 52.5202))
    ring = shapely.Polygon(outer.exterior.coords, [inner.exterior.coords])
    assert depth_m(fence(ring)) == pytest.approx(2 * (10_000 - 3_600) / (400 + 240), rel=1e-3)


def test_the_depth_of_a_polar_cap_is_that_of_a_cap() -> None:
    found = depth_m(fence(shapely.box(-180.0, 80.0, 180.0, 90.0)))
    area_m2 = 2 * math.pi * 6_371_000**2 * (1 - math.sin(math.radians(80)))
    parallel_m = 2 * math.pi * 6_371_000 * math.cos(math.radians(80))
    sides_m = 2 * 10 * 111_700  # both sides of the seam are perimeter
    assert found == pytest.approx(2 * area_m2 / (parallel_m + sides_m), rel=0.02)
