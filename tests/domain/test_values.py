"""Small values: places, circles, fixes, ids, and complaints that lead to their place."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearcast.domain.errors import InvalidGeofence, InvalidInput
from nearcast.domain.geofence import MAX_RADIUS_M, Circle
from nearcast.domain.ids import (
    CampaignId,
    CustomerId,
    GeofenceId,
    TenantId,
    VisitId,
    decision_id,
    message_id,
    run_opportunity,
    transition_opportunity,
    visit_id,
)
from nearcast.domain.ping import Fix
from nearcast.domain.position import Position, wrap_lon_deg
from tests.domain.builders import NOON, later

HERE = Position(52.52, 13.405)
IN_A_RUN = "0c9f5dc1-fe11-568d-98c8-db6fcddf4caf"


@pytest.mark.parametrize(
    ("lon_deg", "wrapped"),
    [(0, 0), (179.5, 179.5), (180, -180), (-180, -180), (180.5, -179.5), (-180.5, 179.5), (540, -180), (-540, -180)],
)
def test_longitudes_are_wrapped(lon_deg: float, wrapped: float) -> None:
    assert Position(0.0, lon_deg).lon_deg == wrapped


@settings(max_examples=100)
@given(st.floats(-540, 540))
def test_a_wrapped_longitude_is_the_same_meridian(lon_deg: float) -> None:
    wrapped = wrap_lon_deg(lon_deg)
    assert -180 <= wrapped < 180
    assert wrap_lon_deg(wrapped) == wrapped
    assert math.isclose((wrapped - lon_deg + 180) % 360, 180, abs_tol=1e-9)


@pytest.mark.parametrize("lat_deg", [90.0, -90.0, 0.0])
def test_latitudes_reach_the_poles(lat_deg: float) -> None:
    assert Position(lat_deg, 0.0).lat_deg == lat_deg


@pytest.mark.parametrize(
    ("lat_deg", "lon_deg", "said"),
    [
        (90.000001, 0, "latitude 90.000001 is not in -90…90"),
        (-91, 0, "latitude -91"),
        (math.nan, 0, "latitude nan"),
        (math.inf, 0, "latitude inf"),
        (0, 540.000001, "longitude 540.000001 is not in -540…540"),
        (0, -541, "longitude -541"),
        (0, math.nan, "longitude nan"),
        (0, -math.inf, "longitude -inf"),
    ],
)
def test_what_is_no_place_on_the_earth(lat_deg: float, lon_deg: float, said: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Position(lat_deg, lon_deg)
    assert said in str(refused.value)


@pytest.mark.parametrize("radius_m", [0, -1, math.nan, math.inf, MAX_RADIUS_M + 1])
def test_a_circle_has_a_radius(radius_m: float) -> None:
    with pytest.raises(InvalidGeofence, match="radius_m"):
        Circle(HERE, radius_m)
    assert Circle(HERE, MAX_RADIUS_M).radius_m == MAX_RADIUS_M


def test_fixes_are_ordered_by_time_device_and_place() -> None:
    in_order = [
        Fix(at=NOON, position=Position(1.0, 9.0)),
        Fix(at=NOON, position=Position(2.0, 0.0)),
        Fix(at=NOON, position=Position(2.0, 5.0)),
        Fix(at=NOON, position=Position(0.0, 0.0), device_id="a"),
        Fix(at=NOON, position=Position(0.0, 0.0), device_id="b"),
        Fix(at=later(1), position=Position(0.0, 0.0)),
    ]
    reversed_ = list(in_order[::-1])
    assert sorted(reversed_, key=lambda fix: fix.order) == in_order


@pytest.mark.parametrize(
    ("accuracy_m", "other_m", "lat", "other_lat", "is_better"),
    [(5, 50, 2, 1, True), (50, 5, 1, 2, False), (5, 5, 1, 2, True), (5, 5, 2, 1, False), (5, 5, 1, 1, False)],
)
def test_the_more_accurate_fix_is_better_and_of_two_alike_the_first(
    accuracy_m: float, other_m: float, lat: float, other_lat: float, is_better: bool
) -> None:
    one = Fix(at=NOON, position=Position(lat, 0.0), accuracy_m=accuracy_m)
    other = Fix(at=NOON, position=Position(other_lat, 0.0), accuracy_m=other_m)
    assert one.is_better_than(other) is is_better


def test_ids_are_the_same_for_ever() -> None:
    visit = visit_id(TenantId("t1"), CustomerId("cust-0001"), GeofenceId("f1"), NOON)
    enter = transition_opportunity(visit, "enter")
    run = run_opportunity(TenantId("t1"), CampaignId("camp-7"), CustomerId("cust-0001"), NOON)
    assert visit == "e38aff9a-7404-5349-baf2-78cc0a523182"
    assert decision_id(enter, CampaignId("camp-7")) == "c689447a-ba35-5b95-9a0a-bd5dddd47b62"
    assert message_id(TenantId("t1"), CampaignId("camp-7"), CustomerId("cust-0001"), run, "sms") == IN_A_RUN


def test_ids_of_different_things_differ() -> None:
    assert decision_id("a", CampaignId("bc")) != decision_id("ab", CampaignId("c"))
    assert transition_opportunity(VisitId("v"), "enter") != transition_opportunity(VisitId("v"), "exit")
    assert transition_opportunity(VisitId("v"), "enter") != decision_id("v", CampaignId("enter"))


def test_a_complaint_is_seen_from_the_document_around_it() -> None:
    inner = InvalidGeofence("is no ring", place="ring 0")
    assert str(inner) == "ring 0: is no ring"
    assert str(inner.within("fences.geojson")) == "fences.geojson: ring 0: is no ring"
    assert type(inner.within("fences.geojson")) is InvalidGeofence
    assert str(InvalidInput("is wrong").within("row 3")) == "row 3: is wrong"
