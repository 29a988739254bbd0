"""Pings of a request: what is taken, and what is no ping by its index."""

import json
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.ipc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearcast.domain.errors import InvalidInput
from nearcast.feeds.native import read_native
from nearcast.feeds.native_arrow import entries_of, read_stream
from nearcast.geo.batch import PingBatch
from nearcast.services.ping_request import ARROW, PingRequest, TooManyPings, Unreadable

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


INSTANTS = st.one_of(
    st.integers(1_700_000_000, 1_800_000_000),
    st.floats(1.7e9, 1.8e9).map(lambda at: round(at, 3)),
    st.integers(1_700_000_000_000, 1_800_000_000_000),
    st.integers(1_600_000_000, 1_800_000_000).map(lambda s: datetime.fromtimestamp(s + 0.25, UTC).isoformat()),
    st.integers(1_600_000_000, 1_800_000_000).map(lambda s: f"{datetime.fromtimestamp(s, UTC):%Y-%m-%dT%H:%M:%SZ}"),
)
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=80) | st.sampled_from(["lat", "p1"])
ORDERLY = st.fixed_dictionaries(
    {
        "customer_id": NAMES,
        "recorded_at": INSTANTS,
        "lat": st.floats(-100, 100) | st.integers(-100, 100),
        "lon": st.floats(-600, 600),
    },
    optional={
        "accuracy_m": st.none() | st.floats(-1, 1000),
        "speed_mps": st.none() | st.floats(0, 100),
        "ping_id": st.none() | NAMES,
        "device_id": st.none() | NAMES,
    },
)


@given(st.lists(ORDERLY, max_size=5), st.sampled_from([JSON, NDJSON]), st.booleans())
def test_whichever_way_pings_are_read_they_are_the_same(entries: list[Any], media: str, is_plain: bool):
    texts = [json.dumps(entry, ensure_ascii=not is_plain) for entry in entries]
    raw = ("[" + ",".join(texts) + "]" if media == JSON else "\n".join(texts)).encode()
    # an escape, wherever it stands, is read value by value
    escaped = raw.replace(b'"lat":', b'"l\\u0061t":')
    found, wanted = read_native(raw, media, NOON), read_native(escaped, media, NOON)
    assert (list(found.indices), list(found.malformed)) == (list(wanted.indices), list(wanted.malformed))
    same(found, wanted)


@given(st.lists(ORDERLY, min_size=1, max_size=4), st.data())
def test_a_key_that_is_there_twice_is_found_whichever_way_pings_are_read(entries: list[Any], data: st.DataObject):
    row = data.draw(st.integers(0, len(entries) - 1))
    key = data.draw(st.sampled_from(sorted(entries[row])))
    again = data.draw(st.sampled_from([entries[row][key], entries[row]["lat"], None]))
    texts = [json.dumps(entry, ensure_ascii=False) for entry in entries]
    texts[row] = texts[row][:-1] + f', "{key}" : {json.dumps(again, ensure_ascii=False)}' + "}"
    found = read_native(f"[{','.join(texts)}]".encode(), JSON, NOON)
    assert (row, "a key is there twice") in found.malformed


CELLS = {
    "customer_id": NAMES | st.none(),
    "recorded_at": st.integers(-(2**62), 2**62) | st.integers(1_700_000_000_000, 1_800_000_000_000) | st.none(),
    "lat": st.floats() | st.none(),
    "lon": st.floats(-600, 600),
    "accuracy_m": st.floats() | st.none(),
    "ping_id": NAMES | st.none(),
    "device_id": st.none(),
}


@given(
    st.lists(st.fixed_dictionaries(CELLS), max_size=5), st.sets(st.sampled_from(["accuracy_m", "ping_id", "device_id"]))
)
def test_a_stream_says_what_its_rows_say_one_by_one(rows: list[Any], left_out: set[str]):
    table = pa.Table.from_pylist(rows, schema=pa.schema([(name, _CELL_KINDS[name]) for name in CELLS]))
    raw = stream(table.drop_columns(sorted(left_out)))
    entries = entries_of(read_stream(raw, frozenset(WHOLE)))
    escaped = json.dumps(entries).replace('"lat":', '"l\\u0061t":')  # read value by value
    found, wanted = read_native(raw, ARROW, NOON), read_native(escaped.encode(), JSON, NOON)
    assert (list(found.indices), list(found.malformed)) == (list(wanted.indices), list(wanted.malformed))
    same(found, wanted)


def same(found: PingRequest, wanted: PingRequest) -> None:
    for column in fields(PingBatch):
        mine, theirs = getattr(found.batch, column.name), getattr(wanted.batch, column.name)
        if mine.dtype == np.float64:
            np.testing.assert_array_equal(mine, theirs)
        else:
            assert mine.tolist() == theirs.tolist(), column.name


def stream(table: pa.Table, **options: Any) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, max_chunksize=2)
    return bytes(sink.getvalue().to_pybytes())


def test_an_arrow_stream_says_the_same_as_an_array():
    entries = [WHOLE, {**PING, "customer_id": "bob", "recorded_at": "2026-06-02T10:00:01.5Z"}, WHOLE]
    table = pa.Table.from_pylist(entries, schema=pa.schema([(name, _kind(name)) for name in WHOLE]))
    at = [datetime.fromisoformat(str(entry["recorded_at"])) for entry in entries]
    variants = [
        table,
        table.set_column(1, "recorded_at", pa.array(at, pa.timestamp("ms", tz="UTC"))),
        table.set_column(0, "customer_id", table["customer_id"].dictionary_encode()),
    ]
    for each in variants:
        same(read_native(stream(each), ARROW, NOON), read(*entries))


