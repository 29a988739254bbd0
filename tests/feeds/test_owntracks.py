"""OwnTracks' messages: every one is survived, positions are read, and nothing else is kept of them."""

import json
from base64 import b64encode
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.secret import SecretBox

from nearcast.feeds.owntracks import read_owntracks
from nearcast.feeds.owntracks_regions import most_regions, region_commands
from nearcast.feeds.owntracks_seal import seal, unseal
from nearcast.feeds.phone import EPOCH_2001, MILLISECONDS, WEEKS_1024
from nearcast.services.feed_request import Read
from nearcast.services.region_push import Region, RegionChange
from tests.feeds.phones import JSON, NOON, NOON_S, NOTHING, PLACE, places, whole

LOCATION: dict[str, Any] = {
    "_type": "location",
    "BSSID": "00:13:10:85:fe:01",
    "SSID": "AndroidWifi",
    "_id": "0d871a61",
    "acc": 5,
    "alt": 50,
    "batt": 100,
    "bs": 0,
    "conn": "w",
    "created_at": NOON_S + 3600,
    "lat": 52.52,
    "lon": 13.405,
    "m": 1,
    "t": "u",
    "tid": "aa",
    "topic": "owntracks/jane/phone",
    "tst": NOON_S,
    "vac": 0,
    "vel": 36,
    "inregions": ["Home"],
    "inrids": ["6da9cf"],
    "poi": "my place",
    "image": "aGVsbG8=",
}
TRANSITION: dict[str, Any] = {
    "_type": "transition",
    "_id": "7f",
    "wtst": 1558351273,
    "tst": NOON_S,
    "event": "enter",
    "desc": "myregion",
    "rid": "f7676c",
    "t": "c",
    "lat": 52.52,
    "lon": 13.405,
    "acc": 3,
    "tid": "ce",
}


def read(message: Any) -> Read:
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    return read_owntracks(body, JSON, NOTHING, NOON)


def test_a_location_is_a_fix_in_metres_and_metres_a_second():
    assert whole(read(LOCATION)) == (NOON, *PLACE, 5.0, 10.0, "0d871a61")


def test_an_entered_or_left_region_is_a_fix_with_its_own_accuracy():
    assert whole(read(TRANSITION)) == (NOON, *PLACE, 3.0, None, "7f")
    assert whole(read({**TRANSITION, "event": "leave", "acc": 800}))[3] == 800.0


@pytest.mark.parametrize("changes", [{"t": "b", "lat": 52.5, "lon": 13.4}, {"lat": 0, "lon": 0, "acc": 0}])
def test_a_beacon_is_no_position(changes: dict[str, Any]):
    found = read({**TRANSITION, **changes})
    assert (found.fixes, found.refused, dict(found.besides)) == ((), (), {"beacon transition": 1})


@pytest.mark.parametrize(
    ("changes", "accuracy_m", "speed_mps"),
    [
        ({"acc": 0, "vel": -1}, None, None),
        ({"acc": -1, "vel": "72"}, None, 20.0),
        ({"acc": "12.5", "vel": 0}, 12.5, 0.0),
        ({"acc": "x", "vel": None}, None, None),
        ({"acc": True, "vel": []}, None, None),
    ],
)
def test_what_a_phone_does_not_know_is_unknown(changes: dict[str, Any], accuracy_m: Any, speed_mps: Any):
    assert whole(read({**LOCATION, **changes}))[3:5] == (accuracy_m, speed_mps)


def test_numbers_may_stand_in_quotes():
    said = {key: str(value) for key, value in LOCATION.items() if key in ("lat", "lon", "tst", "acc", "vel")}
    assert whole(read({**LOCATION, **said})) == whole(read(LOCATION))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"tst": NOON_S * 1000}, MILLISECONDS),
        ({"tst": NOON_S - 978_307_200, "created_at": None}, EPOCH_2001),
        ({"tst": NOON_S - 619_315_200, "created_at": None}, WEEKS_1024),
        ({"tst": str(NOON_S - 619_315_200), "created_at": NOON_S}, WEEKS_1024),
    ],
)
def test_a_wrong_clock_is_set_right_and_counted(changes: dict[str, Any], why: str):
    (fix,) = read({**LOCATION, **changes}).fixes
    assert (fix.recorded_at, fix.repaired) == (NOON, why)


def test_a_clock_behind_the_one_that_built_the_message_is_set_right_though_it_comes_late():
    built_s = NOON_S - 30 * 86_400
    (fix,) = read({**LOCATION, "tst": built_s - 619_315_200, "created_at": built_s}).fixes
    assert (fix.recorded_at, fix.repaired) == (NOON - timedelta(days=30), WEEKS_1024)


@pytest.mark.parametrize("tst", [NOON_S - 40 * 86_400, NOON_S + 7200, 1_000_000_000, 700_000_000])
def test_an_old_or_a_future_fix_is_left_as_it_is(tst: int):
    (fix,) = read({**LOCATION, "tst": tst, "created_at": NOON_S}).fixes
    assert (fix.recorded_at, fix.repaired) == (NOON + timedelta(seconds=tst - NOON_S), None)


@pytest.mark.parametrize(
    "kind",
    [
        *("waypoint", "waypoints", "lwt", "status", "steps", "beacon", "card", "configuration", "cmd", "request"),
        "encrypted",
    ],
)
def test_every_other_message_is_counted_by_its_kind(kind: str):
    found = read({"_type": kind, "lat": 1.0, "lon": 2.0, "tst": NOON_S})
    assert (found.fixes, found.refused, dict(found.besides)) == ((), (), {kind: 1})


