"""Invariants of visits over random streams, both profiles: jitter, jumps, coarse and late and repeated fixes, edits."""

import json
import tempfile
from dataclasses import dataclass
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scenarios.harness import (
    CENTER,
    Outcome,
    Row,
    bare,
    beside,
    campaign_a,
    circle,
    collection,
    consent_event,
    instant,
    later,
    ping,
    polygon,
    ring,
    run,
    the_end,
    walk,
    write_scenario,
)
from tests.scenarios.harness import application as nearcast

START = "2026-06-02T10:00:00Z"
THE_END = the_end(later(START, 100_000))
ANN, BOB = PEOPLE = ["cust-0001", "cust-0002"]
(SOUTH, WEST), (NORTH, EAST) = beside(190, -15), beside(210, 15)
FENCES = [
    circle("circle", CENTER, 100, shop_id="s1"),
    polygon("small", ring(WEST, SOUTH, EAST, NORTH), shop_id="s1", dwell_s=60),
    circle("wide", CENTER, 400, shop_id="s1"),
    circle("far", beside(5000), 150, shop_id="s1"),
]
PLACES = [0, 50, 95, 105, 115, 125, 160, 189, 200, 235, 390, 410, 435, 450, 900, 4900, 5000, 5300]
PAUSES = [1, 5, 10, 19, 20, 21, 45, 60, 119, 120, 121, 300, 400, 1799, 1800, 2000]

both = pytest.mark.parametrize("profile", ["raw", "robust"])
few = settings(max_examples=12)


@dataclass(frozen=True)
class Step:
    """One fix: so long after the one before, so far north and east, heard so much later, perhaps twice."""

    pause_s: int
    north_m: int
    east_m: int
    who: str
    accuracy_m: float | None
    delay_s: int
    repeated: bool


def steps(delays: tuple[int, ...] = (0,), accuracies: tuple[float | None, ...] = (None, 5, 20, 90, 150, 300, 1500)):
    return st.builds(
        Step,
        pause_s=st.sampled_from(PAUSES),
        north_m=st.sampled_from(PLACES),
        east_m=st.integers(-6, 6),
        who=st.sampled_from([ANN, ANN, BOB]),
        accuracy_m=st.sampled_from(accuracies),
        delay_s=st.sampled_from(delays),
        repeated=st.sampled_from([False, False, False, True]),
    )


def streams(**more: Any):
    return st.lists(steps(**more), min_size=2, max_size=20)


LATE = {"delays": (0, 0, 3, 20, 61, 200, 299, 310)}
presences = st.fixed_dictionaries({"dwell_s": st.just(120), "first_seen": st.sampled_from(["enter", "suppress"])})
edits = st.lists(
    st.tuples(
        st.integers(0, 3000), st.sampled_from(["grow", "shrink", "rename", "delete", "withdraw", "grant", "grant"])
    ),
    max_size=4,
)


def fix(step: Step, recorded: str, number: int) -> Row:
    accuracy = {} if step.accuracy_m is None else {"accuracy_m": step.accuracy_m}
    place = beside(step.north_m, step.east_m)
    more: Row = {"customer": step.who, "recorded_at": recorded, "ping_id": f"p{number}", "device_id": "d1", **accuracy}
    return ping(later(recorded, step.delay_s), place, **more)


def pings(stream: list[Step]) -> list[Row]:
    """No two fixes are of one instant, but for those that are sent twice."""
    seconds, numbers, events = 0, count(), []
    for step in stream:
        seconds += step.pause_s
        event = fix(step, later(START, seconds), next(numbers))
        events += [event, event] if step.repeated else [event]
    return events


def edited(changes: list[tuple[int, str]]) -> list[Row]:
    def change(what: str, when: str) -> Row:
        if what == "delete":
            return {"at": when, "geofence_delete": "circle"}
        if what in {"withdraw", "grant"}:
            action = {"withdraw": "withdrawn", "grant": "granted"}[what]
            return consent_event(when, "location.matching", action, customer=ANN)
        radius_m, name = {"grow": (200, "a"), "shrink": (40, "a"), "rename": (100, "b")}[what]
        return {"at": when, "geofence_put": circle("circle", CENTER, radius_m, shop_id="s1", name=name)}

    events, is_there = [], True
    for when, what in sorted(changes):
        if what != "delete" or is_there:
            events.append(change(what, later(START, when)))
        is_there = what != "delete" and (is_there or what in {"grow", "shrink", "rename"})
    return events


