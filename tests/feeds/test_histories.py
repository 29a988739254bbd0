"""Histories of phones and watches: what each format says, and what is odd in real files of it."""

import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import gpxpy
import numpy as np
import pytest

from nearcast.domain.errors import InvalidInput
from nearcast.feeds.files import read_pings
from nearcast.feeds.ping_rows import read_ping_rows
from nearcast.services.ping_files import PingFile, PingRows
from tests.feeds.files import parquet
from tests.feeds.histories import (
    ANDROID,
    BOM,
    ENDINGS,
    EVERY_KIND,
    FIRST_US,
    GEOJSON,
    GPX,
    IOS,
    KML,
    PLACES,
    REC,
    RECORDS,
    SECOND_US,
    SEMANTIC,
    document,
    kmz,
)

VECTORS = Path(__file__).parents[3] / "shared" / "data" / "vectors"
TRACES = VECTORS.parent / "traces"
needs_shared = pytest.mark.skipif(not VECTORS.is_dir(), reason="the real data in ../shared/data is not here")
ANNA = PingFile(customer="anna")


def read(folder: Path, data: bytes, name: str = "history", **said: Any) -> PingRows:
    path = folder / name
    path.write_bytes(data)
    return read_ping_rows(path, PingFile(**{"customer": "anna", **said}))


def moments(found: PingRows) -> set[tuple[int, float, float]]:
    batch = found.batch
    return set(zip(batch.recorded_at_us.tolist(), batch.lat_deg.tolist(), batch.lon_deg.tolist(), strict=True))


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_every_format_is_known_by_its_content_and_says_the_same(tmp_path: Path, kind: str) -> None:
    found = read(tmp_path, EVERY_KIND[kind], f"history{ENDINGS.get(kind, '')}")
    assert found.format == kind
    assert moments(found) == {(FIRST_US, *PLACES[0]), (SECOND_US, *PLACES[1])}
    assert set(found.batch.customer_id) == {"anna"}
    assert (found.bad, list(found.guesses)) == ([], []), "nothing of this is wrong or only likely"


@pytest.mark.parametrize("kind", [*EVERY_KIND, "kmz"])
def test_a_byte_order_mark_and_a_wrong_ending_change_nothing(tmp_path: Path, kind: str) -> None:
    data = kmz() if kind == "kmz" else BOM + EVERY_KIND[kind]
    found = read(tmp_path, data, f"history{ENDINGS.get(kind, '.txt')}")
    assert moments(found) == {(FIRST_US, *PLACES[0]), (SECOND_US, *PLACES[1])}


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_a_file_that_names_nobody_is_refused_until_somebody_does(tmp_path: Path, kind: str) -> None:
    if kind == "ndjson":
        found = read(tmp_path, EVERY_KIND[kind], "history.ndjson", customer=None)
        assert [(row.number, fault.place) for row, fault in found.bad] == [(1, "customer_id"), (2, "customer_id")]
    else:
        with pytest.raises(InvalidInput, match="--customer"):
            read(tmp_path, EVERY_KIND[kind], f"history{ENDINGS.get(kind, '')}", customer=None)


@pytest.mark.parametrize("name", ["p.csv", "p.ndjson", "p.json"])
def test_a_file_that_names_somebody_else_is_refused(tmp_path: Path, name: str) -> None:
    row = {"customer_id": "bob", "recorded_at": 1, "lat": 1.0, "lon": 2.0}
    text = {
        "p.csv": "customer_id,recorded_at,lat,lon\nbob,1,1,2\n",
        "p.ndjson": json.dumps(row),
        "p.json": json.dumps([row]),
    }
    with pytest.raises(InvalidInput, match="names its customers itself"):
        read(tmp_path, text[name].encode(), name)


