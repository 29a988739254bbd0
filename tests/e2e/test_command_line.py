"""`match`, `replay`, `explain` and `simulate` as a user meets them: files in, files out, one line of JSON."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.shell import (
    Answer,
    nearcast,
    nearcast_process,
    write_csv,
    write_json,
    write_lines,
    write_ndjson,
    write_parquet,
)
from tests.scenarios.harness import (
    CENTER,
    CUSTOMER,
    N50,
    N500,
    NOON,
    F,
    Outcome,
    Row,
    arrive,
    circle,
    collection,
    f0,
    later,
    only,
    ping,
    polygon,
    read_outcome,
    ring,
    rows,
    walk,
    write_scenario,
)

pytestmark = pytest.mark.e2e

FOUR = ["transitions.ndjson", "match_log.ndjson", "messages.ndjson", "summary.json"]
PINGS: list[Row] = [
    {"customer_id": "a", "recorded_at": NOON, "lat": N500[0], "lon": N500[1]},
    {"customer_id": "a", "recorded_at": later(NOON, 60), "lat": N50[0], "lon": N50[1]},
    {"customer_id": "b", "recorded_at": later(NOON, 90), "lat": CENTER[0], "lon": CENTER[1]},
]
SQUARE = polygon("square", ring(13.404, 52.519, 13.406, 52.5202))
PAIRS = [(1, "a", "f"), (2, "b", "f"), (2, "b", "square")]


def replay(folder: Path, scenario: Row, *more: str | Path) -> tuple[Answer, Outcome]:
    answer = nearcast("replay", write_scenario(folder, scenario), "--out", folder / "out", *more)
    assert answer.code == 0, answer.err
    return answer, read_outcome(folder / "out")


# --- match


@pytest.fixture
def fences(tmp_path) -> Path:
    return write_json(tmp_path / "fences.geojson", collection(F, SQUARE))


def test_match_prints_one_line_of_json_last_on_stdout(tmp_path, fences):
    answer = nearcast_process("match", write_csv(tmp_path / "pings.csv", PINGS), fences, "--json", "--verify")
    assert answer.code == 0, answer.err
    found = json.loads(answer.out.splitlines()[-1])
    assert set(found) >= {"pings", "geofences", "pairs", "read_s", "build_s", "match_s"}
    assert (found["pings"], found["geofences"], found["pairs"]) == (3, 2, 3)
    assert all(found[name] >= 0 for name in ("read_s", "build_s", "match_s"))


def test_match_writes_parquet(tmp_path, fences):
    import pyarrow.parquet as pq

    out = tmp_path / "pairs.parquet"
    assert nearcast("match", write_csv(tmp_path / "pings.csv", PINGS), fences, "--out", out).code == 0
    table = pq.read_table(out)
    assert table.column_names == ["ping_row", "customer_id", "geofence_id"]
    assert sorted(tuple(row.values()) for row in table.to_pylist()) == PAIRS


def test_match_writes_ndjson(tmp_path, fences):
    out = tmp_path / "pairs.ndjson"
    assert nearcast("match", write_csv(tmp_path / "pings.csv", PINGS), fences, "--out", out).code == 0
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert all(list(line) == ["ping_row", "customer_id", "geofence_id"] for line in lines)
    assert sorted(tuple(line.values()) for line in lines) == PAIRS


@pytest.mark.parametrize("kind", ["csv", "ndjson", "parquet"])
def test_match_reads(tmp_path, fences, kind):
    path = write_lines(tmp_path / f"pings.{kind}", PINGS)
    out = tmp_path / "pairs.ndjson"
    assert nearcast("match", path, fences, "--out", out).code == 0
    assert sorted(tuple(json.loads(line).values()) for line in out.read_text().splitlines()) == PAIRS


def test_match_applies_no_ping_rules(tmp_path):
    """Null island, twice the same, and from the year 2100: geometry alone."""
    somewhere = {"customer_id": "a", "recorded_at": "2100-01-01T00:00:00Z", "lat": 0.0, "lon": 0.0}
    fence = write_json(tmp_path / "fences.geojson", collection(circle("zero", (0, 0), 10)))
    pings = write_csv(tmp_path / "pings.csv", [somewhere, somewhere])
    answer = nearcast("match", pings, fence, "--json")
    assert json.loads(answer.out.splitlines()[-1])["pairs"] == 2


def test_match_longitudes_wrap(tmp_path):
    fence = write_json(tmp_path / "fences.geojson", collection(circle("seam", (-16.95, 180), 10_000)))
    lines = [{"customer_id": "a", "recorded_at": NOON, "lat": -16.95, "lon": lon} for lon in (539.95, -180, 179.95, 0)]
    answer = nearcast("match", write_csv(tmp_path / "pings.csv", lines), fence, "--json", "--verify")
    assert json.loads(answer.out.splitlines()[-1])["pairs"] == 3


def test_match_reads_fences_from_geoparquet(tmp_path):
    """A radius of NaN is none."""
    import geopandas as gpd
    from shapely.geometry import Point, shape

    frame = gpd.GeoDataFrame(
        {"id": ["f", "square"], "radius_m": [100.0, float("nan")]},
        geometry=[Point(CENTER[1], CENTER[0]), shape(SQUARE["geometry"])],
        crs="EPSG:4326",
    )
    frame.to_parquet(tmp_path / "fences.parquet")
    pings, out = write_csv(tmp_path / "pings.csv", PINGS), tmp_path / "pairs.ndjson"
    assert nearcast("match", pings, tmp_path / "fences.parquet", "--out", out).code == 0
    assert sorted(tuple(json.loads(line).values()) for line in out.read_text().splitlines()) == PAIRS


BOW_TIE = polygon("bow-tie", [[13.40, 52.52], [13.41, 52.53], [13.41, 52.52], [13.40, 52.53], [13.40, 52.52]])


def test_match_repairs_on_request_and_says_so(tmp_path):
    pings = write_csv(tmp_path / "pings.csv", PINGS)
    fence = write_json(tmp_path / "fences.geojson", collection(BOW_TIE))
    nearcast("match", pings, fence, "--json").refuses("fences.geojson", "bow-tie")
    answer = nearcast("match", pings, fence, "--json", "--repair")
    assert answer.code == 0, answer.err
    answer.says("repaired", "bow-tie")


# --- replay


def test_replay_writes_four_files(tmp_path):
    _, outcome = replay(tmp_path, f0(*arrive()))
    assert {file.name for file in outcome.folder.iterdir()} >= set(FOUR)
    assert outcome.verdicts() == ["send"]


def test_replay_repairs_on_request_and_says_so(tmp_path):
    scenario = walk(("00:00", (52.5215, 13.4095)), geofences=[BOW_TIE])
    nearcast("replay", write_scenario(tmp_path, scenario), "--out", tmp_path / "out").refuses("bow-tie")
    answer, outcome = replay(tmp_path, scenario, "--repair")
    answer.says("repaired", "bow-tie")
    assert len(outcome.transitions) == 1


def test_replay_repairs_an_unclosed_ring(tmp_path):
    """S3 of the geofencing table: with the ring closed, the answer is that of the closed ring."""
    square = polygon("f", ring(13.4000, 52.5200, 13.4020, 52.5210)[:-1])
    _, outcome = replay(tmp_path, walk(("00:00", (52.5205, 13.4020)), geofences=[square]), "--repair")
    assert outcome.story() == ["enter f 00:00"]


def test_replay_reads_yaml(tmp_path):
    import yaml

    scenario = f0(*arrive())
    (tmp_path / "scenario.yaml").write_text(yaml.safe_dump(scenario, allow_unicode=True), encoding="utf-8")
    assert nearcast("replay", tmp_path / "scenario.yaml", "--out", tmp_path / "yaml").code == 0
    _, outcome = replay(tmp_path, scenario)
    for name in FOUR:
        assert (tmp_path / "yaml" / name).read_bytes() == (outcome.folder / name).read_bytes()


def test_replay_reads_geofences_from_a_path(tmp_path):
    scenario = f0(*arrive())
    path = write_json(tmp_path / "fences.geojson", scenario["geofences"])
    _, outcome = replay(tmp_path, {**scenario, "geofences": str(path)})
    assert outcome.verdicts() == ["send"]


def test_unknown_properties_of_a_fence_are_no_error(tmp_path):
    """They are kept; unknown keys are errors elsewhere."""
    fence = {**circle("f1", CENTER, 150, shop_id="s1", colour="red", tags=["food"], name="S1"), "bbox": [1, 2, 3, 4]}
    _, outcome = replay(tmp_path, f0(*arrive(), geofences={**collection(fence), "generator": "by hand"}))
    assert outcome.verdicts() == ["send"]


SECONDS = int(datetime.fromisoformat(NOON).timestamp())
TIMES: dict[str, list[Any]] = {
    "rfc 3339 with Z": [later(NOON, second) for second in (-60, 0)],
    "rfc 3339 with an offset": ["2026-06-02T11:59:00+02:00", "2026-06-02T12:00:00+02:00"],
    "unix seconds": [SECONDS - 60, SECONDS],
    "unix milliseconds": [1000 * (SECONDS - 60), 1000 * SECONDS],
}


def ping_lines(times: list[Any]) -> list[Row]:
    return [
        {"customer_id": CUSTOMER, "recorded_at": when, "lat": place[0], "lon": place[1], "accuracy_m": 8}
        for when, place in zip(times, (N500, N50), strict=True)
    ]


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("kind", ["csv", "ndjson", "parquet"])
def test_replay_reads_ping_files(tmp_path, times, kind):
    path = write_lines(tmp_path / f"pings.{kind}", ping_lines(TIMES[times]))
    _, outcome = replay(tmp_path, f0(), "--pings", path)
    assert [(row["outcome"], row["at"]) for row in outcome.match_log] == [("send", NOON)]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_replay_reads_timestamps_of_any_unit(tmp_path, unit):
    import pyarrow as pa

    lines = ping_lines([datetime.fromtimestamp(SECONDS + n, UTC) for n in (-60, 0)])
    table = {name: [line[name] for line in lines] for name in lines[0]}
    table["recorded_at"] = pa.array(table["recorded_at"], pa.timestamp(unit, tz="UTC"))
    _, outcome = replay(tmp_path, f0(), "--pings", write_parquet(tmp_path / "pings.parquet", table))
    assert [(row["outcome"], row["at"]) for row in outcome.match_log] == [("send", NOON)]


def test_replay_takes_several_ping_files_and_received_at(tmp_path):
    """A row of a ping file is an event at its `received_at`, else its `recorded_at`."""
    first, second = ping_lines(TIMES["rfc 3339 with Z"])
    one = write_csv(tmp_path / "one.csv", [{**second, "received_at": later(NOON, 30)}])
    two = write_ndjson(tmp_path / "two.ndjson", [first])
    _, outcome = replay(tmp_path, f0(), "--pings", one, "--pings", two)
    row = only(outcome.match_log)
    assert (row["outcome"], row["at"], row["decided_at"]) == ("send", NOON, later(NOON, 30))


def test_refused_pings_are_counted_and_leave_no_trace(tmp_path):
    """Out of range, null island, from the future and without consent are no errors of the file, and nobody's place
    appears anywhere."""
    refused = [
        ping(NOON, (91.2345678, 13.405)),
        ping(later(NOON, 1), (52.52, 541.2345678)),
        ping(later(NOON, 2), (0.0, 0.0)),
        ping(later(NOON, 3), (52.5212345, 13.4052345), recorded_at=later(NOON, 3600)),
        ping(later(NOON, 4), (52.5201111, 13.4051111), customer="stranger"),
    ]
    answer, outcome = replay(tmp_path, f0(*refused))
    assert outcome.refused == {
        "ping_out_of_range": 2,
        "ping_null_island": 1,
        "ping_from_future": 1,
        "consent_location_missing": 1,
    }
    written = answer.out + answer.err + "".join(file.read_text() for file in outcome.folder.iterdir())
    for digits in ("91.23", "541.2", "52.5212", "13.4052", "52.5201", "13.4051"):
        assert digits not in written


def test_two_replays_are_byte_identical(tmp_path):
    """As two processes, with different string hashing."""
    people = [CUSTOMER, "cust-0005", "cust-0100"]
    visits = [event for n in range(8) for who in people for event in arrive(later(NOON, 3600 * n), customer=who)]
    scenario = write_scenario(tmp_path, f0(*visits, customers=people))
    for seed, name in enumerate(("one", "two")):
        assert nearcast_process("replay", scenario, "--out", tmp_path / name, hash_seed=seed).code == 0
    for name in FOUR:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


# --- explain


@pytest.mark.parametrize(
    ("accuracy_m", "outcome", "reason"), [(15, "send", None), (400, "suppress", "ping_inaccurate")]
)
def test_explain_agrees_with_the_log(tmp_path, accuracy_m, outcome, reason):
    replay(tmp_path, f0(*arrive(accuracy_m=accuracy_m)))
    where = ["--customer", CUSTOMER, "--campaign", "camp-7", "--at", NOON, "--out", tmp_path / "out"]
    told = nearcast("explain", *where)
    assert told.code == 0, told.err
    assert outcome in told.out
    as_json = json.loads(nearcast("explain", *where, "--json").out.splitlines()[-1])
    assert as_json["outcome"] == outcome
    if reason:
        assert reason in told.out
        assert as_json["reason"] == reason


@pytest.mark.parametrize(("option", "value"), [("--customer", "nobody"), ("--campaign", "camp-9")])
def test_explain_of_what_is_not_there(tmp_path, option, value):
    """Which exit code is not fixed for a name that nothing bears; it fails, in words that name it."""
    replay(tmp_path, f0(*arrive()))
    options = {"--customer": CUSTOMER, "--campaign": "camp-7", "--at": NOON, option: value}
    flat = [part for pair in options.items() for part in pair]
    answer = nearcast("explain", *flat, "--out", tmp_path / "out")
    assert answer.code != 0
    assert "Traceback" not in answer.err
    answer.says(value)


# --- simulate, help


def test_simulate_is_deterministic_and_replays(tmp_path):
    for name in ("one", "two"):
        assert nearcast("simulate", "--out", tmp_path / name).code == 0
    files = sorted(file.relative_to(tmp_path / "one") for file in (tmp_path / "one").rglob("*") if file.is_file())
    assert files
    assert files == sorted(
        file.relative_to(tmp_path / "two") for file in (tmp_path / "two").rglob("*") if file.is_file()
    )
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes(), file


@pytest.mark.parametrize("command", [[], ["match"], ["replay"], ["explain"], ["simulate"]])
def test_help(command):
    answer = nearcast(*command, "--help")
    assert answer.code == 0
    assert "nearcast" in answer.out.lower()


def test_rows_of_a_log_add_up(tmp_path):
    _, outcome = replay(tmp_path, f0(*arrive(), *arrive(later(NOON, 3600)), *arrive(later(NOON, 7200), accuracy_m=400)))
    assert sum(outcome.counted("outcomes").values()) == len(outcome.match_log) == 3
    assert outcome.counted("transitions") == {"enter": 3, "exit": 2}
    for reason, count in outcome.counted("reasons").items():
        assert len(rows(outcome.match_log, reason=reason)) == count


def test_explain_of_a_folder_that_is_none(tmp_path):
    (tmp_path / "file").write_text("no folder")
    where = ["--customer", CUSTOMER, "--campaign", "camp-7", "--at", NOON, "--out"]
    nearcast("explain", *where, tmp_path / "file").refuses("file")
    nearcast("explain", *where, tmp_path / "gone").refuses("gone")


def test_explain_wants_an_instant_with_an_offset(tmp_path):
    replay(tmp_path, f0(*arrive()))
    where = ["--customer", CUSTOMER, "--campaign", "camp-7", "--out", tmp_path / "out"]
    nearcast("explain", *where, "--at", "2026-06-02T10:00:00").refuses("--at", "2026-06-02T10:00:00")


@pytest.mark.parametrize("command", ["replay", "simulate"])
def test_a_folder_that_cannot_be_made(tmp_path, command):
    (tmp_path / "file").write_text("in the way")
    scenario = [write_scenario(tmp_path, f0(*arrive()))] if command == "replay" else []
    nearcast(command, *scenario, "--out", tmp_path / "file" / "out").refuses("file")
