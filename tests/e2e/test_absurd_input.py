"""Input that nobody means: absurd numbers, the ends of the calendar, half characters, folders for files.

All of it ends with exit 2 and one line that names the file, never a traceback; and no line repeats where somebody was.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.shell import Answer, Row, nearcast, write_csv, write_json, write_ndjson, write_parquet
from tests.scenarios.harness import (
    CENTER,
    CUSTOMER,
    N50,
    NOON,
    F,
    arrive,
    bare,
    circle,
    collection,
    consent,
    f0,
    later,
    ping,
    prior_send,
    shop,
    the_end,
    write_scenario,
)

pytestmark = pytest.mark.e2e

PING: Row = {"customer_id": CUSTOMER, "recorded_at": NOON, "lat": N50[0], "lon": N50[1]}
HUGE = 10**400  # written out: 401 digits


def refuses(answer: Answer, *fragments: str) -> None:
    """Exit 2, one line that holds the fragments, no traceback."""
    answer.refuses(*fragments)
    assert len(answer.err.strip().splitlines()) == 1, answer.err


def replay(folder: Path, scenario: Row, *more: str | Path) -> Answer:
    return nearcast("replay", write_scenario(folder, scenario), *more, "--out", folder / "out")


def replay_text(folder: Path, text: str | bytes, kind: str) -> Answer:
    path = folder / f"scenario.{kind}"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return nearcast("replay", path, "--out", folder / "out")


def everything() -> Row:
    """A scenario with one of each, so that any value in it can be made absurd."""
    scenario = f0(
        *arrive(),
        prior_send(later(NOON, -3600)),
        {"at": later(NOON, 60), "geofence_put": circle("f2", CENTER, 80, shop_id="s1", dwell_s=60)},
        {"at": later(NOON, 90), "consent": consent(later(NOON, 80), valid_until=later(NOON, 9000))},
        ping(later(NOON, 120), N50),
        shops=[shop(opening_hours="Mo-Sa 08:00-20:00")],
        presence={"dwell_s": 60, "lateness_s": 60, "gap_s": 600, "cross_within_s": 60},
        campaign={"caps": [{"id": "own", "scope": "shop", "kind": "rolling", "window_s": 60, "limit": 1}]},
        dispatch={"delay_s": 5},
    )
    copied: Row = json.loads(json.dumps(scenario))
    return copied


def changed(path: str, value: Any) -> Row:
    scenario = everything()
    *parents, last = path.split(".")
    place: Any = scenario
    for step in parents:
        place = place[int(step)] if isinstance(place, list) else place[step]
    place[int(last) if isinstance(place, list) else last] = value
    return scenario


def test_everything_is_fine_before_it_is_made_absurd(tmp_path):
    answer = replay(tmp_path, everything())
    assert answer.code == 0, answer.err


# --- events that cannot be, told with the scenario's name

BAD_EVENTS: dict[str, tuple[Row, list[str]]] = {
    "a fence beyond the pole": ({"geofence_put": circle("z", (95.0, 13.4), 5)}, ["geofence_put", "95"]),
    "a fence without a radius": (
        {"geofence_put": {"type": "Feature", "id": "z", "geometry": {"type": "Point", "coordinates": [13.4, 52.5]}}},
        ["geofence_put"],
    ),
    "no fence at all": ({"geofence_put": {"type": "nothing"}}, ["geofence_put"]),
    "a fence that is not there": ({"geofence_delete": "gone"}, ["geofence_delete", "gone"]),
    "a campaign that is not there": ({"campaign": {"id": "gone", "action": "pause"}}, ["campaign", "gone"]),
    "a consent without channel": ({"consent": consent(NOON, channel=None)}, ["consent", "channel"]),
}


@pytest.mark.parametrize("what", BAD_EVENTS)
def test_a_fault_in_an_event_names_the_scenario_and_the_event(tmp_path, what):
    event, words = BAD_EVENTS[what]
    refuses(replay(tmp_path, bare(*arrive(), {"at": later(NOON, 60), **event})), "scenario.json", "events[2]", *words)


def test_a_fence_deleted_twice_names_the_second_time(tmp_path):
    twice = [{"at": later(NOON, seconds), "geofence_delete": "f1"} for seconds in (60, 120)]
    refuses(replay(tmp_path, bare(*arrive(), *twice)), "scenario.json", "events[3]", "geofence_delete", "f1")


def test_a_campaign_that_has_ended_cannot_be_activated(tmp_path):
    actions = [
        {"at": later(NOON, 60), "campaign": {"id": "camp-7", "action": action}} for action in ("end", "activate")
    ]
    refuses(replay(tmp_path, bare(*arrive(), *actions)), "scenario.json", "events[3]", "campaign", "camp-7")


# --- numbers

NUMBERS = [
    "presence.dwell_s",
    "presence.lateness_s",
    "presence.gap_s",
    "presence.cross_within_s",
    "ping_rules.max_age_s",
    "ping_rules.max_accuracy_m",
    "ping_rules.max_future_s",
    "policy.caps.1.window_s",
    "campaigns.0.caps.0.window_s",
    "campaigns.0.offer.expires_after_s",
    "campaigns.0.re_eligibility_s",
    "campaigns.0.fence_cooldown_s",
    "dispatch.delay_s",
    "shops.0.lat",
    "shops.0.lon",
    "geofences.features.0.properties.radius_m",
    "geofences.features.0.geometry.coordinates.0",
    "events.0.ping.accuracy_m",
    "events.3.geofence_put.properties.radius_m",
]


@pytest.mark.parametrize(
    "value", [1e12, 1e300, HUGE, -1e18, float("inf")], ids=["1e12", "1e300", "401", "-1e18", "inf"]
)
@pytest.mark.parametrize("path", NUMBERS)
def test_an_absurd_number_is_named_with_its_place(tmp_path, path, value):
    words = [step for step in path.split(".") if not step.isdigit()]
    words = ["geofence_put"] if "geofence_put" in words else words[:1]
    refuses(replay(tmp_path, changed(path, value)), "scenario.json", *words)


@pytest.mark.parametrize("value", [1e12, 1e300, HUGE, -1e18], ids=["1e12", "1e300", "401", "-1e18"])
@pytest.mark.parametrize(
    "path",
    [
        "policy.caps.0.limit",
        "campaigns.0.budget.messages",
        "campaigns.0.priority",
        "geofences.features.0.properties.dwell_s",
        "events.3.geofence_put.properties.dwell_s",
    ],
)
def test_what_nobody_will_ever_reach_is_refused_or_never_reached(tmp_path, path, value):
    """A limit may be as large as it likes. There is no third way."""
    answer = replay(tmp_path, changed(path, value))
    if answer.code != 0:
        refuses(answer, "scenario.json", path.split(".")[0])


@pytest.mark.parametrize("digits", ["1" * 401, "1" * 5000], ids=len)
@pytest.mark.parametrize("kind", ["json", "yaml"])
@pytest.mark.parametrize("path", ["geofences.features.0.properties.id", "customers.0.id", "events.0.ping.customer_id"])
def test_a_number_for_an_id_that_nobody_could_have_given(tmp_path, path, kind, digits):
    """Refused in a line, or taken as the text that it is; JSON is YAML too."""
    text = json.dumps(changed(path, "DIGITS")).replace('"DIGITS"', digits)
    answer = replay_text(tmp_path, text, kind)
    if answer.code != 0:
        refuses(answer, f"scenario.{kind}")


def test_an_id_of_a_fence_of_401_digits_is_refused(tmp_path):
    fence = {**F, "properties": {"radius_m": 100}, "id": HUGE}
    refuses(replay(tmp_path, bare(*arrive(), geofences=collection(fence))), "scenario.json", "features[0]")
    path = write_json(tmp_path / "fences.geojson", collection(fence))
    refuses(nearcast("match", write_csv(tmp_path / "pings.csv", [PING]), path, "--json"), "fences.geojson")


# --- the calendar

ENDS = [
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-14:00",
]
INSTANTS = [
    "events.0.at",
    "events.1.ping.recorded_at",
    "events.4.consent.at",
    "events.4.consent.valid_until",
    "consents.0.at",
    "consents.0.valid_until",
    "campaigns.0.active.from",
    "campaigns.0.active.until",
]


@pytest.mark.parametrize("when", ENDS)
@pytest.mark.parametrize("path", INSTANTS)
def test_an_instant_at_the_ends_of_the_calendar_is_named_with_its_place(tmp_path, path, when):
    refuses(replay(tmp_path, changed(path, when)), "scenario.json", path.split(".")[0], path.split(".")[-1], when)


@pytest.mark.parametrize("when", ENDS)
def test_explain_is_asked_for_an_instant_at_the_ends_of_the_calendar(tmp_path, when):
    replay(tmp_path, everything())
    who = ["--customer", CUSTOMER, "--campaign", "camp-7", "--at", when]
    refuses(nearcast("explain", *who, "--out", tmp_path / "out"), "--at", when)


ABSURD_TIMES = [*ENDS, HUGE, -HUGE, 1e300, -1e18, 10**19]


@pytest.mark.parametrize("column", ["recorded_at", "received_at"])
@pytest.mark.parametrize("kind", ["csv", "ndjson"])
@pytest.mark.parametrize("when", ABSURD_TIMES, ids=lambda when: str(when)[:28])
def test_a_ping_file_from_the_ends_of_the_calendar(tmp_path, when, kind, column):
    """Refused in a line that names the row, or counted; never a traceback."""
    line = {**PING, "received_at": NOON, column: when}
    write = write_csv if kind == "csv" else write_ndjson
    answer = replay(tmp_path, f0(), "--pings", write(tmp_path / f"pings.{kind}", [line]))
    if answer.code != 0:
        refuses(answer, f"pings.{kind}")
        answer.names_row(0)


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize("value", [-(2**63) + 1, 2**63 - 1], ids=["first", "last"])
def test_a_parquet_file_from_the_ends_of_the_calendar(tmp_path, value, unit):
    import pyarrow as pa

    columns = {name: [PING[name]] for name in ("customer_id", "lat", "lon")}
    columns["recorded_at"] = pa.array([value], pa.timestamp(unit, tz="UTC"))
    answer = replay(tmp_path, f0(), "--pings", write_parquet(tmp_path / "pings.parquet", columns))
    if answer.code != 0:
        refuses(answer, "pings.parquet")


# --- YAML and JSON that are none

NO_DOCUMENTS: dict[str, tuple[str, str]] = {
    "foo as a whole number": ("yaml", "tenant: {id: !!int foo}"),
    "foo as a number": ("yaml", "tenant: {id: !!float foo}"),
    "foo as true or false": ("yaml", "tenant: {id: !!bool foo}"),
    "foo as an instant": ("yaml", "tenant: {id: !!timestamp foo}"),
    "a tag of Python": ("yaml", "tenant: !!python/object:os.system {}"),
    "a control character": ("yaml", 'tenant: {id: "\x01"}'),
    "an alias to itself": ("yaml", "events: &a [*a]"),
    "a list for a key": ("yaml", "? [a]\n: b"),
    "lists in lists, json": ("json", "[" * 100_000),
    "lists in lists, yaml": ("yaml", "[" * 3000 + "]" * 3000),
    "maps in maps, json": ("json", '{"tenant":' * 100_000),
    "maps in maps, yaml": ("yaml", "{tenant: " * 3000 + "1" + "}" * 3000),
    "half a character, json": ("json", '{"tenant": {"id": "\\ud800"}}'),
    "half a character, yaml": ("yaml", 'tenant: {id: "\\ud800"}'),
    "half a character for a key": ("json", '{"\\udfff": 1}'),
}


@pytest.mark.parametrize("what", NO_DOCUMENTS)
def test_a_document_that_cannot_be_read_is_named(tmp_path, what):
    kind, text = NO_DOCUMENTS[what]
    refuses(replay_text(tmp_path, text, kind), f"scenario.{kind}")


@pytest.mark.parametrize(
    "path", ["customers.0.id", "campaigns.0.offer.text", "events.0.ping.customer_id", "shops.0.name"]
)
def test_half_a_character_anywhere_in_a_scenario(tmp_path, path):
    text = json.dumps(changed(path, "\ud83d"))
    refuses(replay_text(tmp_path, text, "json"), "scenario.json", "ud83d")


def test_a_whole_character_written_in_halves_is_a_character(tmp_path):
    answer = replay_text(tmp_path, json.dumps(changed("campaigns.0.offer.text", "Coffee \U0001f600")), "json")
    assert answer.code == 0, answer.err


@pytest.mark.parametrize("key", ["customer_id", "ping_id", "device_id"])
def test_half_a_character_in_a_ping_file(tmp_path, key):
    path = tmp_path / "pings.ndjson"
    path.write_text(json.dumps(PING) + "\n" + json.dumps({**PING, key: "\ud800"}) + "\n", encoding="utf-8")
    answer = replay(tmp_path, f0(), "--pings", path)
    refuses(answer, "pings.ndjson", key)
    answer.names_row(1)


# --- lines that are no pings, and folders that are no files


@pytest.mark.parametrize(
    "line", ["[52.5211,13.405123]", '"52.5211 13.405123"', "52.5211", "null", "true", "[" * 100_000]
)
def test_a_line_that_is_no_ping_is_named_and_not_repeated(tmp_path, line):
    """It may hold a place."""
    path = tmp_path / "pings.ndjson"
    path.write_text(json.dumps(PING) + "\n" + line + "\n", encoding="utf-8")
    fences = write_json(tmp_path / "fences.geojson", collection(F))
    for answer in (replay(tmp_path, f0(), "--pings", path), nearcast("match", path, fences, "--json")):
        refuses(answer, "pings.ndjson")
        answer.names_row(1)
        assert "52.52" not in answer.err + answer.out
        assert "13.405" not in answer.err + answer.out


@pytest.mark.parametrize("kind", ["csv", "ndjson", "parquet"])
def test_a_folder_for_a_ping_file(tmp_path, kind):
    folder = tmp_path / f"pings.{kind}"
    folder.mkdir()
    refuses(replay(tmp_path, f0(), "--pings", folder), f"pings.{kind}")
    fences = write_json(tmp_path / "fences.geojson", collection(F))
    refuses(nearcast("match", folder, fences, "--json"), f"pings.{kind}")


@pytest.mark.parametrize("kind", ["json", "yaml"])
def test_a_folder_for_a_scenario(tmp_path, kind):
    folder = tmp_path / f"scenario.{kind}"
    folder.mkdir()
    refuses(nearcast("replay", folder, "--out", tmp_path / "out"), f"scenario.{kind}")


@pytest.mark.parametrize("kind", ["geojson", "parquet"])
def test_a_folder_for_geofences(tmp_path, kind):
    folder = tmp_path / f"fences.{kind}"
    folder.mkdir()
    refuses(nearcast("match", write_csv(tmp_path / "pings.csv", [PING]), folder, "--json"), f"fences.{kind}")
    refuses(replay(tmp_path, {**f0(), "geofences": str(folder)}), f"fences.{kind}")


@pytest.mark.parametrize("kind", ["ndjson", "parquet"])
def test_pairs_that_cannot_be_written(tmp_path, kind):
    pings, fences = write_csv(tmp_path / "pings.csv", [PING]), write_json(tmp_path / "f.geojson", collection(F))
    refuses(nearcast("match", pings, fences, "--out", tmp_path / "gone" / f"pairs.{kind}"), f"pairs.{kind}")
    folder = tmp_path / f"pairs.{kind}"
    folder.mkdir()
    refuses(nearcast("match", pings, fences, "--out", folder), f"pairs.{kind}")


@pytest.mark.parametrize("file", ["transitions.ndjson", "match_log.ndjson", "messages.ndjson", "summary.json"])
def test_a_folder_in_the_way_of_a_result(tmp_path, file):
    (tmp_path / "out" / file).mkdir(parents=True)
    refuses(replay(tmp_path, f0(*arrive())), "out")


def test_a_file_for_the_folder_of_results(tmp_path):
    (tmp_path / "out").write_text("in the way")
    refuses(replay(tmp_path, f0(*arrive())), "out")


def test_a_place_where_nobody_may_write(tmp_path):
    """Not even root, as tests in a container often are."""
    scenario = write_scenario(tmp_path, f0(*arrive()))
    refuses(nearcast("replay", scenario, "--out", "/proc/nearcast"), "/proc/nearcast")


# --- names given twice


@pytest.mark.parametrize("key", ["policy", "campaign"])
def test_a_cap_id_may_be_given_once(tmp_path, key):
    """The log tells caps apart by their ids."""
    caps = [
        {"id": "same", "scope": "customer", "kind": "rolling", "window_s": 60, "limit": 1},
        {"id": "same", "scope": "customer", "kind": "calendar", "unit": "day", "limit": 2},
    ]
    refuses(replay(tmp_path, bare(*arrive(), **{key: {"caps": caps}})), "scenario.json", "caps", "same")


def test_two_campaigns_may_each_have_a_cap_of_that_name(tmp_path):
    cap = {"id": "own", "scope": "campaign", "kind": "rolling", "window_s": 60, "limit": 1}
    scenario = bare(ping(NOON, N50), the_end(later(NOON, 60)), campaign={"caps": [cap]}, policy={"caps": [cap]})
    scenario["campaigns"].append({**scenario["campaigns"][0], "id": "camp-8"})
    assert replay(tmp_path, scenario).code == 0
