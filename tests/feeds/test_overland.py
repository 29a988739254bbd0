"""Overland's batches: which Features are fixes, and what their numbers mean."""

import json
from typing import Any

import pytest

from nearcast.feeds.overland import read_overland
from nearcast.services.feed_request import Read
from tests.feeds.phones import JSON, NOON, NOTHING, PLACE, overland_feature, places, whole


def read(*features: Any, **envelope: Any) -> Read:
    return read_overland(json.dumps({"locations": features, **envelope}).encode(), JSON, NOTHING, NOON)


def test_a_fix_says_when_where_how_exactly_and_how_fast():
    assert whole(read(overland_feature())) == (NOON, *PLACE, 30.0, 4.0, None)


def test_less_than_nothing_means_that_the_phone_does_not_know():
    assert whole(read(overland_feature(speed=-1, horizontal_accuracy=-1))) == (NOON, *PLACE, None, None, None)


def test_the_id_of_the_phone_is_no_id_of_the_fix():
    found = read(overland_feature(unique_id="3F2504E0"), overland_feature(unique_id="3F2504E0"))
    assert [fix.ping_id for fix in found.fixes] == [None, None]


NO_FIXES = [
    ({**overland_feature(), "geometry": None}, "no position"),
    ({key: value for key, value in overland_feature().items() if key != "geometry"}, "no position"),
    (overland_feature(action="visit", arrival_date=None, departure_date="2026-06-02T09:00:00Z"), "visit"),
    (overland_feature(action="paused_location_updates"), "action"),
    ({**overland_feature(action="will_terminate"), "geometry": None}, "action"),
    (overland_feature(type="trip", distance=900, mode="walk"), "trip"),
    (overland_feature(type="battery"), "action"),
    (overland_feature(action=["visit"]), "action"),
]


@pytest.mark.parametrize(("feature", "kind"), NO_FIXES)
def test_what_is_no_fix_is_counted_by_kind_and_the_fixes_beside_it_are_taken(feature: dict[str, Any], kind: str):
    found = read(feature, overland_feature())
    assert (dict(found.besides), places(found), found.refused) == ({kind: 1}, [PLACE], ())


def test_the_newest_fix_comes_after_the_batch_that_it_overtook():
    later = overland_feature(timestamp="2026-06-02T11:00:00Z")
    found = read(overland_feature(), current=later, trip={"distance": 10, "mode": "walk"})
    assert [fix.recorded_at.hour for fix in found.fixes] == [10, 11]
    assert dict(found.besides) == {"trip": 1}


def test_the_device_is_named_at_the_envelope_or_not_at_all():
    assert places(read(overland_feature(), device_id="colota")) == [PLACE]


def test_one_fix_need_not_stand_in_an_array_nor_have_only_two_coordinates():
    feature = overland_feature()
    feature["geometry"]["coordinates"].append(34.5)
    body = json.dumps({"locations": feature}).encode()
    assert places(read_overland(body, JSON, NOTHING, NOON)) == [PLACE]


BROKEN = [
    17,
    None,
    {**overland_feature(), "geometry": {"type": "Polygon", "coordinates": []}},
    {**overland_feature(), "geometry": {"type": "Point", "coordinates": ["west", 52]}},
    overland_feature(timestamp=None),
    overland_feature(timestamp="yesterday"),
    overland_feature(timestamp="2026-06-02"),
]


@pytest.mark.parametrize("feature", BROKEN)
def test_what_should_have_been_a_fix_is_refused_by_its_index_and_the_rest_is_taken(feature: Any):
    found = read(overland_feature(), feature, overland_feature())
    assert (found.refused, len(found.fixes)) == (((1, "malformed"),), 2)


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b"\xff\xfe", b'"x"', b"[" * 100_000])
def test_a_body_that_is_no_batch_is_one_refused_entry(body: bytes):
    assert read_overland(body, JSON, NOTHING, NOON) == Read(refused=((0, "malformed"),))


def test_a_batch_without_fixes_is_nothing_and_not_wrong():
    assert read() == read_overland(b" ", JSON, NOTHING, NOON) == Read()
