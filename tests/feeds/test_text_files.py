"""Pings from CSV and NDJSON: the same pings, and the same faults with their row, column and value."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nearcast.domain.errors import InvalidInput
from nearcast.feeds.files import read_pings
from tests.feeds.files import PINGS, csv_text, ndjson_text, with_value

NOON_US = 1_780_394_400_000_000
FORMATS = pytest.mark.parametrize(("name", "written"), [("p.csv", csv_text), ("p.ndjson", ndjson_text)])
Written = Callable[[list[dict[str, Any]]], str]


def file(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@FORMATS
def test_pings_are_read_as_they_are(tmp_path: Path, name: str, written: Written) -> None:
    pings = read_pings(file(tmp_path / name, written(PINGS)))
    assert len(pings) == 3
    assert pings.customer_id.tolist() == ["c1", "é", "c1"]
    assert pings.recorded_at_us.tolist() == [NOON_US, NOON_US + 1_500_000, NOON_US + 2_000_000]
    assert pings.received_at_us.tolist() == [NOON_US, NOON_US + 1_500_000, NOON_US + 60_000_000]
    assert pings.lat_deg.tolist() == [52.52, -91.0, 1.0]
    assert pings.lon_deg.tolist() == [13.405, 539.5, 2.0]
    assert pings.accuracy_m[0] == 8.0
    assert np.isnan(pings.accuracy_m[1:]).all()
    assert np.isnan(pings.speed_mps).all()
    assert pings.ping_id.tolist() == [None, "p", None]
    assert pings.device_id.tolist() == [None, None, None]


@FORMATS
def test_a_byte_order_mark_and_blank_lines_are_no_fault(tmp_path: Path, name: str, written: Written) -> None:
    content = "\ufeff" + written(PINGS).replace("\n", "\r\n\r\n")
    assert len(read_pings(file(tmp_path / name, content))) == 3


@FORMATS
def test_no_pings(tmp_path: Path, name: str, written: Written) -> None:
    assert len(read_pings(file(tmp_path / name, written([])))) == 0


@FORMATS
@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("customer_id", None, r": row 1, column customer_id: is missing"),
        ("customer_id", "", r": row 1, column customer_id: is (missing|empty)"),
        ("recorded_at", None, r": row 1, column recorded_at: is missing"),
        ("recorded_at", "2026-06-02T10:00:00", r": row 1, column recorded_at: '2026-06-02T10:00:00' has no offset"),
        ("recorded_at", 10**17, r": row 1, column recorded_at: '?1000"),
        ("received_at", "soon", r": row 1, column received_at: 'soon' is neither RFC 3339"),
        ("lat", None, r": row 1, column lat: is missing"),
        ("lat", "north", r": row 1, column lat: 'north' is not a number"),
        ("lon", "1e999", r": row 1, column lon: ('1e999'|inf) is not a finite number"),
        ("accuracy_m", -1, r": row 1, column accuracy_m: '?-1(\.0)?'? is less than 0"),
        ("accuracy_m", "8m", r": row 1, column accuracy_m: '8m' is not a number"),
    ],
)
def test_a_fault_is_named_by_row_column_and_value(
    tmp_path: Path, name: str, written: Written, column: str, value: object, message: str
) -> None:
    with pytest.raises(InvalidInput, match=name.replace(".", r"\.") + message):
        read_pings(file(tmp_path / name, written(with_value(column, value))))


@FORMATS
def test_the_wrong_encoding_is_named_with_its_byte(tmp_path: Path, name: str, written: Written) -> None:
    content = written(PINGS).replace("\\u00e9", "é")
    with pytest.raises(InvalidInput, match=r"not UTF-8: byte \d+ is 0xe9"):
        read_pings(file(tmp_path / name, content.encode("latin-1")))
    with pytest.raises(InvalidInput, match=r"not UTF-8: byte 0 is 0xff"):
        read_pings(file(tmp_path / name, content.encode("utf-16")))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"not usable CSV"),
        ("a,b\n1,2\n", r"there is no column customer_id or subject; there are a, b"),
        (csv_text(PINGS).replace(",", ";"), r"there is no column customer_id or subject"),
        (csv_text([PINGS[2], PINGS[2]])[:-19], r"row 1, column received_at: '20' is not written as '2026"),
        (csv_text(PINGS)[:-30], r"row 2: has 3 values, the header 7"),
        (csv_text(PINGS).replace("\n", "\n\n")[:-30], r"row 2: has \d values, the header 7"),
        (csv_text(PINGS).replace("c1", '"c1', 1), r"the file ends inside a quoted value"),
        (csv_text(PINGS).replace("ping_id", "lat"), r"the header has lat twice"),
        (csv_text(with_value("lat", "nan")), r"row 1, column lat: 'nan' is not a number"),
    ],
)
def test_csv_that_is_none(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=r"p\.csv: " + message):
        read_pings(file(tmp_path / "p.csv", content))


def test_csv_with_quotes_and_line_breaks_in_extra_columns(tmp_path: Path) -> None:
    content = 'note,subject,ts,lat,lon\n"two\nlines, one ""value""",7,1780394400,1,2\n5,c,1780394400000,"3",4\n'
    pings = read_pings(file(tmp_path / "p.csv", content))
    assert pings.customer_id.tolist() == ["7", "c"]
    assert pings.recorded_at_us.tolist() == [NOON_US, NOON_US]
    assert pings.lat_deg.tolist() == [1.0, 3.0]


