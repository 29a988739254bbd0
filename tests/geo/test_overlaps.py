"""Which geofences share ground, and how much of it."""

import math
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from nearcast.domain.geofence import Geofence
from nearcast.geo.ground import area_m2
from nearcast.geo.overlaps import Grounds, Relation, bounds_about_deg
from nearcast.geo.seam import turns_into
from tests.geo.shapes import area_of, box, circle, fences, multipolygon, polygon, vertices

M_PER_DEG_LAT = 111_267.0  # at 52.52
SQUARE = polygon(box(13.40, 52.51, 13.41, 52.53))


def only(geofence: Geofence, other: Geofence, within_m: float = 0.0) -> tuple[Relation, Any]:
    (found,) = Grounds([other]).neighbours(geofence, within_m)
    return found.relation, found.share


@pytest.mark.parametrize(
    ("other", "relation", "share"),
    [
        (polygon(box(13.40, 52.51, 13.41, 52.53), geofence_id="o"), Relation.SAME, 1.0),
        (polygon(box(13.30, 52.41, 13.51, 52.63), geofence_id="o"), Relation.AROUND, 1.0),
        (polygon(box(13.402, 52.515, 13.404, 52.52), geofence_id="o"), Relation.WITHIN, 0.05),
        (polygon(box(13.405, 52.51, 13.42, 52.53), geofence_id="o"), Relation.OVERLAPS, 0.5),
        (
            polygon(box(13.40, 52.51, 13.41, 52.53), box(13.40, 52.51, 13.405, 52.53), geofence_id="o", repair=True),
            Relation.WITHIN,
            0.5,
        ),
        (
            multipolygon([box(13.3, 52.5, 13.4025, 52.6)], [box(13.4075, 52.5, 13.5, 52.6)], geofence_id="o"),
            Relation.OVERLAPS,
            0.5,
        ),
    ],
)
def test_a_neighbour_is_what_it_shares(other: Geofence, relation: Relation, share: float) -> None:
    assert only(SQUARE, other) == (relation, pytest.approx(share, abs=1e-4))


@pytest.mark.parametrize("away_m", [30.0, 60.0, 90.0])
def test_two_circles_share_a_lens(away_m: float) -> None:
    radius_m, u = 60.0, away_m / 120.0
    lens = 2.0 / math.pi * (math.acos(u) - u * math.sqrt(1.0 - u * u))
    found = only(circle(52.52, 13.4, radius_m), circle(52.52 + away_m / M_PER_DEG_LAT, 13.4, radius_m, "o"))
    assert found == (Relation.OVERLAPS, pytest.approx(lens, rel=0.005))


def test_the_northern_half_of_a_country_is_less_than_half_of_it() -> None:
    country, north = polygon(box(5.0, 45.0, 15.0, 55.0)), polygon(box(5.0, 50.0, 15.0, 55.0), geofence_id="o")
    share = (math.sin(math.radians(55)) - math.sin(math.radians(50))) / (
        math.sin(math.radians(55)) - math.sin(math.radians(45))
    )
    assert only(country, north) == (Relation.WITHIN, pytest.approx(share, rel=0.005))


def test_a_hole_on_a_slanting_edge_is_measured_though_the_plane_bends_it() -> None:
    land = polygon([[0, 0], [60, 0], [60, 60], [0, 0]], [[40, 10], [30, 30], [50, 10], [40, 10]])
    relation, share = only(land, polygon(box(-1, -1, 61, 61), geofence_id="o"))
    assert (relation, share) == (Relation.AROUND, pytest.approx(1.0))


def test_a_circle_is_as_large_as_its_radius_says_and_a_country_as_the_ellipsoid_says() -> None:
    assert area_m2(circle(52.52, 13.4, 60.0)) == pytest.approx(math.pi * 60.0**2, rel=1e-4)
    country = polygon(box(5.0, 45.0, 15.0, 55.0))
    lon, lat = vertices(polygon(shapely.get_coordinates(shapely.segmentize(area_of(country), 0.1)).tolist())).T
    on_the_ellipsoid_m2, _ = Geod(ellps="WGS84").polygon_area_perimeter(lon, lat)
    assert area_m2(country) == pytest.approx(abs(on_the_ellipsoid_m2), rel=0.01)
    assert area_m2(circle(90.0, 0.0, 60.0)) is None