@pytest.mark.parametrize("message", [{"_type": "wish"}, {"_type": 7}, {}, 7, "location", None, True])
def test_what_says_no_kind_that_is_known_is_unknown(message: Any):
    found = read(message)
    assert (found.fixes, found.refused, dict(found.besides)) == ((), (), {"unknown": 1})


@pytest.mark.parametrize("body", [b"", b" \n"])
def test_a_body_without_a_message_is_nothing(body: bytes):
    assert dict(read(body).besides) == {"empty": 1}


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[" * 100_000, b'{"_type":"location",', b"tst=1"])
def test_what_is_no_json_is_refused(body: bytes):
    assert read(body).refused == ((0, "malformed"),)


@pytest.mark.parametrize("key", ["lat", "lon", "tst"])
@pytest.mark.parametrize("value", [None, "", "x", [], {}, True, "NaN", 1e400, "1e999"])
def test_a_location_without_a_place_or_a_time_is_refused(key: str, value: Any):
    assert read({**LOCATION, key: value}).refused == ((0, "malformed"),)
    assert read({**{k: v for k, v in LOCATION.items() if k != key}}).refused == ((0, "malformed"),)


def test_a_list_of_messages_is_read_message_by_message():
    found = read([LOCATION, {"_type": "card"}, {**LOCATION, "lat": None}, TRANSITION])
    assert (places(found), found.refused, dict(found.besides)) == ([PLACE, PLACE], ((2, "malformed"),), {"card": 1})


JSONS: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.just([]) | st.just({})
)


@settings(max_examples=50)
@given(st.dictionaries(st.sampled_from(sorted(LOCATION)), JSONS, max_size=6))
def test_no_message_of_whatever_content_raises(changes: dict[str, Any]):
    found = read({**LOCATION, **changes})
    assert len(found.fixes) + len(found.refused) + sum(found.besides.values()) == 1


def test_what_libsodium_sealed_with_a_short_secret_is_opened():
    box = SecretBox(b"123".ljust(32, b"\0"))
    nonce = bytes(range(24))
    data = b64encode(bytes(box.encrypt(json.dumps(LOCATION).encode(), nonce))).decode()
    body, is_sealed = unseal(json.dumps({"_type": "encrypted", "_id": "1", "data": data}).encode(), "123")
    assert is_sealed
    assert body is not None
    assert whole(read(body)) == whole(read(LOCATION))


@given(st.binary(max_size=50), st.text(max_size=40))
def test_what_is_sealed_is_opened_with_its_secret_alone(answer: bytes, secret: str):
    sealed = seal(answer, secret)
    assert unseal(sealed, secret) == (answer, True)
    assert unseal(sealed, f"x{secret}") == (None, True)


def test_only_the_first_32_bytes_of_a_secret_count():
    assert unseal(seal(b"[]", "ü" * 16 + "and more"), "ü" * 16) == (b"[]", True)


@pytest.mark.parametrize("data", [None, 7, "%%%", "", "QUJD", ["x"]])
def test_what_cannot_be_opened_is_sealed_all_the_same(data: Any):
    body = json.dumps({"_type": "encrypted", "data": data}).encode()
    assert unseal(body, "123") == (None, True)
    assert unseal(body, None) == (None, True)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", json.dumps(LOCATION).encode()])
def test_what_is_not_sealed_stays_as_it_is(body: bytes):
    assert unseal(body, "123") == (body, False)


HERE = Region(id="a1", number=1_000_000_007, name="Cafe", lat=52.52, lon=13.405, radius_m=60)
GONE = Region(id="b2", number=1_000_000_009, name="Bar", lat=52.5, lon=13.4, radius_m=80)
ANDROID, IPHONE = "Owntracks-Android/gms/420500002", "OwnTracks/17.2 CFNetwork/1410 Darwin/22.6.0"
WAYPOINT = {
    "_type": "waypoint",
    "tst": 1_000_000_007,
    "rid": "a1",
    "desc": "Cafe",
    "lat": 52.52,
    "lon": 13.405,
    "rad": 60,
}


def test_a_phone_watches_as_many_regions_as_it_can():
    assert [most_regions(agent) for agent in (ANDROID, IPHONE, "")] == [100, 20, 20]


def test_android_forgets_everything_before_it_is_told_anew():
    told = region_commands(RegionChange((HERE,), (GONE,)), ANDROID)
    assert [command["action"] for command in told] == ["clearWaypoints", "setWaypoints"]
    assert told[1]["waypoints"] == {"_type": "waypoints", "waypoints": [WAYPOINT]}
    assert [each["action"] for each in region_commands(RegionChange((), (GONE,)), ANDROID)] == ["clearWaypoints"]
    assert [each["action"] for each in region_commands(RegionChange((HERE,), ()), ANDROID)] == ["setWaypoints"]
    first = region_commands(RegionChange((HERE,), None), ANDROID)
    assert [command["action"] for command in first] == ["clearWaypoints", "setWaypoints"]


def test_an_iphone_forgets_a_region_that_is_nowhere():
    (told,) = region_commands(RegionChange((HERE,), (GONE,)), IPHONE)
    gone, kept = told["waypoints"]["waypoints"]
    assert kept == WAYPOINT
    assert gone["rid"] == "b2"
    assert abs(gone["lat"]) > 90