def test_gpx_times_without_an_offset_are_utc_and_speeds_stand_in_extensions(tmp_path: Path) -> None:
    found = read(tmp_path, GPX)
    assert found.left_out == {"waypoints": 1, "route points": 1}
    assert found.batch.speed_mps[0] == 1.5
    assert np.isnan(found.batch.speed_mps[1])
    old = GPX.replace(b"<src>network</src>", b"<src>network</src><speed>2.5</speed>").replace(b"1.1", b"1.0")
    assert read(tmp_path, old).batch.speed_mps[0] == 2.5


def test_gpx_without_namespaces_or_in_another_encoding_is_read(tmp_path: Path) -> None:
    bare = GPX.replace(b' xmlns="http://www.topografix.com/GPX/1/1"', b"")
    latin = GPX.replace(b'"1.0"?', b'"1.0" encoding="ISO-8859-1"?').replace(b"network", "Bäckerei".encode("latin-1"))
    wide = GPX.decode().replace('"1.0"?', '"1.0" encoding="UTF-16"?').encode("utf-16")
    assert len(read(tmp_path, bare).batch) == len(read(tmp_path, latin).batch) == 2
    assert len(read(tmp_path, wide, format="gpx").batch) == 2


def test_points_without_a_time_are_bad_and_the_others_are_taken(tmp_path: Path) -> None:
    found = read(tmp_path, GPX.replace(b"<time>2026-06-02T10:00:00</time><src>", b"<src>"))
    assert [(row.number, fault.place, fault.message) for row, fault in found.bad] == [(1, "recorded_at", "is missing")]
    assert list(found.numbers) == [2]


def test_an_entity_is_refused_before_it_grows(tmp_path: Path) -> None:
    bomb = b'<?xml version="1.0"?><!DOCTYPE gpx [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><gpx>&b;</gpx>'
    with pytest.raises(InvalidInput, match="document type declaration"):
        read(tmp_path, bomb)


@needs_shared
@pytest.mark.parametrize("path", sorted((VECTORS / "gpx").glob("*.gpx")), ids=lambda path: path.stem)
def test_of_real_gpx_files_the_same_points_are_read_as_another_library_reads(path: Path) -> None:
    with path.open(encoding="utf-8-sig") as file:
        tracks = gpxpy.parse(file).tracks
    points = [point for track in tracks for segment in track.segments for point in segment.points]
    found = read_ping_rows(path, ANNA)
    timed = [point for point in points if point.time is not None]
    assert len(found.bad) == len(points) - len(timed)
    assert found.batch.lat_deg.tolist() == [point.latitude for point in timed]
    assert found.batch.lon_deg.tolist() == [point.longitude for point in timed]
    seconds = [point.time.timestamp() for point in timed if point.time is not None]
    assert (found.batch.recorded_at_us / 1e6).tolist() == pytest.approx(seconds, abs=1e-3)


def test_a_kml_track_with_more_times_than_places_is_bad(tmp_path: Path) -> None:
    assert read(tmp_path, KML).left_out == {"shapes without times": 1}
    found = read(tmp_path, KML.replace(b"<gx:coord>13.405 52.52 34</gx:coord>", b""))
    assert [fault.message for _, fault in found.bad] == ["a track has 2 times for 1 places"]
    with pytest.raises(InvalidInput, match=r"no \.kml"):
        read(tmp_path, kmz(name="Records.json"))


def test_recorder_lines_that_are_no_location_are_counted_by_type(tmp_path: Path) -> None:
    found = read(tmp_path, REC + b"2026-06-02T10:02:03Z\t*\t{\n" + b'2026-06-02T10:02:03Z\t*\t{"_type":"encrypted"}\n')
    assert found.left_out == {"messages of type lwt": 1, "messages of type encrypted": 1}
    assert found.batch.speed_mps[0] == 10.0, "km/h"
    assert np.isnan(found.batch.accuracy_m[0]), "0 is how a phone says that it does not know"
    assert (found.batch.accuracy_m[1], np.isnan(found.batch.speed_mps[1])) == (12.0, True)
    assert found.batch.ping_id.tolist() == ["a1", None]
    assert [row.number for row, _ in found.bad] == [4]