def replay(scenario: Row, **more: Any) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        return run(Path(folder), scenario, **more)


def visits(profile: str, presence: Row, *events: Row, **more: Any) -> Row:
    return walk(*events, **{"geofences": FENCES, "presence": {"profile": profile, **presence}, **more})


def shopping(profile: str, presence: Row, *events: Row, **more: Any) -> Row:
    """Campaigns for every kind of transition; nothing but their own rules stops them."""
    free = {key: value for key, value in campaign_a().items() if key not in {"active", "dayparts", "holdout"}}
    kinds = [
        {**free, "id": "on-enter", "trigger": {"on": "enter"}, "re_eligibility_s": 900, "fence_cooldown_s": 600},
        {**free, "id": "on-dwell", "trigger": {"on": "dwell"}, "re_eligibility_s": 0, "fence_cooldown_s": 0},
        {**free, "id": "on-exit", "trigger": {"on": "exit"}, "re_eligibility_s": 0, "fence_cooldown_s": 0},
    ]
    more = {"geofences": collection(*FENCES), "presence": {"profile": profile, **presence}, **more}
    return {**bare(*events, customers=PEOPLE, **more), "campaigns": kinds}


def final(outcome: Outcome) -> set[tuple[str, str, str, str]]:
    return {(row["customer_id"], row["kind"], row["at"], row["geofence_id"]) for row in outcome.transitions}


# --- I1: every visit is an ENTER, at most one DWELL, and an EXIT


def assert_visits_are_well_formed(outcome: Outcome) -> None:
    by_visit: dict[str, dict[str, Row]] = {}
    by_fence: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for row in outcome.transitions:
        visit = by_visit.setdefault(row["visit_id"], {})
        assert row["kind"] not in visit, f"twice: {row}"
        visit[row["kind"]] = row
    for visit in by_visit.values():
        assert "enter" in visit, visit
        assert len({(row["customer_id"], row["geofence_id"]) for row in visit.values()}) == 1
        moments = [visit[kind]["at"] for kind in ("enter", "dwell", "exit") if kind in visit]
        assert [instant(text) for text in moments] == sorted(instant(text) for text in moments)
        stay = (visit["enter"]["at"], visit["exit"]["at"] if "exit" in visit else "open")
        by_fence.setdefault((visit["enter"]["customer_id"], visit["enter"]["geofence_id"]), []).append(stay)
    for stays in by_fence.values():
        for (_, left), (entered, _) in pairwise(sorted(stays)):
            assert left != "open", stays
            assert instant(left) <= instant(entered), stays


@both
@few
@given(stream=streams(**LATE), presence=presences, changes=edits)
def test_i1_enter_dwell_at_most_once_exit(profile, stream, presence, changes):
    assert_visits_are_well_formed(replay(visits(profile, presence, *pings(stream), *edited(changes))))


# --- I2: replaying changes nothing


@both
@few
@given(stream=streams(**LATE), presence=presences, changes=edits)
def test_i2_replay_is_identical(profile, stream, presence, changes):
    with tempfile.TemporaryDirectory() as folder:
        path = write_scenario(Path(folder), shopping(profile, presence, *pings(stream), *edited(changes)))
        for name in ("one", "two"):
            nearcast().replay(scenario=path, pings=[], out=Path(folder, name))
        for file in sorted(Path(folder, "one").iterdir()):
            assert file.read_bytes() == Path(folder, "two", file.name).read_bytes(), file.name


@both
@few
@given(stream=streams(), presence=presences, length=st.integers(1, 19))
def test_i2_what_comes_later_does_not_change_what_was_decided(profile, stream, presence, length):
    whole = replay(shopping(profile, presence, *pings(stream)))
    part = replay(shopping(profile, presence, *pings(stream[:length])))
    decided = {row["decision_id"]: row for row in whole.match_log}
    assert all(decided[row["decision_id"]] == row for row in part.match_log)
    assert [row for row in whole.transitions if row in part.transitions] == part.transitions


# --- I3: the order of arrival does not matter within the window


@both
@few
@given(stream=streams(), presence=presences, random=st.randoms(use_true_random=False))
def test_i3_any_order_of_arrival_gives_the_same_log(profile, stream, presence, random):
    recorded = pings(stream)
    presence = {**presence, "lateness_s": 80_000}
    arriving = list(recorded)
    random.shuffle(arriving)
    shuffled = [{**event, "at": later(START, 40_000 + n)} for n, event in enumerate(arriving)]
    sorted_run = replay(visits(profile, presence, *recorded, THE_END))
    assert final(replay(visits(profile, presence, *shuffled, THE_END))) == final(sorted_run)


