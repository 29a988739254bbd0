"""OsmAnd's protocol: a fix in a query or in a form."""

from typing import Any

import pytest

from nearcast.feeds.osmand import osmand_token, read_osmand
from nearcast.services.feed_request import Read
from tests.feeds.phones import FORM, JSON, NOON, NOON_S, NOTHING, PLACE, places, whole

SAID = {"id": "123456", "timestamp": str(NOON_S), "lat": "52.52", "lon": "13.405", "speed": "10.0", "bearing": "0.0"}
MORE = {"altitude": "0", "accuracy": "5", "batt": "87.0", "charge": "true", "alarm": "sos", "valid": "true"}


def read(**said: Any) -> Read:
    query = {key: value for key, value in {**SAID, **said}.items() if value is not None}
    return read_osmand(b"", "", query, NOON)


def test_a_fix_in_a_query_with_knots():
    assert whole(read(**MORE)) == (NOON, *PLACE, 5.0, pytest.approx(5.144, abs=0.001), None)


def test_a_fix_in_a_form():
    body = f"id=123456&timestamp={NOON_S}&lat=52.52&lon=13.405&accuracy=8".encode()
    assert whole(read_osmand(body, FORM, NOTHING, NOON)) == (NOON, *PLACE, 8.0, None, None)


@pytest.mark.parametrize(
    "timestamp",
    [
        str(NOON_S),
        str(NOON_S * 1000),
        "2026-06-02T10:00:00Z",
        "2026-06-02T12:00:00+02:00",
        "2026-06-02T12:00:00 02:00",
        "2026-06-02T10:00:00",
        "2026-06-02 10:00:00",
        None,
        "",
    ],
)
def test_times_in_every_spelling_and_none_is_now(timestamp: str | None):
    assert [fix.recorded_at for fix in read(timestamp=timestamp).fixes] == [NOON]


def test_milliseconds_are_what_this_protocol_has():
    assert [fix.repaired for fix in read(timestamp=str(NOON_S * 1000)).fixes] == [None]
    for wrong in (NOON_S * 1_000_000, 10**14):
        assert read(timestamp=str(wrong)).refused == ((0, "malformed"),)


def test_from_2_to_the_31_on_a_time_is_in_milliseconds():
    seconds, milliseconds = read(timestamp=str(2**31 - 1)).fixes + read(timestamp=str(2**31)).fixes
    assert (seconds.recorded_at.year, milliseconds.recorded_at.year) == (2038, 1970)


def test_a_clock_that_is_1024_weeks_behind_is_put_right():
    (fix,) = read(timestamp=str(NOON_S - 619_315_200)).fixes
    assert (fix.recorded_at, fix.repaired) == (NOON, "clock_1024_weeks_behind")


def test_both_coordinates_in_one():
    assert places(read(lat=None, lon=None, location="52.52,13.405")) == [PLACE]


def test_osmand_puts_its_accuracy_in_hdop_and_0_is_no_accuracy():
    accuracies = [read(**said).fixes[0].accuracy_m for said in ({"hdop": "6.0"}, {"hdop": "6", "accuracy": "9"})]
    assert [*accuracies, read(accuracy="0.0").fixes[0].accuracy_m] == [6.0, 9.0, None]


def test_a_message_without_coordinates_is_legal():
    found = read(lat=None, lon=None, cell="257,02,16,2224", wifi="00-14-22-01-23-45,-80")
    assert (found.fixes, found.refused, dict(found.besides)) == ((), (), {"no position": 1})


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"mock": "true"}, "ping_mocked"),
        ({"mock": "1"}, "ping_mocked"),
        ({"valid": "false"}, "ping_invalid"),
        ({"valid": "0"}, "ping_invalid"),
        ({"lat": "north"}, "malformed"),
        ({"lon": None}, "malformed"),
        ({"lat": "nan"}, "malformed"),
        ({"location": "52.52", "lat": None, "lon": None}, "malformed"),
        ({"timestamp": "soon"}, "malformed"),
        ({"timestamp": "2026-06-02"}, "malformed"),
        ({"timestamp": "9" * 40}, "malformed"),
    ],
)
def test_what_is_refused_and_why(said: dict[str, Any], reason: str):
    assert read(**said) == Read(refused=((0, reason),))


def test_json_on_the_same_address_is_traccars():
    body = b'{"device_id":"7","location":{"timestamp":"2026-06-02T10:00:00Z","latitude":52.52,"longitude":13.405}}'
    assert places(read_osmand(body, "application/json; charset=utf-8", NOTHING, NOON)) == [PLACE]
    assert osmand_token(body, JSON, NOTHING) == "7"


@pytest.mark.parametrize(
    ("body", "query", "token"),
    [
        (b"", {"id": "123456"}, "123456"),
        (b"", {"deviceid": "123456"}, "123456"),
        (b"deviceid=123456", {}, "123456"),
        (b"", {"token": "t", "id": "123456"}, "t"),
        (b"\xff", {"id": "123456"}, "123456"),
        (b"", {}, None),
        (b"", {"id": ""}, None),
    ],
)
def test_how_a_message_names_its_device(body: bytes, query: dict[str, str], token: str | None):
    assert osmand_token(body, FORM, query) == token
