"""`explain`: what it says of rows and of instants without rows, and that its earliest send is a promise that holds."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.e2e.shell import nearcast
from tests.scenarios.harness import (
    CUSTOMER,
    N50,
    N500,
    NOON,
    Outcome,
    Row,
    arrive,
    bare,
    berlin,
    later,
    only,
    ping,
    prior_send,
    rows,
    run,
    the_end,
)

pytestmark = pytest.mark.e2e

NIGHT = {"from": "21:00", "until": "08:00"}


def explained(outcome: Outcome, when: str, *, campaign: str = "camp-7") -> Row:
    """What `explain --json` says of the customer at that instant."""
    who = ["--customer", CUSTOMER, "--campaign", campaign]
    answer = nearcast("explain", *who, "--at", when, "--out", outcome.folder, "--json")
    assert answer.code == 0, answer.err
    found: Row = json.loads(answer.out.splitlines()[-1])
    return found


def rule(explanation: Row, name: str) -> Row:
    return only([rule for rule in explanation["rules"] if rule["rule"] == name])


# --- held out

EVERYBODY = {"percent": 100, "salt": "all"}
HELD_OUT: dict[str, dict[str, Row]] = {
    "holdout_global": {"policy": {"holdout": EVERYBODY}},
    "holdout_campaign": {"campaign": {"holdout": EVERYBODY}},
}


@pytest.mark.parametrize("reason", HELD_OUT)
def test_whoever_is_held_out_is_promised_nothing_in_a_row(tmp_path, reason):
    told = explained(run(tmp_path, bare(*arrive(), **HELD_OUT[reason])), NOON)
    assert (told["source"], told["outcome"], told["reason"]) == ("match_log", "holdout", reason)
    assert told["earliest_send"] is None
    assert rule(told, "holdout")["passed"] is False


@pytest.mark.parametrize("reason", HELD_OUT)
def test_whoever_is_held_out_is_promised_nothing_where_there_is_no_row(tmp_path, reason):
    """An hour later; nothing had happened then."""
    told = explained(run(tmp_path, bare(*arrive(), **HELD_OUT[reason])), later(NOON, 3600))
    assert told["source"] == "facts"
    assert told["earliest_send"] is None
    assert rule(told, "holdout")["reason"] == reason
    assert reason in told["reasons"]


@pytest.mark.parametrize("reason", HELD_OUT)
def test_whoever_is_held_out_is_promised_nothing_when_another_rule_refused(tmp_path, reason):
    """Suppressed by the quiet hours: when they are over there will be no message either."""
    held_out = HELD_OUT[reason]
    policy = {**held_out.get("policy", {}), "quiet_hours": [NIGHT]}
    when = berlin("2026-06-02 22:30")
    outcome = run(tmp_path, bare(*arrive(when), campaign=held_out.get("campaign"), policy=policy))
    assert outcome.verdicts() == ["suppress quiet_hours"]
    assert explained(outcome, when)["earliest_send"] is None


def test_whoever_is_not_held_out_has_no_such_rule_against_them(tmp_path):
    nobody = {"percent": 0, "salt": "all"}
    told = explained(run(tmp_path, bare(*arrive(), campaign={"holdout": nobody})), later(NOON, 3600))
    assert told["earliest_send"] == later(NOON, 3600)
    assert all(rule["passed"] for rule in told["rules"] if rule["rule"] == "holdout")


# --- the promise

ZONES = ["America/New_York", "Europe/Berlin", "Asia/Tokyo", "Australia/Lord_Howe"]
FRIDAY = "2026-10-23T00:00:00Z"  # two days before Berlin's clocks go back


def window_of(half_hours: tuple[int, int]) -> Row:
    """A daily window that starts so many half hours after midnight and lasts so many."""
    start, end = half_hours[0], sum(half_hours) % 48
    return {"from": f"{start // 2:02d}:{start % 2 * 3}0", "until": f"{end // 2:02d}:{end % 2 * 3}0"}


windows = st.tuples(st.integers(0, 47), st.integers(1, 20)).map(window_of)
caps = st.sampled_from(
    [
        {"id": "day", "scope": "customer", "kind": "calendar", "unit": "day", "limit": 1},
        {"id": "rolling", "scope": "customer", "kind": "rolling", "window_s": 86400, "limit": 1},
        {"id": "gap", "scope": "customer", "kind": "min_gap", "window_s": 14400},
    ]
)


def visit_at(when: str, earlier: list[Row], zone: str, rules: Row) -> Row:
    """Somebody from that zone comes into a fence in Berlin, having had some messages earlier."""
    people = [{"id": CUSTOMER, "timezone": zone}]
    return bare(*earlier, *arrive(when), customers=people, **rules)


def outcome_at(when: str, earlier: list[Row], zone: str, rules: Row) -> str:
    with tempfile.TemporaryDirectory() as folder:
        found = run(Path(folder), visit_at(when, earlier, zone, rules))
        return str(only(rows(found.match_log, at=when))["outcome"])


def holds_what_it_promises(when: str, earlier: list[Row], zone: str, rules: Row) -> None:
    """A ping at the promised instant is sent something, and one a second before it is not."""
    with tempfile.TemporaryDirectory() as folder:
        outcome = run(Path(folder), visit_at(when, earlier, zone, rules))
        promised = explained(outcome, when)["earliest_send"]
        decided = outcome.verdicts()
    if promised is None:
        return
    assert outcome_at(promised, earlier, zone, rules) == "send", (when, promised, decided)
    if decided == ["send"]:
        assert promised == when
    else:
        assert outcome_at(later(promised, -1), earlier, zone, rules) != "send", (when, promised, decided)


@settings(max_examples=25)
@given(windows, st.integers(0, 3 * 86400), st.sampled_from(ZONES))
def test_a_ping_at_the_promised_instant_is_sent_once_it_is_quiet_nowhere(window, second, zone):
    """Quiet where the ping is (Berlin) or where the customer lives: both must be over."""
    holds_what_it_promises(later(FRIDAY, second), [], zone, {"policy": {"quiet_hours": [window]}})


@settings(max_examples=25)
@given(
    windows,
    windows,
    st.lists(caps, max_size=2, unique_by=lambda cap: cap["id"]),
    st.lists(st.integers(1, 90_000), max_size=3),
    st.integers(0, 3 * 86400),
    st.sampled_from(ZONES),
)
def test_a_ping_at_the_promised_instant_is_sent_whatever_else_stood_in_the_way(
    window, daypart, limits, ages_s, second, zone
):
    when = later(FRIDAY, second)
    earlier = [prior_send(later(when, -age_s - 100)) for age_s in ages_s]
    policy = {"quiet_hours": [window], "caps": limits}
    campaign = {"dayparts": [daypart]}
    holds_what_it_promises(when, earlier, zone, {"policy": policy, "campaign": campaign})


def test_the_quiet_hours_of_the_pings_zone_are_promised_an_end(tmp_path):
    """22:30 in Berlin is 16:30 in New York. Berlin is quiet until 08:00, New York from 21:00 (03:00 in Berlin) until
    08:00, which is 14:00 in Berlin."""
    when = berlin("2026-06-02 22:30")
    people = [{"id": CUSTOMER, "timezone": "America/New_York"}]
    outcome = run(tmp_path, bare(*arrive(when), customers=people, policy={"quiet_hours": [NIGHT]}))
    assert outcome.verdicts() == ["suppress quiet_hours"]
    assert explained(outcome, when)["earliest_send"] == berlin("2026-06-03 14:00")


# --- where no row tells where they were


@pytest.mark.parametrize("seconds", [300, 1800], ids=["inside", "outside"])
def test_where_no_row_tells_where_they_were_is_unknown_and_every_other_rule_speaks(tmp_path, seconds):
    walk = [ping(NOON, N50), ping(later(NOON, 600), N500), ping(later(NOON, 660), N500)]
    outcome = run(tmp_path, bare(*walk, the_end(later(NOON, 3600)), policy={"quiet_hours": [NIGHT]}))
    assert [row["kind"] for row in outcome.transitions] == ["enter", "exit"]
    told = explained(outcome, later(NOON, seconds))
    assert (told["source"], told["outcome"], told["reason"], told["geofence_id"]) == ("facts", "no_match", None, None)
    unknown = [one["rule"] for one in told["rules"] if one["passed"] is None]
    assert unknown == ["spatial", "place_policy"]
    assert rule(told, "spatial") == {"rule": "spatial", "passed": None, "status": "unknown"}
    assert all(one["passed"] for one in told["rules"] if one["rule"] not in unknown)
    assert told["earliest_send"] == later(NOON, seconds)


def test_what_else_is_against_it_is_the_reason_where_no_row_tells(tmp_path):
    outcome = run(tmp_path, bare(ping(NOON, N50), the_end(later(NOON, 43_200)), policy={"quiet_hours": [NIGHT]}))
    told = explained(outcome, later(NOON, 10 * 3600))
    assert (told["reason"], told["reasons"]) == ("quiet_hours", ["quiet_hours"])


def test_where_a_row_tells_it_is_told_by_the_row(tmp_path):
    outcome = run(tmp_path, bare(*arrive()))
    where = {"trigger": "enter", "geofence_id": "f1", "timezone": "Europe/Berlin"}
    assert rule(explained(outcome, NOON), "spatial") == {"rule": "spatial", "passed": True, **where}


# --- messages as they stood at that instant


def put_off_and_left(tmp_path) -> Outcome:
    """Put off at 22:00, the customer leaves at 01:00, which cancels it."""
    evening = berlin("2026-06-02 22:00")
    gap = {"id": "gap", "scope": "customer", "kind": "min_gap", "window_s": 14400}
    scenario = bare(
        *arrive(evening),
        ping(later(evening, 10800), N500),
        the_end(later(evening, 43200)),
        campaign={"on_quiet": "defer", "offer": {"expires_after_s": 43200}},
        policy={"quiet_hours": [NIGHT], "caps": [gap]},
    )
    outcome = run(tmp_path, scenario)
    assert only(outcome.messages)["reason"] == "cancelled_left"
    return outcome


@pytest.mark.parametrize(
    ("wall", "count"),
    [("2026-06-02 21:59", 0), ("2026-06-02 22:01", 1), ("2026-06-03 00:59", 1), ("2026-06-03 01:01", 0)],
)
def test_a_message_that_is_cancelled_later_counts_until_then(tmp_path, wall, count):
    told = explained(put_off_and_left(tmp_path), berlin(wall))
    cap = rule(told, "cap gap")
    assert cap["count"] == count
    assert cap["passed"] is (count == 0)
    assert ("cap_min_gap" in told["reasons"]) is (count == 1)


def test_a_message_that_is_put_off_does_not_stand_in_its_own_way(tmp_path):
    """One a day, and this is the one: it goes when the quiet hours end, not a day after it was queued."""
    evening = berlin("2026-06-02 22:00")
    daily = {"id": "gap", "scope": "customer", "kind": "min_gap", "window_s": 86_400}
    put_off = {"on_quiet": "defer", "offer": {"expires_after_s": 43_200}}
    outcome = run(tmp_path, bare(*arrive(evening), campaign=put_off, policy={"quiet_hours": [NIGHT], "caps": [daily]}))
    assert outcome.verdicts() == ["defer quiet_hours"]
    assert explained(outcome, evening)["earliest_send"] == berlin("2026-06-03 08:00")


# --- a folder that was tampered with

BROKEN: dict[str, bytes] = {
    "no JSON": b"{",
    "no UTF-8": b"\xff\xfe\n",
    "a list": b"[]\n",
    "a number": b"42\n",
    "a text": b'"facts"\n',
    "an empty object": b"{}\n",
    "nested too deeply": b"[" * 100_000 + b"\n",
}
CUT_SHORT: Row = {"customer_id": CUSTOMER, "campaign_id": "camp-7"}


def tampered(tmp_path, file: str, content: bytes, when: str) -> Any:
    outcome = run(tmp_path, bare(*arrive()))
    (outcome.folder / file).write_bytes(content)
    who = ["--customer", CUSTOMER, "--campaign", "camp-7", "--at", when]
    return nearcast("explain", *who, "--out", outcome.folder)


@pytest.mark.parametrize("what", BROKEN)
@pytest.mark.parametrize(
    ("file", "when"),
    [("facts.json", NOON), ("match_log.ndjson", NOON)],
    ids=["facts", "log"],
)
def test_a_broken_file_of_a_replay_is_named(tmp_path, file, when, what):
    tampered(tmp_path, file, BROKEN[what], when).refuses(file)


def test_a_line_without_its_keys_is_named(tmp_path):
    file = "match_log.ndjson"
    tampered(tmp_path, file, json.dumps(CUT_SHORT).encode() + b"\n", NOON).refuses(file)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("scenario", {"surprise": 1}),
        ("scenario", None),
        ("sends", [{}]),
        ("sends", 42),
    ],
)
def test_facts_of_another_shape_are_named(tmp_path, key, value):
    """Asked for an instant without a row, for which all of them are needed."""
    facts = json.loads((run(tmp_path, bare(*arrive())).folder / "facts.json").read_text(encoding="utf-8"))
    content = json.dumps({**facts, key: value}).encode()
    tampered(tmp_path, "facts.json", content, later(NOON, 3600)).refuses("facts.json")
