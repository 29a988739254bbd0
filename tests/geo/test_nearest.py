"""The nearest geofences, as measuring all of them finds them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearcast.domain.geofence import Geofence
from nearcast.domain.ids import GeofenceId
from nearcast.domain.position import Position
from nearcast.geo.margins import signed_distance_m
from nearcast.geo.matcher import FenceIndex
from tests.geo.shapes import box, circle, fences, indexes, nearby_points, polygon


@given(st.tuples(*(fences(f"f{n}") for n in range(5))), st.integers(0, 2**32), st.integers(0, 6))
def test_the_nearest_are_those_that_measuring_all_finds(drawn: tuple[Geofence, ...], seed: int, k: int) -> None:
    lat, lon = nearby_points(drawn, np.random.default_rng(seed), 2)
    position = Position(float(lat[0]), float(lon[0]))
    away_m = [max(0.0, signed_distance_m(geofence, position)) for geofence in drawn]
    expected = sorted(range(5), key=away_m.__getitem__)[:k]
    for index in indexes(drawn):
        assert index.nearest(position, k) == [(drawn[n], away_m[n]) for n in expected]


def test_inside_is_nought_metres_and_equals_come_in_the_order_they_were_put() -> None:
    shops = [circle(0.0, 1.0, 10.0, "far"), circle(0.0, 0.0, 50.0, "b"), circle(0.0, 0.0, 50.0, "a")]
    found = FenceIndex(shops).nearest(Position(0.0, 0.0001), 3)
    assert [(shop.id, metres) for shop, metres in found[:2]] == [("b", 0.0), ("a", 0.0)]
    assert found[2][1] == pytest.approx(111_319.49 - 11.13 - 10.0, abs=0.1)


def test_the_nearest_may_lie_over_the_seam() -> None:
    there, here = polygon(box(-180.0, 0.0, -179.9, 0.1), geofence_id="there"), circle(0.0, 178.0, 10.0, "here")
    for index in indexes([here, there]):
        ((nearest, metres),) = index.nearest(Position(0.05, 179.9), 1)
        assert nearest == there
        assert metres == pytest.approx(11_132.0, abs=1.0)


def test_what_was_deleted_is_not_near() -> None:
    for index in indexes([circle(0.0, 0.0, 10.0, "gone"), circle(0.0, 3.0, 10.0, "kept")]):
        index.delete(GeofenceId("gone"))
        assert [shop.id for shop, _ in index.nearest(Position(0.0, 0.0), 2)] == ["kept"]
    assert FenceIndex().nearest(Position(0.0, 0.0), 3) == []