def _kind(name: str) -> pa.DataType:
    return pa.float64() if name in ("lat", "lon", "accuracy_m", "speed_mps") else pa.string()


_CELL_KINDS = {name: pa.int64() if name == "recorded_at" else _kind(name) for name in WHOLE}


def test_rows_of_a_stream_that_are_no_pings_are_named_and_the_rest_is_taken():
    at = [NOON, NOON, None, NOON]
    table = pa.table(
        {
            "customer_id": ["ada", "", "ada", "bob"],
            "recorded_at": pa.array(at, pa.timestamp("us", tz="UTC")),
            "lat": [52.52, 52.52, 52.52, None],
            "lon": [13.4] * 4,
            "accuracy_m": [float("nan")] * 4,
        }
    )
    found = read_native(stream(table), ARROW, NOON)
    assert list(found.indices) == [0]
    assert list(found.malformed) == [
        (1, "customer_id is missing"),
        (2, "recorded_at is missing"),
        (3, "lat is missing"),
    ]


_FAR = 2**62
_LISTS = pa.array([[1], [2]])
_ODD = {
    "accuracy_m is not a finite number": [
        ("accuracy_m", pa.array([_FAR, None], pa.duration("s"))),
        ("accuracy_m", pa.array([2**31 - 1, None], pa.date32())),
        ("accuracy_m", pa.array([[_FAR], None], pa.list_(pa.timestamp("s")))),
        ("accuracy_m", pa.DictionaryArray.from_arrays(pa.array([0, None], pa.int8()), _LISTS)),
    ],
    "recorded_at is neither RFC 3339 with an offset nor a unix time": [
        ("recorded_at", pa.array([_FAR, 1_780_394_400], pa.timestamp("s", tz="UTC"))),
        ("recorded_at", pa.array([_FAR, 1_780_394_400_000_000], pa.timestamp("us", tz="Nowhere/Else"))),
        ("recorded_at", pa.array([_FAR, 1_780_394_400_000_000], pa.timestamp("us", tz="UTC")).dictionary_encode()),
    ],
}


@pytest.mark.parametrize(("fault", "name", "cells"), [(fault, *odd) for fault, odds in _ODD.items() for odd in odds])
def test_what_python_cannot_say_of_a_stream_is_the_fault_of_its_row(fault: str, name: str, cells: pa.Array):
    whole = {"customer_id": ["ada"] * 2, "recorded_at": [1_780_394_400] * 2, "lat": [52.52] * 2, "lon": [13.4] * 2}
    found = read_native(stream(pa.table({**whole, name: cells})), ARROW, NOON)
    assert list(found.malformed) == [(0, fault)]
    assert found.batch.recorded_at_us.tolist() == [1_780_394_400_000_000]


def test_a_stream_may_say_more_than_microseconds():
    at = pa.array([1_780_394_400_000_000_999], pa.timestamp("ns"))
    found = read_native(stream(pa.table({**{name: [PING[name]] for name in PING}, "recorded_at": at})), ARROW, NOON)
    assert found.batch.recorded_at_us.tolist() == [1_780_394_400_000_000]


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        (pa.table({"customer_id": ["a"], "lat": [1.0], "lon": [1.0]}), "there is no column recorded_at"),
        (pa.table({**{name: ["1"] for name in PING}, "colour": ["red"]}), "unknown column 'colour'"),
        (pa.table([["a"], ["b"]], names=["customer_id", "customer_id"]), "the column customer_id is there twice"),
    ],
)
def test_a_stream_with_other_columns_is_refused_whole(table: pa.Table, fault: str):
    with pytest.raises(InvalidInput, match=fault):
        read_native(stream(table), ARROW, NOON)


@pytest.mark.parametrize("codec", ["zstd", "lz4"])
def test_a_stream_is_no_larger_than_it_looks(codec: str):
    table = pa.Table.from_pylist([PING] * 9_000)
    with pytest.raises(Unreadable, match="is packed"):
        read_native(stream(table, compression=codec), ARROW, NOON)
    packed_names = pa.table({"customer_id": pa.array(["a" * 500] * 9).dictionary_encode()})
    with pytest.raises(Unreadable, match="is packed"):
        read_native(stream(packed_names, compression=codec), ARROW, NOON)


def test_a_stream_of_too_many_pings_is_refused():
    with pytest.raises(TooManyPings):
        read_native(stream(pa.Table.from_pylist([PING] * 10_001)), ARROW, NOON)


WHOLE_STREAM = stream(pa.Table.from_pylist([WHOLE, WHOLE, WHOLE]))


@given(st.integers(0, len(WHOLE_STREAM)), st.binary(max_size=8), st.integers(0, len(WHOLE_STREAM)))
def test_a_stream_that_was_damaged_is_refused_or_read(at: int, put: bytes, until: int):
    damaged = WHOLE_STREAM[:at] + put + WHOLE_STREAM[at + len(put) :]
    for raw in (damaged, WHOLE_STREAM[:until], put):
        try:
            found = read_native(raw, ARROW, NOON)
        except InvalidInput:
            continue
        assert len(found.batch) == len(found.indices)
