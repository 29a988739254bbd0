"""The compiled base where it is stretched: how much it holds, how large and how fine a geofence may be."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from nearcast.domain.geofence import Geofence
from nearcast.geo import oracle
from nearcast.geo.batch import Floats
from nearcast.geo.geodesy import local_plane, plane_error
from nearcast.geo.grid import LEAF_LEVEL, SLACK_DEG, code_of, leaf_codes, leaf_column, leaf_row, order_by_code, sort_few
from nearcast.geo.matcher import FenceIndex
from tests.geo.shapes import box, circle, match, polygon


def compiled(geofences: list[Geofence]) -> FenceIndex:
    index = FenceIndex(geofences, compile_from=1)
    assert index.memory_bytes > 0
    return index


def assert_like_brute_force(geofences: list[Geofence], lat: Floats, lon: Floats) -> None:
    expected = oracle.match(geofences, lat, lon)
    assert len(expected) > 0
    assert match(geofences, lat, lon) == list(zip(expected.ping_row.tolist(), expected.slot.tolist(), strict=True))


@given(st.floats(-180.0, 180.0), st.floats(-90.0, 90.0))
def test_a_leaf_never_falls_as_degrees_grow(lon: float, lat: float) -> None:
    assert leaf_column(np.nextafter(lon, -200.0)) <= leaf_column(lon) <= leaf_column(lon + SLACK_DEG)
    assert leaf_row(np.nextafter(lat, -100.0)) <= leaf_row(lat) <= leaf_row(lat + SLACK_DEG)
    west = leaf_column(lon) * 360.0 / 2**LEAF_LEVEL - 180.0
    assert west - SLACK_DEG <= lon <= west + 360.0 / 2**LEAF_LEVEL + SLACK_DEG


def test_the_corners_of_the_earth_have_leaves() -> None:
    last = 2**LEAF_LEVEL - 1
    assert (leaf_column(-180.0), leaf_column(180.0), leaf_row(-90.0), leaf_row(90.0)) == (0, last, 0, last)
    assert code_of(last, last) == 2 ** (2 * LEAF_LEVEL) - 1
    assert [code_of(*place) for place in ((0, 0), (1, 0), (0, 1), (1, 1), (2, 0))] == [0, 1, 2, 3, 4]


@given(st.lists(st.integers(0, 2**57 - 1) | st.integers(0, 9), max_size=40))
def test_codes_are_sorted_and_equal_ones_stay(numbers: list[int]) -> None:
    order, codes = order_by_code(np.array(numbers, dtype=np.int64), 0, 57)
    assert codes.tolist() == sorted(numbers)
    assert order.tolist() == sorted(range(len(numbers)), key=numbers.__getitem__)


@given(st.lists(st.integers(-99, 99), max_size=300))
def test_a_part_is_sorted_in_place(numbers: list[int]) -> None:
    values = np.array([7, *numbers, -7], dtype=np.int32)
    sort_few(values, 1, len(values) - 1)
    assert values.tolist() == [7, *sorted(numbers), -7]


@given(st.floats(-89.0, 89.0), st.floats(0.0, 359.9), st.floats(0.01, 100_000.0))
def test_the_local_plane_is_never_as_wrong_as_it_may_be(lat: float, azimuth: float, metres: float) -> None:
    there_lon, there_lat, _ = Geod(ellps="WGS84").fwd(0.0, lat, azimuth, metres)
    allowed = float(plane_error(np.array([lat]), np.array([metres]))[0])
    if allowed > 0.05:
        return
    north, north_growth, east, east_growth = (float(column[0]) for column in local_plane(np.array([lat])))
    up, right = there_lat - lat, there_lon
    in_plane_m = np.hypot((north + north_growth * up) * up, (east + east_growth * up) * right)
    assert abs(in_plane_m - metres) <= allowed * metres + 1e-7


def test_a_circle_takes_at_most_two_kilobytes() -> None:
    rng = np.random.default_rng(1)
    centers = rng.uniform([-60.0, -180.0], [70.0, 180.0], (2000, 2))
    for radii_m in ([50.0, 75.0, 100.0, 150.0, 200.0], [0.01, 1e4, 1e5, 1e6]):
        circles = [
            circle(lat, lon, float(rng.choice(radii_m)), f"f{n}") for n, (lat, lon) in enumerate(centers.tolist())
        ]
        assert compiled(circles).memory_bytes / len(circles) <= 2000


def test_five_thousand_geofences_on_one_point() -> None:
    one_point = [circle(52.0, 13.0, 50.0 + n / 100, f"f{n}") for n in range(2500)]
    one_point += [polygon(box(12.999, 51.999, 13.001 + n / 1e7, 52.001), geofence_id=f"p{n}") for n in range(2500)]
    index = compiled(one_point)
    lat, lon = np.full(20, 52.0), np.full(20, 13.0)
    found = index.match(lat, lon)
    assert found.slot.tolist() == list(range(5000)) * 20
    assert_like_brute_force(one_point[:50] + one_point[-50:], lat + np.linspace(0, 1e-3, 20), lon)


def test_a_ring_of_a_hundred_thousand_vertices() -> None:
    corners = 100_000
    angle = np.linspace(0.0, 2 * np.pi, corners, endpoint=False)
    reach = 0.3 + 0.05 * np.sin(angle * 40) + 0.0001 * np.sin(angle * 4000)
    ring = np.column_stack([13.0 + reach * np.cos(angle), 52.0 + reach * np.sin(angle)])
    detailed = polygon(ring.tolist())
    rng = np.random.default_rng(2)
    rim = ring[rng.integers(0, corners, 20)]
    lon, lat = np.concatenate([rim, rim + rng.normal(0, 1e-4, (20, 2)), [[13.0, 52.0], [14.0, 52.0]]]).T
    index = compiled([detailed])
    assert index.memory_bytes < 100 * corners
    found, expected = index.match(lat, lon), oracle.match([detailed], lat, lon)
    assert found.ping_row.tolist() == expected.ping_row.tolist()


def test_from_a_millimetre_to_the_whole_earth() -> None:
    sizes = [circle(52.0, 13.0, 10.0**power, f"c{power}") for power in range(-3, 8)]
    sizes += [
        polygon(box(13.0, 52.0, 13.0 + 10.0**power, 52.0 + 10.0**power / 5), geofence_id=f"b{power}")
        for power in range(-8, 3)
    ]
    sizes.append(polygon(box(-180.0, -90.0, 180.0, 90.0), geofence_id="earth"))
    step_deg = np.concatenate([[0.0], 10.0 ** np.linspace(-9, 2, 60)])
    lat = np.concatenate([52.0 + step_deg / 5, 52.0 - step_deg, [90.0, -90.0, 0.0]]).clip(-90.0, 90.0)
    lon = np.concatenate([13.0 + step_deg, 13.0 - step_deg, [77.0, -180.0, 180.0]])
    assert_like_brute_force(sizes, lat, lon)


def test_a_ping_on_a_line_of_the_grid_has_one_cell_and_no_doubt_about_it() -> None:
    lines = np.arange(-180.0, 180.0, 360.0 / 2**6)
    shapes = [polygon(box(west, -5.625, west + 5.625, 5.625), geofence_id=f"{west}") for west in lines[:-1].tolist()]
    lon, lat = (grid.ravel() for grid in np.meshgrid(lines, np.array([-5.625, -2.8125, 0.0, 5.625])))
    assert_like_brute_force(shapes, lat, lon)
    assert (np.diff(leaf_codes(np.zeros(5), lines[:5])) > 0).all()


def test_columns_of_any_make_are_read() -> None:
    index = compiled([circle(0.0, 0.0, 1000.0)])
    points = np.zeros((10, 2))
    assert len(index.match(points[:, 0], points[:, 1])) == 10
    points.flags.writeable = False
    assert len(index.match(points[:5, 0], points[:5, 1])) == 5
    assert len(index.match(np.zeros(3, dtype=np.int64), np.zeros(3, dtype=np.float32))) == 3
