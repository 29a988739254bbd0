"""CSV as others write it: delimiters, decimal commas, ten-millionths, hemispheres, swapped columns."""

import math
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from nearcast.domain.errors import InvalidInput
from nearcast.feeds.ping_rows import read_ping_rows
from nearcast.services.ping_files import PingFile, PingRows
from tests.feeds.histories import FIRST_US


def read(folder: Path, text: str, **said: Any) -> PingRows:
    path = folder / "p.csv"
    path.write_text(text, encoding="utf-8")
    return read_ping_rows(path, PingFile(**{"customer": "anna", **said}))


@pytest.mark.parametrize(
    ("text", "guesses"),
    [
        ("recorded_at,lat,lon\n2026-06-02T10:00:00Z,52.5,-13.4\n", []),
        ("recorded_at;lat;lon\n2026-06-02T10:00:00Z;52,5;-13,4\n", []),
        ('"recorded_at"\t"lat"\t"lon"\n"1780394400"\t"52.5"\t"-13.4"\n', []),
        ('recorded_at,lat,lon\n1780394400000,"52,5","-13,4"\n', []),
        ("recorded_at|lat|lon\n2026-06-02 10:00:00 UTC|52.5N|13.4W\n", []),
        ("recorded_at,lat,lon\n2026-06-02T10:00Z,N 52.5°,W 13.4°\n", []),
        ("recorded_at,lat,lon\n02.06.2026 10:00:00+0000,52.5,-13.4\n", []),
        ("\ufeffTime;Latitude;Longitude\n2026/06/02 12:00:00 +02;52,5;-13,4\n", ["Time", "Latitude", "Longitude"]),
        ("timestampMs,latitudeE7,longitudeE7\n1780394400000,525000000,-134000000\n", ["timestampMs", "ten-millionths"]),
        ("recorded_at,lat,lon\n1780394400,525000000,-134000000\n", ["lat and lon are ten-millionths"]),
    ],
)
def test_the_same_place_however_it_is_written(tmp_path: Path, text: str, guesses: list[str]) -> None:
    found = read(tmp_path, text)
    assert [fault.message for _, fault in found.bad] == []
    assert found.batch.recorded_at_us.tolist() == [FIRST_US]
    assert (found.batch.lat_deg.tolist(), found.batch.lon_deg.tolist()) == ([52.5], [-13.4])
    assert bool(found.guesses) == bool(guesses)
    assert all(guess in " ".join(found.guesses) for guess in guesses)


def test_a_latitude_beyond_the_pole_in_many_rows_is_a_longitude(tmp_path: Path) -> None:
    rows = "".join(f"{n},{-70 - n},{40 + n / 10}\n" for n in range(60))
    found = read(tmp_path, "recorded_at,LAT,LONG\n" + rows)
    assert "LAT and LONG are the other way round" in " ".join(found.guesses)
    assert (found.batch.lat_deg[0], found.batch.lon_deg[0]) == (40.0, -70.0)
    assert found.columns["lat"] == "LONG"


def test_one_latitude_beyond_the_pole_is_a_wrong_one(tmp_path: Path) -> None:
    rows = "".join(f"{n},{91 if n == 7 else 52},13\n" for n in range(60))
    found = read(tmp_path, "recorded_at,lat,lon\n" + rows)
    assert (list(found.guesses), found.batch.lat_deg[7]) == ([], 91.0)


def test_columns_that_are_named_are_no_guess(tmp_path: Path) -> None:
    text = "When,LAT,LONG\n1780394400,-122.4,37.8\n"
    assert len(read(tmp_path, text, columns={"recorded_at": "When"}).guesses) == 2
    named = {"recorded_at": "When", "lat": "LONG", "lon": "LAT"}
    found = read(tmp_path, text, columns=named)
    assert (list(found.guesses), found.batch.lat_deg.tolist(), found.columns) == ([], [37.8], named)


@pytest.mark.parametrize(
    ("text", "said", "message"),
    [
        ("lat,lon\n1,2\n", {}, "no column recorded_at; there are lat, lon"),
        ("recorded_at,breite\n1,2\n", {}, "no column lon"),
        ("recorded_at,lat,lon\n1,1,2\n", {"customer": None}, "no column customer_id.*--customer"),
        ("recorded_at,lat,lon\n1,1,2\n", {"columns": {"lat": "Y"}}, "no column 'Y'; there are recorded_at, lat, lon"),
        ("recorded_at,lat,lat,lon\n1,1,2,3\n", {}, "lat twice"),
        ('recorded_at,lat,lon\n1,1,2\n1,"1,2\n', {}, r"not usable CSV.*row 2|row 2.*not usable CSV"),
        ("", {}, "recorded_at"),
    ],
)
def test_a_header_without_what_a_ping_must_have_is_refused(
    tmp_path: Path, text: str, said: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message) as refused:
        read(tmp_path, text, **said)
    assert "p.csv" in refused.value.place


def test_rows_that_are_wrong_are_named_and_the_others_taken(tmp_path: Path) -> None:
    text = "recorded_at;lat;lon;accuracy_m\n1;1;2;3\n2;north;2;3\n;1;2;3\n4;1;2\n\n5;1,5;2;-1\n6;52°30'N;2;3\n7;1;2;\n"
    found = read(tmp_path, text)
    assert [(row.number, fault.place) for row, fault in found.bad] == [
        (2, "lat"),
        (3, "recorded_at"),
        (4, ""),
        (5, "accuracy_m"),
        (6, "lat"),
    ]
    assert list(found.numbers) == [1, 7]


def test_an_hour_that_comes_twice_is_the_first(tmp_path: Path) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    text = "recorded_at,lat,lon\n2026-06-02 12:00:00,1,2\n2026-10-25 02:30:00,1,2\n2026-02-30 10:00,1,2\n"
    found = read(tmp_path, text, zone=berlin)
    assert found.batch.recorded_at_us.tolist() == [FIRST_US, 1_792_888_200_000_000]
    assert [row.number for row, _ in found.bad] == [3]


def test_what_other_programs_write_for_unknown_is_unknown(tmp_path: Path) -> None:
    found = read(tmp_path, "recorded_at,lat,lon,accuracy\n1780394400,1,2,-1\n")
    assert len(found.batch) == 1
    assert math.isnan(found.batch.accuracy_m[0])
