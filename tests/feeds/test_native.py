"""Pings of a request: what is taken, and what is no ping by its index."""

import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearcast.domain.errors import InvalidInput
from nearcast.feeds.native import read_native
from nearcast.services.ping_request import PingRequest, TooManyPings, Unreadable

NOON = datetime(2026, 6, 2, 10, tzinfo=UTC)
NOON_US = 1_780_394_400_000_000
JSON, NDJSON = "application/json", "application/x-ndjson"
PING = {"customer_id": "ada", "recorded_at": "2026-06-02T10:00:00Z", "lat": 52.52, "lon": 13.405}
WHOLE = {**PING, "accuracy_m": 8, "ping_id": "p1", "device_id": "phone", "speed_mps": 1.5}


def read(*entries: Any) -> PingRequest:
    return read_native(json.dumps(entries).encode(), JSON, NOON)


def test_a_ping_with_everything():
    found = read(WHOLE).batch
    assert (found.customer_id.tolist(), found.ping_id.tolist(), found.device_id.tolist()) == (
        ["ada"],
        ["p1"],
        ["phone"],
    )
    assert (found.recorded_at_us.tolist(), found.received_at_us.tolist()) == ([NOON_US], [NOON_US])
    assert (found.lat_deg.tolist(), found.lon_deg.tolist()) == ([52.52], [13.405])
    assert (found.accuracy_m.tolist(), found.speed_mps.tolist()) == ([8.0], [1.5])


def test_what_may_be_left_out_is_unknown():
    found = read(PING, {**PING, "accuracy_m": None, "ping_id": None, "device_id": ""}).batch
    assert np.isnan(found.accuracy_m).all()
    assert np.isnan(found.speed_mps).all()
    assert (found.ping_id.tolist(), found.device_id.tolist()) == ([None, None], [None, None])


@pytest.mark.parametrize(
    "recorded_at",
    ["2026-06-02T12:00:00+02:00", "2026-06-02t10:00:00.000z", 1_780_394_400, 1_780_394_400.0, 1_780_394_400_000],
)
def test_an_instant_is_rfc_3339_or_a_unix_time(recorded_at: object):
    assert read({**PING, "recorded_at": recorded_at}).batch.recorded_at_us.tolist() == [NOON_US]


def test_a_customer_may_be_a_whole_number():
    assert read({**PING, "customer_id": 17}).batch.customer_id.tolist() == ["17"]


MALFORMED = [
    (17, "is not a JSON object"),
    (None, "is not a JSON object"),
    ([PING], "is not a JSON object"),
    ({**PING, "colour": "red"}, "unknown key 'colour'"),
    ({**PING, "received_at": "2026-06-02T10:00:00Z"}, "unknown key 'received_at'"),
    ({**PING, "\ud800": 1}, "unknown key '\\ud800'"),
    *(({key: value for key, value in PING.items() if key != name}, f"{name} is missing") for name in PING),
    *(({**PING, name: None}, f"{name} is missing") for name in PING),
    ({**PING, "customer_id": ""}, "customer_id is missing"),
    ({**PING, "customer_id": True}, "customer_id is not text, or has half a character"),
    ({**PING, "customer_id": "a\ud800"}, "customer_id is not text, or has half a character"),
    ({**PING, "customer_id": "a\0"}, "customer_id has NUL in it"),
    ({**PING, "ping_id": ["p"]}, "ping_id is not text, or has half a character"),
    ({**PING, "ping_id": "é" * 128}, "ping_id is longer than 255 bytes"),
    ({**PING, "device_id": "\0"}, "device_id has NUL in it"),
    ({**PING, "recorded_at": "2026-06-02T10:00:00"}, "recorded_at is neither RFC 3339 with an offset nor a unix time"),
    ({**PING, "recorded_at": "2026-06-31T10:00:00Z"}, "recorded_at is neither RFC 3339 with an offset nor a unix time"),
    ({**PING, "recorded_at": "1780394400"}, "recorded_at is a number in quotes"),
    ({**PING, "recorded_at": True}, "recorded_at is neither RFC 3339 with an offset nor a unix time"),
    ({**PING, "recorded_at": 1e30}, "recorded_at is neither RFC 3339 with an offset nor a unix time"),
    ({**PING, "recorded_at": "1800-01-01T00:00:00Z"}, "recorded_at is not between 1900 and 2200"),
    ({**PING, "lat": "52.52"}, "lat is not a finite number"),
    ({**PING, "lat": float("nan")}, "lat is not a finite number"),
    ({**PING, "lon": float("inf")}, "lon is not a finite number"),
    ({**PING, "lon": False}, "lon is not a finite number"),
    ({**PING, "lon": 10**5000}, "lon is not a finite number"),
    ({**PING, "accuracy_m": -0.1}, "accuracy_m is less than 0"),
    ({**PING, "speed_mps": -1}, "speed_mps is less than 0"),
]