def test_a_file_of_many_blocks_with_line_breaks_and_numbers_that_turn_to_text(tmp_path: Path) -> None:
    rows = [f'c,1780394400,{number},2,{number},"two\nlines"' for number in range(60_000)]
    content = "\n".join(["customer_id,recorded_at,lat,lon,extra,note", *rows, "c,1780394400,1,2,text,"])
    lat_deg = read_pings(file(tmp_path / "p.csv", content)).lat_deg
    assert lat_deg.tolist() == [*range(60_000), 1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (ndjson_text(PINGS)[:-20], r", line 3: not JSON"),
        ("\n" + ndjson_text(PINGS).replace("52.52", "NaN"), r", line 2: not JSON: the number NaN"),
        ("[1, 2]\n", ", line 1: a ping is an object, not a list"),
        ("[" * 100_000, r", line 1: not JSON"),
        (ndjson_text(with_value("customer_id", 1.5)), r": row 1, column customer_id: 1\.5 is neither text nor"),
        (ndjson_text(with_value("customer_id", "\ud800")), r": row 1, column customer_id: '\\ud800' has half a"),
        (ndjson_text(with_value("lat", True)), r": row 1, column lat: True is not a number"),
        (ndjson_text(with_value("lat", 10**400)), r": row 1, column lat: 1000"),
        (ndjson_text(with_value("lon", [1])), r": row 1, column lon: \[1\] is not a number"),
        (ndjson_text(with_value("recorded_at", {})), r": row 1, column recorded_at: \{\} is not an instant"),
    ],
)
def test_ndjson_that_is_none(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=r"p\.jsonl" + message):
        read_pings(file(tmp_path / "p.jsonl", content))


def test_ndjson_may_mix_the_kinds_of_its_instants(tmp_path: Path) -> None:
    content = ndjson_text(
        [PINGS[0], {**PINGS[0], "recorded_at": 1780394400.5}, {**PINGS[0], "recorded_at": None, "ts": 7}]
    )
    assert read_pings(file(tmp_path / "p.ndjson", content)).recorded_at_us.tolist() == [
        NOON_US,
        NOON_US + 500_000,
        7_000_000,
    ]


def test_ndjson_takes_other_names_and_a_line_separator_inside_a_text(tmp_path: Path) -> None:
    content = '{"subject": 7, "ts": 1780394400, "lat": "1", "lon": 2, "note": "a\u2028b", "ping_id": ""}\n'
    pings = read_pings(file(tmp_path / "p.ndjson", content))
    assert (pings.customer_id.tolist(), pings.recorded_at_us.tolist()) == (["7"], [NOON_US])
    assert pings.ping_id.tolist() == [None]
    assert not math.isnan(pings.lat_deg[0])


@pytest.mark.parametrize(
    "name", ["missing.csv", "missing.ndjson", "missing.parquet", "p.txt", "folder.csv", "folder.parquet"]
)
def test_what_is_no_readable_file_is_refused(tmp_path: Path, name: str) -> None:
    if name.startswith("folder"):
        (tmp_path / name).mkdir()
    with pytest.raises(InvalidInput, match=name.replace(".", r"\.")):
        read_pings(tmp_path / name)