@both
@few
@given(stream=streams(**LATE), presence=presences, delay_s=st.sampled_from([0, 7, 40]))
def test_i3_late_pings_end_where_sorted_pings_would(profile, stream, presence, delay_s):
    """What is older than the window counts for nothing, the rest as if it had come in order; no row is there twice."""
    lateness_s = {"raw": 60, "robust": 300}[profile]
    events = pings(stream)
    newest: dict[str, str] = {}
    counted: list[Row] = []
    for event in sorted(events, key=lambda event: (event["at"], event["ping"]["recorded_at"])):
        who, recorded = event["ping"]["customer_id"], event["ping"]["recorded_at"]
        if who not in newest or instant(newest[who]) <= instant(later(recorded, lateness_s)):
            newest[who] = max(newest.get(who, ""), recorded)
            counted.append({"at": recorded, "ping": event["ping"]})
    late = replay(shopping(profile, presence, *events, THE_END, dispatch={"delay_s": delay_s}))
    assert final(late) == final(replay(visits(profile, presence, *counted, THE_END)))
    assert len({row["decision_id"] for row in late.match_log}) == len(late.match_log)
    assert len({message["message_id"] for message in late.messages}) == len(late.messages)


# --- I5, I6: how and where it is written


@few
@given(stream=streams(), shift_deg=st.sampled_from([166.595, -193.405, 150.0]), turn=st.integers(0, 3))
def test_i5_i6_moving_everything_over_the_seam_and_redrawing_rings_changes_nothing(stream, shift_deg, turn):
    """The seam runs through the circles' centre; the small polygon is rotated and reversed besides."""

    def moved(lon: float) -> float:
        return float((lon + shift_deg + 180) % 360 - 180)

    here = pings(stream)
    there = [{**event, "ping": {**event["ping"], "lon": moved(event["ping"]["lon"])}} for event in here]
    fences: list[Row] = []
    for fence in FENCES:
        drawn = fence["geometry"]["coordinates"]
        if fence["geometry"]["type"] == "Point":
            geometry = {"type": "Point", "coordinates": [moved(drawn[0]), drawn[1]]}
        else:
            corners = [[moved(lon), lat] for lon, lat in drawn[0][:-1]]
            corners = (corners[turn:] + corners[:turn])[::-1]
            geometry = {"type": "Polygon", "coordinates": [[*corners, corners[0]]]}
        fences.append({**fence, "geometry": geometry})
    assert final(replay(visits("robust", {}, *there, geofences=fences))) == final(replay(visits("robust", {}, *here)))


# --- I7: how pings are handed in


@both
@few
@given(stream=streams(**LATE), presence=presences, cut=st.integers(0, 20))
def test_i7_files_and_events_give_the_same(profile, stream, presence, cut):
    """Half of the pings in the scenario, the others in two files."""
    events = pings(stream)
    with tempfile.TemporaryDirectory() as folder:
        whole = run(Path(folder, "whole"), shopping(profile, presence, *events))
        files = []
        for n, part in enumerate((events[cut::2], events[cut + 1 :: 2])):
            lines = [_ndjson_line(event) for event in part]
            if lines:
                files.append(Path(folder, f"{n}.ndjson"))
                files[-1].write_text("".join(lines), encoding="utf-8")
        split = run(Path(folder, "split"), shopping(profile, presence, *events[:cut]), pings=files)
        assert split.transitions == whole.transitions
        assert split.match_log == whole.match_log
        assert split.messages == whole.messages


def _ndjson_line(event: Row) -> str:
    return json.dumps({**event["ping"], "received_at": event["at"]}) + "\n"


# --- I8: nothing is decided before it happens


@both
@few
@given(stream=streams(**LATE), presence=presences, changes=edits)
def test_i8_nothing_is_decided_before_it_happens(profile, stream, presence, changes):
    outcome = replay(shopping(profile, presence, *pings(stream), *edited(changes), THE_END))
    for row in [*outcome.transitions, *outcome.match_log]:
        assert instant(row["at"]) <= instant(row["decided_at"]), row
    assert all(row["duration_s"] >= 0 for row in outcome.transitions if row["duration_s"] is not None)
    for message in outcome.sent:
        assert instant(message["queued_at"]) <= instant(message["sent_at"]) < instant(message["expires_at"])