@pytest.mark.parametrize(("entry", "fault"), MALFORMED)
@pytest.mark.parametrize("media", [JSON, NDJSON])
def test_what_is_no_ping_is_named_and_the_rest_is_taken(entry: object, fault: str, media: str):
    entries = [json.dumps(each) if not _is_long(each) else _long(each) for each in (PING, entry, PING)]
    raw = ("[" + ",".join(entries) + "]" if media == JSON else "\n".join(entries)).encode()
    found = read_native(raw, media, NOON)
    assert (len(found.batch), list(found.indices)) == (2, [0, 2])
    assert list(found.malformed) == [(1, fault)]


def _is_long(entry: object) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("lon"), int) and entry["lon"] > 10**400


def _long(entry: Any) -> str:
    return json.dumps({**entry, "lon": 0}).replace('"lon": 0', '"lon": 1' + "0" * 5000)


def test_a_key_that_is_there_twice_is_a_fault():
    raw = b'[{"customer_id": "ada", "lat": 1, "lat": 2}]'
    assert list(read_native(raw, JSON, NOON).malformed) == [(0, "a key is there twice")]


@pytest.mark.parametrize("raw", [b"", b"{", b"[1,]", b"\xff", b"[" * 100_000, b"nothing"])
def test_a_body_that_is_not_json_is_refused_whole(raw: bytes):
    with pytest.raises(Unreadable, match="the body is"):
        read_native(raw, JSON, NOON)


@pytest.mark.parametrize("raw", [b"{}", b"17", b"null", json.dumps(PING).encode(), b'{"a":1,"a":2}'])
def test_a_body_that_is_no_array_is_refused_whole(raw: bytes):
    with pytest.raises(InvalidInput, match="no array of pings"):
        read_native(raw, JSON, NOON)


def test_blank_lines_are_no_entries_and_every_other_line_is_one():
    line = json.dumps(PING).encode()
    raw = b"\xef\xbb\xbf" + b"\r\n".join([line, b"", b"  ", b"{", b"\xff", b"[" * 100_000, line, b""])
    found = read_native(raw, NDJSON, NOON)
    assert list(found.indices) == [0, 4]
    assert list(found.malformed) == [(index, "is not a JSON object") for index in (1, 2, 3)]


@pytest.mark.parametrize(("raw", "media"), [(b"[]", JSON), (b" [ ] ", JSON), (b"", NDJSON), (b"\n\n", NDJSON)])
def test_no_pings(raw: bytes, media: str):
    found = read_native(raw, media, NOON)
    assert (len(found.batch), list(found.malformed)) == (0, [])


@pytest.mark.parametrize("media", [JSON, NDJSON])
def test_ten_thousand_pings_are_taken_and_one_more_is_refused(media: str):
    def body(count: int) -> bytes:
        entries = [json.dumps(PING)] * count
        return (f"[{','.join(entries)}]" if media == JSON else "\n".join(entries)).encode()

    assert len(read_native(body(10_000), media, NOON).batch) == 10_000
    with pytest.raises(TooManyPings):
        read_native(body(10_001), media, NOON)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None, exclude_categories=())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
NEARLY = st.fixed_dictionaries({}, optional={key: ANYTHING | st.just(value) for key, value in WHOLE.items()})


@given(st.lists(ANYTHING | NEARLY | st.just(WHOLE), max_size=8), st.sampled_from([JSON, NDJSON]))
def test_every_entry_is_taken_or_named(entries: list[Any], media: str):
    raw = json.dumps(entries) if media == JSON else "\n".join(map(json.dumps, entries))
    found = read_native(raw.encode(), media, NOON)
    assert sorted([*found.indices, *(index for index, _ in found.malformed)]) == list(range(len(entries)))
    assert len(found.batch) == len(found.indices)


@given(st.binary(max_size=200), st.sampled_from([JSON, NDJSON]))
def test_no_bytes_do_more_than_be_refused(raw: bytes, media: str):
    try:
        found = read_native(raw, media, NOON)
    except InvalidInput:
        return
    assert len(found.indices) + len(found.malformed) <= raw.count(b"\n") + raw.count(b",") + 1
