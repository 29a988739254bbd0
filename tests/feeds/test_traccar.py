"""Traccar's JSON: of its app, of those who write like it, and of its server."""

import json
from typing import Any

import pytest

from nearcast.feeds.traccar import read_traccar, traccar_token
from nearcast.services.feed_request import Read
from tests.feeds.phones import JSON, NOON, NOTHING, PLACE, places, traccar_location, traccar_position, whole

UUID = "2FB04C65-99CF-42AB-8DD3-EBCB4B108BF8"
COORDS = traccar_location()["coords"]
DEVICE = {"id": 3, "name": "Van", "uniqueId": "48241179", "status": "online"}


def read(document: object) -> Read:
    return read_traccar(json.dumps(document).encode(), JSON, NOTHING, NOON)


def of_app(**changes: Any) -> Read:
    return read({"device_id": "48241179", "location": traccar_location(**changes)})


def of_server(**changes: Any) -> Read:
    return read({"position": traccar_position(**changes), "device": DEVICE})


def test_a_fix_of_the_app_with_metres_a_second_and_a_name_of_its_own():
    assert whole(of_app()) == (NOON, *PLACE, 5.0, 3.0, UUID)


@pytest.mark.parametrize("uuid", ["", "\0", "\ud800", "x" * 256, ["a"], True])
def test_a_name_that_no_database_can_keep_is_none(uuid: object):
    assert whole(of_app(uuid=uuid)) == (NOON, *PLACE, 5.0, 3.0, None)


def test_less_than_nothing_means_that_the_phone_does_not_know():
    assert whole(of_app(coords={**COORDS, "speed": -1, "accuracy": -1})) == (NOON, *PLACE, None, None, UUID)


def test_a_flatter_fix_and_one_without_a_name():
    flat = {"timestamp": 1_780_394_400_000, "latitude": 52.52, "longitude": "13.405", "accuracy": 8, "speed": 1.5}
    found = read({"device_id": "dawarich", "location": flat, "battery": 0.5})
    assert [fix.repaired for fix in found.fixes] == ["clock_in_milliseconds"]
    assert whole(found) == (NOON, *PLACE, 8.0, 1.5, None)


def test_several_fixes_in_one_message():
    found = read({"location": [traccar_location(), 17, traccar_location(uuid="b")]})
    assert ([fix.ping_id for fix in found.fixes], found.refused) == ([UUID, "b"], ((1, "malformed"),))


@pytest.mark.parametrize("location", [{"mock": True}, {"coords": {**COORDS, "mock": "true"}}])
def test_a_made_up_place_of_the_app_is_refused_as_such(location: dict[str, Any]):
    assert of_app(**location) == Read(refused=((0, "ping_mocked"),))


def test_a_place_without_coordinates_is_legal_and_none():
    location = {key: value for key, value in traccar_location().items() if key != "coords"}
    for said in (location, {**location, "coords": {}}, {**location, "coords": None}):
        assert dict(read({"location": said}).besides) == {"no position": 1}


def test_a_position_passed_on_by_a_server_has_knots_and_a_number():
    assert whole(of_server()) == (NOON, *PLACE, None, pytest.approx(5.144, abs=0.001), "traccar-77")


def test_a_server_that_keeps_nothing_numbers_nothing_and_the_phones_own_time_will_do():
    (fix,) = of_server(id=0, fixTime=None).fixes
    assert (fix.ping_id, fix.recorded_at.second) == (None, 58)


@pytest.mark.parametrize("offset", ["Z", "+00:00", "+0000", ""])
def test_times_of_old_and_new_servers(offset: str):
    (fix,) = of_server(fixTime=f"2026-06-02T10:00:00.000{offset}").fixes
    assert fix.recorded_at == NOON


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"valid": False}, "ping_invalid"),
        ({"outdated": True}, "ping_invalid"),
        ({"attributes": {"mock": True}}, "ping_mocked"),
        ({"latitude": "north"}, "malformed"),
        ({"fixTime": None, "deviceTime": 3}, None),
        ({"fixTime": "x", "deviceTime": "y"}, "malformed"),
    ],
)
def test_what_a_server_does_not_stand_by(changes: dict[str, Any], reason: str | None):
    assert [why for _, why in of_server(**changes).refused] == ([] if reason is None else [reason])


def test_events_of_a_server_are_read_for_their_position():
    event = {"event": {"type": "geofenceEnter", "id": 5}, "device": DEVICE}
    assert dict(read(event).besides) == {"event": 1}
    assert places(read({**event, "position": traccar_position()})) == [PLACE]


@pytest.mark.parametrize("document", [None, [], 7, {}, {"device_id": "7"}, {"location": 7}, {"location": [[]]}])
def test_a_body_that_is_no_message_is_one_refused_entry(document: object):
    assert read(document) == Read(refused=((0, "malformed"),))


def test_a_clock_that_is_1024_weeks_behind_is_put_right():
    (fix,) = of_app(timestamp="2006-10-17T10:00:00Z").fixes
    assert (fix.recorded_at, fix.repaired) == (NOON, "clock_1024_weeks_behind")


@pytest.mark.parametrize(
    ("document", "query", "token"),
    [
        ({"device_id": "48241179"}, {}, "48241179"),
        ({"device_id": 48241179}, {}, "48241179"),
        ({"device": DEVICE}, {}, "48241179"),
        ({"device_id": "48241179"}, {"token": "t"}, "t"),
        ({"device_id": "48241179"}, {"id": "in-the-query"}, "in-the-query"),
        ({"device_id": ["x"], "device": 7}, {}, None),
        ([], {}, None),
    ],
)
def test_how_a_message_names_its_device(document: object, query: dict[str, str], token: str | None):
    assert traccar_token(json.dumps(document).encode(), JSON, query) == token