def test_records_have_both_names_for_times_and_accuracies_of_kilometres(tmp_path: Path) -> None:
    found = read(tmp_path, document(RECORDS))
    assert found.batch.accuracy_m[0] == 18_000
    assert np.isnan(found.batch.accuracy_m[1])
    assert found.batch.device_id.tolist() == ["-123456789", "7"]
    assert found.left_out == {"entries without a place": 1}
    assert list(found.numbers) == [1, 3]


def test_a_number_of_hundreds_of_digits_is_bad_and_the_others_are_taken(tmp_path: Path) -> None:
    digits = "9" * 400
    lines = [
        f'2026-06-02T10:00:00Z\t*\t{{"_type":"location","tst":1780394400,"lat":1,"lon":2,"vel":{vel}}}\n'
        for vel in (digits, 36)
    ]
    table = f"recorded_at,lat,lon\n1780394400,525200000,{digits}\n1780394410,525200000,134050000\n"
    entries = [
        f'{{"timestamp":"2026-06-02T10:00:00Z","latitudeE7":525200000,"longitudeE7":{lon}}}' for lon in (digits, 0)
    ]
    recorded = read(tmp_path, "".join(lines).encode())
    others = [
        read(tmp_path, table.encode(), "history.csv"),
        read(tmp_path, f'{{"locations":[{",".join(entries)}]}}'.encode()),
    ]
    for found in (recorded, *others):
        assert [row.number for row, _ in found.bad] == [1]
        assert list(found.numbers) == [2]
    assert recorded.batch.speed_mps.tolist() == [10]


def test_a_longitude_that_went_round_as_an_unsigned_number_is_brought_back(tmp_path: Path) -> None:
    location = {"latitudeE7": 407000000, "longitudeE7": 4294967296 - 740000000, "timestampMs": "1780394400000"}
    assert read(tmp_path, document({"locations": [location]})).batch.lon_deg.tolist() == [-74.0]


def test_visits_are_conclusions_and_no_pings(tmp_path: Path) -> None:
    assert read(tmp_path, document(SEMANTIC)).left_out == {"ends of trips without a place": 1, "visits": 1}
    assert read(tmp_path, document(ANDROID)).left_out == {"visits": 1, "signals without a place": 1}
    assert read(tmp_path, document(IOS)).left_out == {"visits": 1}


@pytest.mark.parametrize("started", ["1780394400", "1780394400000", "2026-06-02T10:00:00Z", "2026-06-02T12:00:00+0200"])
def test_semantic_times_are_seconds_milliseconds_or_text(tmp_path: Path, started: str) -> None:
    place = {"latitudeE7": 525200000, "longitudeE7": 134050000}
    trip = {"startLocation": place, "endLocation": {}, "duration": {"startTimestamp": started}}
    found = read(tmp_path, document({"timelineObjects": [{"activitySegment": trip}]}))
    assert moments(found) == {(FIRST_US, *PLACES[0])}


@pytest.mark.parametrize(
    ("segment", "place"),
    [
        ({"startTime": "2026-06-02T10:00:00Z", "timelinePath": [{"point": "geo:1,2"}]}, "recorded_at"),
        ({"startTime": "soon", "timelinePath": [{"point": "geo:1,2"}]}, "recorded_at"),
        ({"startTime": "2026-06-02T10:00:00Z", "activity": {"start": "here", "end": None}}, "lat"),
        ({"startTime": 5, "timelinePath": 7}, ""),
    ],
)
def test_a_segment_that_cannot_be_read_is_bad_and_the_others_are_taken(
    tmp_path: Path, segment: dict[str, Any], place: str
) -> None:
    found = read(tmp_path, document([segment, *IOS]), format="ios-timeline")
    assert [(row.number, fault.place) for row, fault in found.bad] == [(1, place)]
    assert len(found.batch) == 3, "the path's point and both ends of the trip"