def test_beside_is_at_most_so_many_metres_off() -> None:
    here, there = circle(52.52, 13.4, 60.0), circle(52.52 + 140.0 / M_PER_DEG_LAT, 13.4, 60.0, "o")
    (found,) = Grounds([there]).neighbours(here, 21.0)
    assert (found.relation, found.share) == (Relation.BESIDE, 0.0)
    assert found.distance_m == pytest.approx(20.0, abs=0.2)
    assert Grounds([there]).neighbours(here, 19.0) == []


def test_boxes_that_meet_are_not_ground_that_is_shared() -> None:
    corner = [[13.41, 52.53], [13.41, 52.52], [13.42, 52.52], [13.41, 52.53]]
    hollow = polygon(box(13.3, 52.4, 13.5, 52.6), box(13.35, 52.45, 13.45, 52.55), geofence_id="hollow")
    assert Grounds([hollow]).neighbours(SQUARE) == []
    (touching,) = Grounds([polygon(corner, geofence_id="o")]).neighbours(SQUARE)
    assert (touching.relation, touching.distance_m) == (Relation.BESIDE, 0.0)


def test_the_largest_share_comes_first_and_oneself_never() -> None:
    others = [circle(52.52 + n / M_PER_DEG_LAT, 13.4, 60.0, f"f{n}") for n in (90, 0, 30, 130)]
    found = Grounds(others).neighbours(circle(52.52, 13.4, 60.0, "f0"), 26.0)
    assert [each.geofence.id for each in found] == ["f30", "f90", "f130"]


@pytest.mark.parametrize(("lon_deg", "other_deg"), [(179.9999, -179.9999), (-179.9999, 179.9999), (180.0, -180.0)])
def test_neighbours_meet_over_the_seam(lon_deg: float, other_deg: float) -> None:
    apart_m = abs(lon_deg - other_deg - turns_into(other_deg, lon_deg)) * 111_320 * math.cos(math.radians(17))
    u = apart_m / 120.0
    lens = 2.0 / math.pi * (math.acos(u) - u * math.sqrt(1.0 - u * u))
    _, share = only(circle(-17.0, lon_deg, 60.0), circle(-17.0, other_deg, 60.0, "o"))
    assert share == pytest.approx(lens, rel=0.005)


def test_a_circle_that_holds_a_pole_has_no_neighbours() -> None:
    pole = circle(89.9, 0.0, 20_000.0, "pole")
    assert Grounds([circle(89.95, 10.0, 100.0)]).neighbours(pole) == []
    assert Grounds([pole]).neighbours(circle(89.95, 10.0, 100.0)) == []
    assert bounds_about_deg(pole, 26.0) is None


def test_nobody_has_no_neighbours() -> None:
    assert Grounds([]).neighbours(SQUARE, 26.0) == []


@settings(max_examples=60)
@given(one=fences("one"), other=fences("other"), within_m=st.sampled_from([0.0, 26.0, 1e6]))
def test_whatever_is_drawn_shares_between_nothing_and_all(one: Geofence, other: Geofence, within_m: float) -> None:
    for found in Grounds([other]).neighbours(one, within_m):
        assert 0.0 <= found.share <= 1.0
        assert 0.0 <= found.distance_m <= within_m
    box_deg = bounds_about_deg(one, within_m)
    assert box_deg is None or np.isfinite(box_deg).all()


@settings(max_examples=40)
@given(one=fences("one"))
def test_whatever_is_drawn_is_the_same_as_itself(one: Geofence) -> None:
    twin = Geofence(id=type(one.id)("twin"), boundary=one.boundary)
    if bounds_about_deg(one, 0.0) is not None:
        assert only(one, twin) == (Relation.SAME, pytest.approx(1.0))
