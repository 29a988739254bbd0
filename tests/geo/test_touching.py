"""Which grounds a geofence touches: by the R-tree what brute force finds, across the seam and at the poles too."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from nearcast.domain.geofence import Circle, Geofence
from nearcast.domain.ids import GeofenceId
from nearcast.domain.position import Position
from nearcast.geo.touching import Touching
from nearcast.geo.validate import geofence_from_feature

WGS84 = Geod(ellps="WGS84")


def circle(lat_deg: float, lon_deg: float, radius_m: float, key: str = "c") -> Geofence:
    return Geofence(id=GeofenceId(key), boundary=Circle(Position(lat_deg, lon_deg), radius_m))


def square(west: float, south: float, east: float, north: float, key: str = "q") -> Geofence:
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    geometry = {"type": "Polygon", "coordinates": [ring]}
    return geofence_from_feature({"type": "Feature", "id": key, "properties": {}, "geometry": geometry}, place="")


def touches(one: Geofence, other: Geofence) -> bool:
    return bool(Touching([one]).touched_by(other))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (square(0, 0, 1, 1), square(0.5, 0.5, 2, 2), True),
        (square(0, 0, 1, 1), square(1, 0, 2, 1), True),  # a side in common
        (square(0, 0, 1, 1), square(1.001, 0, 2, 1), False),
        (square(0, 0, 3, 3), square(1, 1, 2, 2), True),  # one within the other
        (square(179, 0, 181, 1), square(-179.5, 0, -178, 1), True),  # the same ground on both sides of the seam
        (square(179.6, 0, 180.2, 1), square(-180.1, 0, -179.5, 1), True),  # each on its own side of the seam
        (square(179, 0, 181, 1), square(-178.5, 0, -178, 1), False),
        (circle(90, 0, 100_000), circle(89.5, 120, 1000), True),  # a circle that holds the pole
        (circle(90, 0, 100_000), circle(88.5, 120, 1000), False),
        (circle(52.5, 13.4, 15_000_000), square(100, 0, 100.01, 0.01), True),  # it holds a pole, and most of the earth
        (circle(89.99, 0, 2_000), square(-60, 80, 60, 90), True),
    ],
)
def test_what_touches(one: Geofence, other: Geofence, expected: bool) -> None:
    assert touches(one, other) is expected
    assert touches(other, one) is expected


@given(st.floats(-80, 80), st.floats(-180, 180), st.floats(10, 5000), st.floats(10, 5000), st.floats(0, 360), st.data())
def test_circles_touch_up_to_the_sum_of_their_radii(
    lat_deg: float, lon_deg: float, radius_m: float, other_m: float, bearing_deg: float, data: st.DataObject
) -> None:
    share = data.draw(st.floats(0, 0.99) | st.floats(1.01, 3))
    lon, lat, _ = WGS84.fwd(lon_deg, lat_deg, bearing_deg, share * (radius_m + other_m))
    assert touches(circle(lat_deg, lon_deg, radius_m), circle(lat, lon, other_m)) is (share < 1)


def test_grounds_are_named_in_their_order_and_hold_places() -> None:
    grounds = [square(n, 0, n + 1.5, 1, key=f"q{n}") for n in range(4)] + [circle(90, 0, 100_000, "pole")]
    index = Touching(grounds)
    assert [each.id for each in index.touched_by(square(1.2, 0.2, 2.1, 0.4))] == ["q0", "q1", "q2"]
    assert [each.id for each in index.at(Position(0.5, 1.2))] == ["q0", "q1"]
    assert [each.id for each in index.at(Position(0.5, 361.2))] == ["q0", "q1"]
    assert [each.id for each in index.at(Position(89.9, 77))] == ["pole"]
    assert index.at(Position(0.5, 9)) == []
    assert Touching([]).touched_by(grounds[0]) == []
