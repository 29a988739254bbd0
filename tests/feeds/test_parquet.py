"""Pings from Parquet and GeoParquet."""

import json
from pathlib import Path

import geopandas
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import shapely

from nearcast.domain.errors import InvalidInput
from nearcast.feeds.files import read_pings
from tests.feeds.files import parquet

MICROSECONDS = {"s": 10**6, "ms": 10**3, "us": 1, "ns": 10**-3}
PORTO = Path(__file__).parents[3] / "shared" / "data" / "porto" / "pings.parquet"


@pytest.mark.parametrize("unit", MICROSECONDS)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_a_timestamp_of_any_unit_and_zone(tmp_path: Path, unit: str, zone: str) -> None:
    ticks = [1_780_394_400 * 10**6 // 1 if unit == "us" else int(1_780_394_400 * 10**6 / MICROSECONDS[unit]), 0]
    path = parquet(tmp_path / "p.parquet", recorded_at=pyarrow.array(ticks, pyarrow.timestamp(unit, zone)))
    assert read_pings(path).recorded_at_us.tolist() == [1_780_394_400_000_000, 0]


def test_what_is_finer_than_a_microsecond_is_cut_off(tmp_path: Path) -> None:
    path = parquet(tmp_path / "p.parquet", recorded_at=pyarrow.array([1_999, -1], pyarrow.timestamp("ns", "UTC")))
    assert read_pings(path).recorded_at_us.tolist() == [1, -1]


@pytest.mark.parametrize(
    "cells",
    [
        pyarrow.array([1, 10**12], pyarrow.int64()),
        pyarrow.array([1.0, 1e12], pyarrow.float64()),
        pyarrow.array(["1970-01-01T00:00:01Z", "2001-09-09T01:46:40.000000001Z"]),
        pyarrow.array(["1970-01-01T00:00:01z", "2001-09-09T03:46:40+02:00"]),
        pyarrow.array(["1", "1000000000000"], pyarrow.large_string()),
    ],
)
def test_instants_as_numbers_and_texts(tmp_path: Path, cells: object) -> None:
    pings = read_pings(parquet(tmp_path / "p.parquet", recorded_at=cells))
    assert pings.recorded_at_us.tolist() == [1_000_000, 1_000_000_000_000_000]


@pytest.mark.parametrize(
    "cells",
    [
        ["7", "8"],
        [7, 8],
        pyarrow.array(["7", "8"]).dictionary_encode(),
        pyarrow.array(["7", "8"], pyarrow.string_view()),
    ],
)
def test_customers_as_texts_and_numbers(tmp_path: Path, cells: object) -> None:
    assert read_pings(parquet(tmp_path / "p.parquet", customer_id=cells)).customer_id.tolist() == ["7", "8"]


def test_what_is_absent(tmp_path: Path) -> None:
    path = parquet(
        tmp_path / "p.parquet",
        accuracy_m=[np.nan, 5.0],
        received_at=pyarrow.array([None, 7_000], pyarrow.timestamp("ms", "UTC")),
        ping_id=pyarrow.nulls(2),
        device_id=["", "d"],
    )
    pings = read_pings(path)
    assert (np.isnan(pings.accuracy_m[0]), pings.accuracy_m[1]) == (True, 5.0)
    assert pings.received_at_us.tolist() == [1_000_000, 7_000_000]
    assert (pings.ping_id.tolist(), pings.device_id.tolist()) == ([None, None], [None, "d"])


@pytest.mark.parametrize(
    ("column", "cells", "message"),
    [
        ("recorded_at", pyarrow.array([1, 2], pyarrow.timestamp("us")), r"column recorded_at: .* without a time zone"),
        (
            "recorded_at",
            pyarrow.array([1, None], pyarrow.timestamp("us", "UTC")),
            r"row 1, column recorded_at: is miss",
        ),
        ("recorded_at", pyarrow.array([1, 10**15], pyarrow.timestamp("ms", "UTC")), r"row 1, column recorded_at: 1000"),
        ("recorded_at", [1, 10**16], r"row 1, column recorded_at: 10000000000000000 is neither unix seconds nor"),
        ("recorded_at", [1.0, np.inf], r"row 1, column recorded_at: inf is not an instant"),
        ("recorded_at", [1.0, np.nan], r"row 1, column recorded_at: is missing"),
        ("recorded_at", [True, False], r"column recorded_at: the column holds bool, not instants"),
        ("recorded_at", ["2026-06-02T10:00:00Z", "2026-06-02T10:00:00"], r"row 1, column recorded_at: .* no offset"),
        (
            "recorded_at",
            ["2026-06-02T10:00:00Z", "2026"],
            r"row 1, column recorded_at: '2026' is not written as '2026-06",
        ),
        ("received_at", pyarrow.array([None, "x"]), r"row 1, column received_at: 'x' is neither RFC 3339"),
        ("lat", [1.0, np.nan], r"row 1, column lat: nan is not a number"),
        ("lat", [1.0, None], r"row 1, column lat: is missing"),
        ("lat", [1.0, -np.inf], r"row 1, column lat: -inf is not a finite number"),
        ("lon", [[1.0], [2.0]], r"column lon: the column holds list"),
        ("lon", None, r"there is no column lon; there are customer_id, recorded_at, lat"),
        ("customer_id", ["a", ""], r"row 1, column customer_id: is empty"),
        ("customer_id", ["a", None], r"row 1, column customer_id: is missing"),
        ("customer_id", [1.5, 2.5], r"column customer_id: the column holds double, not text or whole numbers"),
        ("accuracy_m", [1.0, -0.1], r"row 1, column accuracy_m: -0\.1 is less than 0"),
        ("accuracy_m", [1.0, np.inf], r"row 1, column accuracy_m: inf is not a finite number"),
        ("speed_mps", [1.0, -1.0], r"row 1, column speed_mps: -1\.0 is less than 0"),
    ],
)
def test_a_fault_is_named(tmp_path: Path, column: str, cells: object, message: str) -> None:
    path = parquet(tmp_path / "p.parquet", **{column: cells})
    with pytest.raises(InvalidInput, match=r"p\.parquet: " + message):
        read_pings(path)


def geoparquet(path: Path, points: list[object], crs: object = 4326) -> Path:
    columns = {"customer_id": ["a"] * len(points), "recorded_at": [1] * len(points)}
    geopandas.GeoDataFrame(columns, geometry=np.array(points, dtype=object), crs=crs).to_parquet(path)
    return path


def test_a_point_geometry_stands_in_for_lat_and_lon(tmp_path: Path) -> None:
    pings = read_pings(geoparquet(tmp_path / "p.parquet", [shapely.Point(13.4, 52.5), shapely.Point(1, 2, 3)]))
    assert (pings.lat_deg.tolist(), pings.lon_deg.tolist()) == ([52.5, 2.0], [13.4, 1.0])


def test_lat_and_lon_go_before_a_geometry(tmp_path: Path) -> None:
    columns = {"customer_id": ["a"], "recorded_at": [1], "lat": [52.5], "lon": [13.4]}
    path = tmp_path / "p.parquet"
    geopandas.GeoDataFrame(columns, geometry=[shapely.Point(1, 2).buffer(1)], crs=4326).to_parquet(path)
    assert read_pings(path).lat_deg.tolist() == [52.5]


@pytest.mark.parametrize(
    ("points", "crs", "message"),
    [
        ([shapely.Point(1, 2), None], 4326, r"row 1, column geometry: None is not a point"),
        ([shapely.Point(1, 2), shapely.Point()], 4326, r"row 1, column geometry: POINT EMPTY is not a point"),
        ([shapely.Point(1, 2).buffer(1)], 4326, r"row 0, column geometry: POLYGON"),
        ([shapely.Point(1, 2)], 25833, r"column geometry: pings are read in WGS 84"),
        ([shapely.Point(1, 2)], None, r"column geometry: pings are read in WGS 84"),
    ],
)
def test_a_geometry_that_is_no_place(tmp_path: Path, points: list[object], crs: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=r"p\.parquet: " + message):
        read_pings(geoparquet(tmp_path / "p.parquet", points, crs))


def test_metadata_that_is_none(tmp_path: Path) -> None:
    path = parquet(tmp_path / "p.parquet", lat=None, geometry=[b"", b""])
    for geo in (b"{", b"{}", b"[]", json.dumps({"primary_column": "geometry", "columns": {"geometry": 7}}).encode()):
        table = pyarrow.parquet.read_table(path).replace_schema_metadata({b"geo": geo})
        pyarrow.parquet.write_table(table, path)
        with pytest.raises(InvalidInput, match=r"p\.parquet: "):
            read_pings(path)


def test_random_cuts_and_bit_flips_never_end_in_anything_but_refusal(tmp_path: Path) -> None:
    whole = geoparquet(tmp_path / "p.parquet", [shapely.Point(1, 2)]).read_bytes()
    rng = np.random.default_rng(9)
    path = tmp_path / "broken.parquet"
    refused = 0
    for _ in range(40):
        data = bytearray(whole[: rng.integers(0, len(whole))] if rng.random() < 0.3 else whole)
        if data:
            data[rng.integers(0, len(data))] ^= 1 << int(rng.integers(0, 8))
        path.write_bytes(data)
        try:
            read_pings(path)
        except InvalidInput:
            refused += 1
    assert refused > 10


@pytest.mark.skipif(not PORTO.is_file(), reason="the real data in ../shared/data is not here")
def test_porto_under_its_own_names() -> None:
    pings = read_pings(PORTO)
    assert len(pings) == 25_765
    assert len({*pings.customer_id.tolist()}) == 283
