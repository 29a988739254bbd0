"""Bad input is told by file, place and value: exit 2, on stderr, never a traceback."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.shell import (
    Row,
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
    NOON,
    F,
    arrive,
    circle,
    collection,
    consent,
    f0,
    later,
    ping,
    polygon,
    prior_send,
    shop,
    write_scenario,
)

pytestmark = pytest.mark.e2e

NAN = float("nan")


def damaged(path: str, value: Any) -> Row:
    """Fixture F0 with one value changed: `campaigns.0.trigger.on`. The parent must be there."""
    scenario: Row = json.loads(json.dumps(f0(*arrive(), prior_send(later(NOON, -3600)))))
    scenario["shops"] = [{**shop(), "opening_hours": "Mo-Sa 08:00-20:00"}]
    *parents, last = path.split(".")
    place: Any = scenario
    for step in parents:
        place = place[int(step)] if isinstance(place, list) else place.setdefault(step, {})
    if isinstance(place, list):
        place[int(last)] = value
    else:
        place[last] = value
    return scenario


def refuse(folder: Path, scenario: Row, *fragments: str) -> None:
    path = write_scenario(folder, scenario)
    nearcast("replay", path, "--out", folder / "out").refuses("scenario.json", *fragments)


# --- the scenario


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("surprise", 1),
        ("tenant.surprise", 1),
        ("presence.surprise", 1),
        ("ping_rules.surprise", 1),
        ("policy.surprise", 1),
        ("policy.caps.1.surprise", 1),
        ("policy.quiet_hours.0.surprise", 1),
        ("shops.0.surprise", 1),
        ("customers.0.surprise", 1),
        ("consents.2.surprise", 1),
        ("campaigns.0.surprise", 1),
        ("campaigns.0.trigger.surprise", 1),
        ("campaigns.0.dayparts.0.surprise", 1),
        ("campaigns.0.holdout.surprise", 1),
        ("events.0.surprise", 1),
        ("events.1.ping.surprise", 1),
        ("events.2.prior_send.surprise", 1),
    ],
)
def test_an_unknown_key_is_named_with_its_place(tmp_path, path, value):
    refuse(tmp_path, damaged(path, value), *[step for step in path.split(".") if not step.isdigit()])


@pytest.mark.parametrize(
    ("path", "value"),
    [
        # wrong units
        ("campaigns.0.re_eligibility_s", "72h"),
        ("campaigns.0.offer.expires_after_s", "20 min"),
        ("ping_rules.max_accuracy_m", "75m"),
        ("presence.lateness_s", "1m"),
        ("policy.caps.1.window_s", "7d"),
        ("geofences.features.0.properties.radius_m", "100m"),
        ("geofences.features.0.properties.dwell_s", "2 minutes"),
        ("policy.holdout.percent", "5 %"),
        # out of range
        ("shops.0.lat", 91.25),
        ("shops.0.lon", 541.25),
        ("policy.holdout.percent", 101),
        ("policy.holdout.percent", -1),
        ("ping_rules.max_age_s", -300),
        ("geofences.features.0.properties.radius_m", -150),
        ("geofences.features.0.properties.radius_m", 0),
        # no number
        ("shops.0.lat", NAN),
        ("ping_rules.max_accuracy_m", NAN),
        # naive or broken times
        ("campaigns.0.active.from", "2026-06-01T00:00:00"),
        ("events.0.at", "2026-06-02T10:00:00"),
        ("consents.0.at", "2026-01-01"),
        ("events.0.at", "2026-13-02T10:00:00Z"),
        ("events.0.at", "yesterday"),
        # dates, hours
        ("campaigns.0.dayparts.0.days", ["monday-ish"]),
        ("shops.0.closed_on", ["2026-02-30"]),
        ("shops.0.opening_hours", "whenever"),
        # unknown zones
        ("tenant.timezone", "Mars/Olympus"),
        ("customers.0.timezone", "Mars/Olympus"),
        ("shops.0.timezone", "Mars/Olympus"),
        # unknown words
        ("presence.profile", "cooked"),
        ("presence.first_seen", "perhaps"),
        ("campaigns.0.trigger.on", "arrival"),
        ("campaigns.0.klass", "vip"),
        ("campaigns.0.on_cap", "wait"),
        ("campaigns.0.on_quiet", "wait"),
        ("campaigns.0.state", "sleeping"),
        ("policy.caps.0.scope", "universe"),
        ("policy.caps.0.kind", "lunar"),
        ("consents.0.action", "shrugged"),
    ],
)
def test_a_value_that_cannot_be_is_named_with_its_place(tmp_path, path, value):
    steps = [step for step in path.split(".") if not step.isdigit()]
    if steps[0] == "geofences":  # named by their id
        steps = ["f1", steps[-1]]
    shown = value[0] if isinstance(value, list) else value
    refuse(tmp_path, damaged(path, value), *steps, str(shown))


def test_a_time_of_day_that_cannot_be(tmp_path):
    """The window is named, and the value."""
    refuse(tmp_path, damaged("policy.quiet_hours.0.from", "25:00"), "policy", "quiet_hours", "25:00")
    refuse(tmp_path, damaged("campaigns.0.dayparts.0.until", "20h"), "campaigns", "dayparts", "20h")


@pytest.mark.parametrize(("key", "value"), [("cron", "99 11 * * *"), ("cron", "often"), ("timezone", "Mars/Olympus")])
def test_a_schedule_that_cannot_be(tmp_path, key, value):
    schedule = {"cron": "30 11 * * mon-fri", "timezone": "Europe/Berlin", "seen_within_s": 1800, "within_m": 500}
    campaign = {"trigger": {"on": "schedule"}, "schedule": {**schedule, key: value}}
    refuse(tmp_path, f0(campaign=campaign), "campaigns", "schedule", key, value)


def test_an_unknown_key_of_a_schedule(tmp_path):
    schedule = {"cron": "30 11 * * mon-fri", "timezone": "Europe/Berlin", "seen_within_s": 1800, "surprise": 1}
    campaign = {"trigger": {"on": "schedule"}, "schedule": schedule}
    refuse(tmp_path, f0(campaign=campaign), "campaigns", "schedule", "surprise")


@pytest.mark.parametrize(
    ("path", "again"),
    [("customers", CUSTOMER), ("campaigns", "camp-7"), ("shops", "s1"), ("geofences.features", "f1")],
)
def test_an_id_may_be_given_once(tmp_path, path, again):
    scenario = f0(*arrive())
    listed: Any = scenario
    for step in path.split("."):
        listed = listed[step]
    listed.append(json.loads(json.dumps(listed[0])))
    refuse(tmp_path, scenario, again)


def test_a_naive_recorded_at_in_an_event(tmp_path):
    scenario = f0(ping(NOON, N50, recorded_at="2026-06-02T10:00:00"))
    refuse(tmp_path, scenario, "events", "recorded_at", "2026-06-02T10:00:00")


def test_a_naive_consent_in_an_event(tmp_path):
    scenario = f0({"at": NOON, "consent": consent("2026-06-02T10:00:00")})
    refuse(tmp_path, scenario, "events", "consent", "2026-06-02T10:00:00")


# --- geofences

SQUARE = [[13.40, 52.52], [13.41, 52.52], [13.41, 52.53], [13.40, 52.53], [13.40, 52.52]]
BAD_FENCES = {
    "bow-tie": polygon("x1", [SQUARE[0], SQUARE[2], SQUARE[1], SQUARE[3], SQUARE[0]]),
    "two points": polygon("x1", [SQUARE[0], SQUARE[1], SQUARE[0]]),
    "no area": polygon("x1", [SQUARE[0], SQUARE[1], SQUARE[0], SQUARE[1], SQUARE[0]]),
    "NaN": polygon("x1", [*SQUARE[:2], [NAN, 52.53], *SQUARE[3:]]),
    "lat 91": polygon("x1", [*SQUARE[:2], [13.41, 91.0], *SQUARE[3:]]),
    "lon 541": polygon("x1", [*SQUARE[:2], [541.0, 52.53], *SQUARE[3:]]),
    "a word for a number": polygon("x1", [*SQUARE[:2], ["13.41 E", 52.53], *SQUARE[3:]]),  # type: ignore[list-item]
    "hole outside": polygon("x1", SQUARE, [[x + 1, y] for x, y in SQUARE]),
    "point without radius": {
        "type": "Feature",
        "properties": {"id": "x1"},
        "geometry": {"type": "Point", "coordinates": [13.405, 52.52]},
    },
    "line": {
        "type": "Feature",
        "properties": {"id": "x1"},
        "geometry": {"type": "LineString", "coordinates": SQUARE[:2]},
    },
    "no geometry": {"type": "Feature", "properties": {"id": "x1"}, "geometry": None},
    "centre out of range": circle("x1", (91.0, 13.405), 100),
}


@pytest.mark.parametrize("what", BAD_FENCES)
def test_an_invalid_fence_is_named_by_match_and_replay(tmp_path, what):
    fences = collection(F, BAD_FENCES[what])
    path = tmp_path / "fences.geojson"
    path.write_text(json.dumps(fences), encoding="utf-8")
    pings = write_csv(tmp_path / "pings.csv", [PING])
    nearcast("match", pings, path, "--json").refuses("fences.geojson", "x1")
    refuse(tmp_path, f0(*arrive(), geofences=fences), "x1")


def test_a_fence_without_id(tmp_path):
    nameless = {key: value for key, value in circle("", CENTER, 100).items() if key != "id"}
    nameless["properties"] = {"radius_m": 100}
    path = write_json(tmp_path / "fences.geojson", collection(F, nameless))
    nearcast("match", write_csv(tmp_path / "pings.csv", [PING]), path, "--json").refuses("fences.geojson", "id")


def test_match_names_a_fence_that_comes_twice(tmp_path):
    path = write_json(
        tmp_path / "fences.geojson", collection(circle("twice", CENTER, 100), circle("twice", CENTER, 200))
    )
    nearcast("match", write_csv(tmp_path / "pings.csv", [PING]), path, "--json").refuses("fences.geojson", "twice")


# --- ping files

PING: Row = {"customer_id": "a", "recorded_at": NOON, "lat": 52.52, "lon": 13.405}


NUMBERS = [("lat", 91.25), ("lat", -91.25), ("lon", 541.25), ("lat", NAN)]
WORDS = [("lon", "13,405"), ("lat", "")]


@pytest.mark.parametrize(
    ("kind", "column", "value"),
    [
        *[(kind, *bad) for kind in ("csv", "ndjson") for bad in [*NUMBERS, *WORDS]],
        *[("parquet", *bad) for bad in NUMBERS],
    ],
)
def test_match_names_the_row_of_a_ping_that_cannot_be(tmp_path, kind, column, value):
    path = write_lines(tmp_path / f"pings.{kind}", [PING] * 5 + [{**PING, column: value}] + [PING])
    answer = nearcast("match", path, write_json(tmp_path / "fences.geojson", collection(F)), "--json")
    answer.refuses(f"pings.{kind}", str(value))
    answer.names_row(5)


def test_a_ping_file_without_a_column(tmp_path):
    path = write_csv(tmp_path / "pings.csv", [{"customer_id": "a", "recorded_at": NOON, "lat": 52.52}])
    nearcast("match", path, write_json(tmp_path / "f.geojson", collection(F)), "--json").refuses("pings.csv", "lon")


def test_a_truncated_line_of_ndjson_is_named(tmp_path):
    path = write_ndjson(tmp_path / "pings.ndjson", [PING] * 6)
    path.write_text(path.read_text()[:-20], encoding="utf-8")
    answer = nearcast("match", path, write_json(tmp_path / "f.geojson", collection(F)), "--json")
    answer.refuses("pings.ndjson")
    answer.names_row(5)


# --- files that are not what they should be


@pytest.mark.parametrize("kind", ["json", "yaml"])
def test_a_truncated_scenario(tmp_path, kind):
    text = json.dumps(f0(*arrive()))
    path = tmp_path / f"scenario.{kind}"
    path.write_text(text[: len(text) // 2], encoding="utf-8")
    nearcast("replay", path, "--out", tmp_path / "out").refuses(f"scenario.{kind}")


@pytest.mark.parametrize("content", ["", "[]", "null", "42", "just words"])
@pytest.mark.parametrize("kind", ["json", "yaml"])
def test_a_scenario_that_is_no_scenario(tmp_path, kind, content):
    path = tmp_path / f"scenario.{kind}"
    path.write_text(content, encoding="utf-8")
    nearcast("replay", path, "--out", tmp_path / "out").refuses(f"scenario.{kind}")


def test_a_truncated_parquet_file(tmp_path):
    whole = write_parquet(tmp_path / "whole.parquet", {name: [value] * 1000 for name, value in PING.items()})
    path = tmp_path / "pings.parquet"
    path.write_bytes(whole.read_bytes()[:-100])
    fences = write_json(tmp_path / "f.geojson", collection(F))
    nearcast("match", path, fences, "--json").refuses("pings.parquet")
    scenario = write_scenario(tmp_path, f0())
    nearcast("replay", scenario, "--pings", path, "--out", tmp_path / "out").refuses("pings.parquet")


def test_a_truncated_geojson(tmp_path):
    path = tmp_path / "fences.geojson"
    path.write_text(json.dumps(collection(F))[:-30], encoding="utf-8")
    nearcast("match", write_csv(tmp_path / "pings.csv", [PING]), path, "--json").refuses("fences.geojson")


@pytest.mark.parametrize("kind", ["json", "yaml"])
def test_a_scenario_in_latin_1(tmp_path, kind):
    path = tmp_path / f"scenario.{kind}"
    scenario = f0(shops=[{**shop(), "name": "Café Central"}], campaign={"offer": {"text": "Kaffee für alle"}})
    path.write_text(json.dumps(scenario, ensure_ascii=False), encoding="latin-1")
    nearcast("replay", path, "--out", tmp_path / "out").refuses(f"scenario.{kind}", "utf-8")


@pytest.mark.parametrize("kind", ["csv", "ndjson"])
def test_pings_in_latin_1(tmp_path, kind):
    path, lines = tmp_path / f"pings.{kind}", [PING, {**PING, "customer_id": "José"}]
    if kind == "csv":
        write_csv(path, lines, encoding="latin-1")
    else:
        path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="latin-1")
    answer = nearcast("match", path, write_json(tmp_path / "f.geojson", collection(F)), "--json")
    answer.refuses(f"pings.{kind}", "utf-8")


def test_missing_files(tmp_path):
    here = write_csv(tmp_path / "pings.csv", [PING])
    fences = write_json(tmp_path / "f.geojson", collection(F))
    gone = tmp_path / "gone.file"
    nearcast("replay", gone, "--out", tmp_path / "out").refuses("gone.file")
    nearcast("replay", write_scenario(tmp_path, f0()), "--pings", gone).refuses("gone.file")
    nearcast("match", gone, fences).refuses("gone.file")
    nearcast("match", here, gone).refuses("gone.file")
    refuse(tmp_path, {**f0(), "geofences": str(gone)}, "gone.file")


def test_as_a_process_too(tmp_path):
    """Exit code, silence on stdout, words on stderr."""
    path = write_scenario(tmp_path, damaged("campaigns.0.trigger.on", "arrival"))
    answer = nearcast_process("replay", path, "--out", tmp_path / "out")
    answer.refuses("scenario.json", "campaigns", "trigger", "arrival")
    assert answer.out == ""


def test_a_refused_scenario_writes_nothing(tmp_path):
    refuse(tmp_path, damaged("campaigns.0.klass", "vip"), "klass")
    assert not list(tmp_path.glob("out/*"))


@pytest.mark.parametrize("arguments", [[], ["--nonsense"]])
def test_wrong_use_of_a_command(arguments):
    assert nearcast("replay", *arguments).code == 2
