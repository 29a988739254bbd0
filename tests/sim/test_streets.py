"""The street graph: connected, bridged, and shortest paths that are shortest."""

import numpy as np
import pytest
from pyproj import Geod
from shapely.geometry import LineString

from nearcast.sim.plane import Points, lat_deg, lengths_m, lon_deg
from nearcast.sim.routes import connect
from nearcast.sim.streets import Street


def _street(name: str, kind: str, *points_m: tuple[float, float]) -> Street:
    return Street(name, kind, np.array(points_m, dtype=np.float64))


def _lon_lat(place_m: Points) -> tuple[float, float]:
    return float(lon_deg(place_m[:1])[0]), float(lat_deg(place_m[1:])[0])


@pytest.fixture
def town():
    """Two ways from west to east: a short lane, and a ring three times as long but quicker to drive."""
    return [
        _street("Lane", "lane", (0, 0), (200, 0)),
        _street("Ring", "ring", (0, 0), (0, 200), (200, 200), (200, 0)),
        _street("Elsewhere", "street", (900, 900), (950, 900)),
        _street("Stream", "river", (100, -50), (100, 400)),
    ]


def test_walkers_take_the_short_way_and_drivers_the_quick_one(town):
    routes = connect(town)
    west, east = (routes.nearest(np.array(place)) for place in ((0.0, 0.0), (200.0, 0.0)))
    walked, driven = (lengths_m(routes.corners_m[routes.path(west, east, mode)]).sum() for mode in ("foot", "car"))
    assert (walked, driven) == (200, 600)
    assert routes.drive_mps(routes.path(west, east, "car")).tolist() == [12.5] * 15


def test_a_way_back_is_the_way_there_reversed(town):
    routes = connect(town)
    there = routes.path(0, 4, "bicycle")
    assert routes.path(4, 0, "bicycle") == there[::-1]


def test_streets_that_lead_nowhere_are_left_out(town):
    assert connect(town).corners_m.max() <= 200


def test_hardly_any_street_is_cut_off(city):
    routes = connect(city.streets)
    drawn_m = sum(lengths_m(street.line_m).sum() for street in city.streets if street.kind != "river")
    joined_m = sum(length_m for edges in routes.edges for length_m, _ in edges.values()) / 2
    assert joined_m > 0.98 * drawn_m


def test_the_river_is_crossed_on_bridges_alone(city):
    river = next(LineString(street.line_m) for street in city.streets if street.kind == "river")
    crossing = [
        street for street in city.streets if street.kind != "river" and LineString(street.line_m).crosses(river)
    ]
    assert len(crossing) >= 4
    assert {street.kind for street in crossing} == {"bridge"}


def test_no_shop_stands_in_the_water_or_on_a_street(city):
    lines = [(street.kind, LineString(street.line_m)) for street in city.streets]
    for shop in city.shops:
        for kind, line in lines:
            assert line.distance(LineString([shop.at_m, shop.at_m + 0.01])) > (30 if kind == "river" else 4), shop.id


def test_the_plane_is_true_to_a_thousandth():
    """Within the city a metre of the plane is a metre on the ellipsoid."""
    geod = Geod(ellps="WGS84")
    places_m = np.array([[0.0, 0], [2000, 0], [0, 2000], [-1400, -1400], [1400, 1400]])
    for one in places_m:
        for other in places_m:
            ends = np.array([one, other])
            _, _, true_m = geod.inv(*_lon_lat(ends[0]), *_lon_lat(ends[1]))
            assert true_m == pytest.approx(lengths_m(ends)[0], rel=1.2e-3, abs=0.05)
