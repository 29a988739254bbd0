"""GPSLogger's custom URL, Colota, and all who name values as they like."""

import json
from datetime import timedelta
from typing import Any

import pytest

from nearcast.feeds.gpslogger import ALIASES, read_gpslogger
from nearcast.services.feed_request import Read
from tests.feeds.phones import FORM, JSON, NOON, NOON_S, NOTHING, PLACE, places, whole

ALL = {
    "lat": "52.52", "lon": "13.405", "sat": "7", "desc": "", "alt": "34.0", "acc": "12.0", "dir": "0.0", "prov": "gps",
    "spd_kph": "5.4", "spd": "1.5", "timestamp": str(NOON_S), "timeoffset": "2026-06-02T12:00:00.000+02:00",
    "time": "2026-06-02T10:00:00.000Z", "starttimestamp": "1780390000", "date": "2026-06-02", "batt": "81.0",
    "ischarging": "false", "aid": "a1", "ser": "s1", "act": "", "filename": "20260602", "profile": "Default",
    "hdop": "", "vdop": "", "pdop": "", "dist": "0",
}  # fmt: skip
COLOTA: dict[str, Any] = {
    "lat": 52.52, "lon": 13.405, "acc": 12, "alt": 519, "vel": 1.5, "batt": 85, "bs": 2, "tst": NOON_S, "bear": 180.5,
}  # fmt: skip


def read(**said: Any) -> Read:
    return read_gpslogger(b"", "", {key: str(value) for key, value in said.items()}, NOON)


def test_its_default_address():
    found = read(lat="52.52", longitude="13.405", time="2026-06-02T10:00:00.000Z", s="1.5")
    assert whole(found) == (NOON, *PLACE, None, 1.5, None)


def test_everything_that_it_can_say_in_the_address_in_a_form_and_in_json():
    form = "&".join(f"{key}={value.replace('+', '%2B')}" for key, value in ALL.items()).encode()
    for found in (
        read(**ALL),
        read_gpslogger(form, FORM, NOTHING, NOON),
        read_gpslogger(json.dumps(ALL).encode(), "", NOTHING, NOON),
    ):
        assert whole(found) == (NOON, *PLACE, 12.0, 1.5, None)


def test_what_the_body_says_counts_more_than_the_address():
    assert places(read_gpslogger(b"lat=52.52", FORM, {**ALL, "lat": "1"}, NOON)) == [PLACE]


@pytest.mark.parametrize("lat", ALIASES["lat"])
@pytest.mark.parametrize("lon", ALIASES["lon"])
def test_coordinates_by_any_name_in_any_case(lat: str, lon: str):
    assert places(read(**{lat.upper(): 52.52, lon.title(): 13.405, "tst": NOON_S})) == [PLACE]


@pytest.mark.parametrize(
    ("said", "after_s"),
    [
        ({"timestamp": NOON_S}, 0),
        ({"tst": NOON_S * 1000}, 0),
        ({"fixTime": "2026-06-02T10:00:00Z"}, 0),
        ({"recorded_at": "2026-06-02 10:00:00"}, 0),
        ({"date": "2026-06-02", "time": "2026-06-02T10:00:05Z"}, 5),
        ({"timestamp": "", "time": "10:00", "timeoffset": "2026-06-02T12:00:07+02:00"}, 7),
        ({"timestamp": NOON_S, "time": "2001-01-01T00:00:00Z"}, 0),
    ],
)
def test_of_several_times_the_first_that_is_one_counts(said: dict[str, Any], after_s: int):
    (fix,) = read(lat=52.52, lon=13.405, **said).fixes
    assert fix.recorded_at == NOON + timedelta(seconds=after_s)


@pytest.mark.parametrize(
    ("said", "accuracy_m", "speed_mps"),
    [
        ({"acc": "0.0", "spd": "0.0"}, None, 0.0),
        ({"acc": "", "hdop": "", "spd": ""}, None, None),
        ({"accuracy": 8, "hdop": 0.9}, 8.0, None),
        ({"hdop": 2}, 10.0, None),
        ({"hdop": "0.0"}, None, None),
        ({"horizontal_accuracy": 30, "vel": 1.5}, 30.0, 1.5),
        ({"spd_kph": 36}, None, 10.0),
        ({"speed": -1}, None, None),
        ({"acc": "fine"}, None, None),
    ],
)
def test_0_and_nothing_are_no_accuracy_and_units_follow_the_name(
    said: dict[str, Any], accuracy_m: float | None, speed_mps: float | None
):
    (fix,) = read(lat=52.52, lon=13.405, tst=NOON_S, **said).fixes
    assert fix.accuracy_m == accuracy_m
    assert fix.speed_mps == pytest.approx(speed_mps)


def test_colotas_own_message_has_metres_a_second_and_may_leave_out_what_it_does_not_know():
    body = json.dumps(COLOTA).encode()
    assert whole(read_gpslogger(body, "application/json; charset=UTF-8", NOTHING, NOON)) == (
        NOON,
        *PLACE,
        12,
        1.5,
        None,
    )
    short = {key: COLOTA[key] for key in ("lat", "lon", "acc", "batt", "bs", "tst")}
    assert whole(read_gpslogger(json.dumps(short).encode(), JSON, NOTHING, NOON))[3:] == (12, None, None)


def test_colotas_anchor_is_as_coarse_as_the_zone_in_which_it_slept():
    anchor = {"lat": 52.52, "lon": 13.405, "acc": 150, "batt": 85, "bs": 2, "tst": NOON_S - 1}
    (fix,) = read_gpslogger(json.dumps(anchor).encode(), JSON, NOTHING, NOON).fixes
    assert (fix.accuracy_m, fix.recorded_at) == (150, NOON - timedelta(seconds=1))


@pytest.mark.parametrize(
    ("said", "refused", "besides"),
    [
        ({"lat": "52.52", "lon": "13.405"}, "malformed", {}),
        ({"lat": "52.52", "lon": "", "tst": NOON_S}, "malformed", {}),
        ({"lat": "%LAT", "lon": "%LON", "tst": NOON_S}, "malformed", {}),
        ({"lat": "52.52", "lon": "13.405", "tst": NOON_S, "mock": "true"}, "ping_mocked", {}),
        ({"batt": "81.0"}, None, {"no position": 1}),
    ],
)
def test_what_is_no_fix(said: dict[str, Any], refused: str | None, besides: dict[str, int]):
    found = read(**said)
    assert found.fixes == ()
    assert [reason for _, reason in found.refused] == ([] if refused is None else [refused])
    assert dict(found.besides) == besides