@pytest.mark.parametrize("name", ["timestamp", "time", "date", "time_long", "recorded_at"])
def test_geojson_has_no_standard_name_for_a_time(tmp_path: Path, name: str) -> None:
    feature = {**GEOJSON["features"][0], "properties": {name: 1780394400000}}
    assert moments(read(tmp_path, document({**GEOJSON, "features": [feature]}))) == {(FIRST_US, *PLACES[0])}


def test_geojson_that_is_no_fix_is_left_out(tmp_path: Path) -> None:
    found = read(tmp_path, document(GEOJSON))
    assert found.left_out == {"features that are no point": 1, "actions": 1}
    assert (found.batch.accuracy_m[0], np.isnan(found.batch.accuracy_m[1])) == (8.0, True)


@needs_shared
def test_a_real_phones_csv_is_read_with_its_semicolons() -> None:
    found = read_ping_rows(TRACES / "trackintel_google_zurich.csv", ANNA)
    assert (len(found.batch), len(found.bad)) == (416, 0)
    assert found.columns["recorded_at"] == "tracked_at"
    assert float(found.batch.accuracy_m[0]) == 20.0


@needs_shared
def test_times_without_an_offset_need_a_zone() -> None:
    path = TRACES / "liverpool_bus_route14.csv"
    found = read_ping_rows(path, ANNA)
    assert (len(found.batch), len(found.bad)) == (0, 1533)
    assert "offset" in found.bad[0][1].message
    assert len(read_ping_rows(path, PingFile(customer="bus", zone=ZoneInfo("Europe/London"))).batch) == 1533


def test_match_and_replay_read_histories_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "walk.gpx"
    path.write_bytes(GPX)
    assert len(read_pings(path, ANNA)) == 2
    path.write_bytes(GPX.replace(b'lat="52.52"', b'lat="north"'))
    with pytest.raises(InvalidInput, match=r"walk\.gpx: row 0.*north"):
        read_pings(path, ANNA)
    table = tmp_path / "walk.tsv"
    table.write_text("Time\tY\tX\n2026-06-02T10:00:00Z\t1\t2\n")
    with pytest.raises(InvalidInput, match="Time is recorded_at"):
        read_pings(table, ANNA)


def test_a_file_that_tells_nothing_needs_a_format(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="--format"):
        read(tmp_path, b"recorded_at,lat,lon\n1,1,2\n")
    assert len(read(tmp_path, b"recorded_at,lat,lon\n1,1,2\n", format="csv").batch) == 1
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_ping_rows(tmp_path / "nothing.gpx", ANNA)


def test_an_entry_that_is_no_utf_8_or_nested_without_end_is_bad_and_the_others_are_taken(tmp_path: Path) -> None:
    good = document(RECORDS["locations"][0])
    odd = [b'{"latitudeE7":"\xff"}', b'{"activity":' + b"[" * 400 + b"]" * 400 + b"}", b"7", b"null"]
    found = read(tmp_path, b'{"locations":[' + b",".join([*odd, good]) + b"]}")
    assert len(found.batch) == 1
    assert ([row.number for row, _ in found.bad], found.left_out) == ([1, 3, 4], {"entries without a place": 1})
    with pytest.raises(InvalidInput, match="nested too deeply"):
        read(tmp_path, b'{"locations":[' + b"[" * 100_000 + b"]" * 100_000 + b"]}")


def test_a_parquet_file_of_one_person_is_theirs_and_one_of_many_is_not(tmp_path: Path) -> None:
    path = parquet(tmp_path / "walk.parquet", customer_id=None)
    assert read_ping_rows(path, ANNA).batch.customer_id.tolist() == ["anna", "anna"]
    with pytest.raises(InvalidInput, match="customer_id"):
        read_ping_rows(path)
    with pytest.raises(InvalidInput, match="names its customers itself"):
        read_ping_rows(parquet(tmp_path / "many.parquet"), ANNA)
