"""Several things at one instant: what a customer's devices say, what a shop edits, and the order in a file."""

import json
import tempfile
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.e2e.shell import write_ndjson
from tests.scenarios.harness import (
    CENTER,
    CUSTOMER,
    N50,
    N150,
    N300,
    N500,
    Outcome,
    Position,
    Row,
    at,
    bare,
    campaign_a,
    circle,
    collection,
    consent_event,
    only,
    ping,
    prior_send,
    rows,
    run,
    the_end,
)

SHOP_FENCE = circle("f", CENTER, 100, shop_id="s1")
FOUR = ["transitions.ndjson", "match_log.ndjson", "messages.ndjson", "summary.json"]


def shopping(*events: Row, **more: Any) -> Row:
    """A campaign on the circle F of the tables, and no rule that could stop it."""
    return bare(*events, geofences=collection(SHOP_FENCE), **more)


# --- the order of a file

FENCES = [
    SHOP_FENCE,
    circle("wide", CENTER, 400, shop_id="s1", dwell_s=20),
    circle("north", N150, 60, shop_id="s1", active_hours="00:00-12:01"),
]
PLACES: list[Position] = [CENTER, N50, N150, N300, N500]


def campaign(campaign_id: str, on: str, **more: Any) -> Row:
    free = {key: value for key, value in campaign_a().items() if key not in {"active", "dayparts", "holdout"}}
    return {**free, "id": campaign_id, "trigger": {"on": on}, "re_eligibility_s": 30, "fence_cooldown_s": 0, **more}


def busy(events: list[Row]) -> Row:
    """Rivals on every transition, held and dropped by a cap that is soon free again."""
    caps = [{"id": "pause", "scope": "customer", "kind": "min_gap", "window_s": 40}]
    scenario = bare(
        *events,
        customers=[CUSTOMER, "cust-0002"],
        geofences=collection(*FENCES),
        presence={"dwell_s": 40, "gap_s": 60, "lateness_s": 60},
        policy={"caps": caps},
    )
    campaigns = [
        campaign("enter", "enter", on_cap="hold"),
        campaign("wide", "enter", geofence_ids=["wide"], priority=60),
        campaign("dwell", "dwell", klass="loyalty"),
        campaign("exit", "exit", on_cap="hold"),
    ]
    return {**scenario, "campaigns": campaigns}


def clock(seconds: int) -> str:
    return at(f"{seconds // 60:02d}:{seconds % 60:02d}")


@st.composite
def crowded_pings(draw: st.DrawFn) -> list[Row]:
    """Many pings at few instants: several devices, several customers, some recorded a little earlier."""
    events = []
    for _ in range(draw(st.integers(4, 14))):
        arrives_s = draw(st.sampled_from([60, 80, 100, 120, 140]))
        recorded_s = arrives_s - draw(st.sampled_from([0, 0, 10, 70]))
        more = {
            "device_id": draw(st.sampled_from(["a", "b", None])),
            "ping_id": draw(st.sampled_from(["p1", "p2", None, None])),
            "accuracy_m": draw(st.sampled_from([5, 20, 90, None])),
        }
        known = {key: value for key, value in more.items() if value is not None}
        place, who = draw(st.sampled_from(PLACES)), draw(st.sampled_from([CUSTOMER, "cust-0002"]))
        events.append(ping(clock(arrives_s), place, customer=who, recorded_at=clock(recorded_s), **known))
    return events


@st.composite
def crowded(draw: st.DrawFn) -> list[Row]:
    """And, at those instants, at most one edit, one consent and one message of somebody else's."""
    grown = circle("f", CENTER, draw(st.sampled_from([40, 200])), shop_id="s1")
    others: list[Row] = [
        {"at": at("01:20"), "geofence_put": grown},
        {"at": at("01:40"), "geofence_delete": "north"},
        {"at": at("02:00"), "campaign": {"id": "exit", "action": "pause"}},
        consent_event(at("01:20"), "location.matching", "withdrawn"),
        consent_event(at("01:40"), "location.matching", "granted"),
        prior_send(at("01:40")),
    ]
    return [
        *draw(crowded_pings()),
        *draw(st.lists(st.sampled_from(others), unique_by=json.dumps)),
        the_end(at("05:00")),
    ]


def files(scenario: Row) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        out = run(Path(folder), scenario).folder
        return {name: (out / name).read_bytes() for name in FOUR}


@settings(max_examples=50)
@given(crowded(), st.randoms(use_true_random=False))
def test_the_order_of_a_file_decides_nothing(events, random):
    """Pings come in any order and anywhere between the rest. The ledger names its lines by their place in the file, so
    the rest keeps its own order."""
    others = iter([event for event in events if "ping" not in event])
    shuffled = random.sample(events, len(events))
    listed = [event if "ping" in event else next(others) for event in shuffled]
    assert files(busy(listed)) == files(busy(events))


@settings(max_examples=20)
@given(crowded_pings(), st.integers(1, 13))
def test_whether_pings_stand_in_the_scenario_or_in_files_decides_nothing(events, first):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = [{"received_at": event["at"], **event["ping"]} for event in events]
        paths = [write_ndjson(folder / f"{n}.ndjson", part) for n, part in enumerate([lines[first:], lines[:first]])]
        apart = run(folder, busy([the_end(at("05:00"))]), pings=paths)
        together = run(folder, busy([*events, the_end(at("05:00"))]), out="together")
        assert (apart.transitions, apart.match_log) == (together.transitions, together.match_log)
        assert apart.messages == together.messages


COARSE_INSIDE: Row = {"position": N50, "accuracy_m": 50}
EXACT_OUTSIDE: Row = {"position": N500, "accuracy_m": 5}


@pytest.mark.parametrize("recorded", ["10:00", "09:50"])
@pytest.mark.parametrize("order", [1, -1])
def test_a_place_that_a_better_fix_denies_at_once_was_never_entered(tmp_path, order, recorded):
    """Both at one instant from one device: no visit, so no row and no message either."""
    pair = [ping(at("10:00"), recorded_at=at(recorded), **fix) for fix in (COARSE_INSIDE, EXACT_OUTSIDE)]
    outcome = run(tmp_path, shopping(ping(at("09:00"), N500), *pair[::order]))
    assert outcome.transitions == outcome.match_log == outcome.messages == []
    assert outcome.refused == {"duplicate_ping": 1}


@pytest.mark.parametrize("order", [1, -1])
def test_the_first_of_two_equally_exact_places_is_the_same_in_either_order(tmp_path, order):
    pair = [ping(at("10:00"), N50, ping_id="p1"), ping(at("10:00"), N500, ping_id="p2")]
    outcome = run(tmp_path, shopping(*pair[::order]))
    assert outcome.story() == ["enter f 10:00"]


# --- three devices


IN_OUT_IN = [
    ping(at("10:00"), N50, device_id="a"),
    ping(at("10:00"), N500, device_id="b"),
    ping(at("10:00"), N50, device_id="c"),
]


def visits(outcome: Outcome) -> dict[str, list[str]]:
    """The kinds of each visit's transitions."""
    found: dict[str, list[str]] = {}
    for row in outcome.transitions:
        found.setdefault(row["visit_id"], []).append(row["kind"])
    return found


@pytest.mark.parametrize("listed", list(permutations(IN_OUT_IN)))
def test_three_devices_at_one_instant_make_two_visits(tmp_path, listed):
    """In, out, in again: one visit is over, another open, and each has a name of its own."""
    outcome = run(tmp_path, shopping(*listed))
    assert sorted(visits(outcome).values()) == [["enter"], ["exit", "enter"]]
    assert {row["at"] for row in outcome.transitions} == {at("10:00")}


def test_what_three_devices_said_stays_decided_when_it_was(tmp_path):
    """Later pings do not write the same transitions anew."""
    outcome = run(tmp_path, shopping(*IN_OUT_IN, ping(at("11:00"), N50, device_id="a"), ping(at("12:00"), N500)))
    assert outcome.story() == ["exit f 10:00", "enter f 10:00", "enter f 10:00", "exit f 12:00"]
    assert [row["decided_at"] for row in outcome.transitions] == [at("10:00")] * 3 + [at("12:00")]
    assert sorted(map(sorted, visits(outcome).values())) == [["enter", "exit"], ["enter", "exit"]]


def test_three_devices_at_one_instant_are_sent_one_message(tmp_path):
    outcome = run(tmp_path, shopping(*IN_OUT_IN))
    assert len(outcome.sent) == 1
    assert len({row["decision_id"] for row in outcome.match_log}) == len(outcome.match_log)


# --- deleted and put again


def made_anew(*pings: Row) -> Row:
    """Inside at 09:00; at 10:00 the fence is deleted and made again as it was."""
    edits: list[Row] = [{"at": at("10:00"), "geofence_delete": "f"}, {"at": at("10:00"), "geofence_put": SHOP_FENCE}]
    campaigns = [campaign("enter", "enter", re_eligibility_s=0), campaign("exit", "exit")]
    return {**shopping(ping(at("09:00"), N50), *edits, *pings), "campaigns": campaigns}


@pytest.mark.parametrize("pings", [[], [ping(at("11:00"), N50)], [ping(at("11:00"), N500)]])
def test_a_fence_deleted_and_put_again_at_once_keeps_the_exit_as_written(tmp_path, pings):
    """The exit is the old fence's, whatever is known afterwards."""
    outcome = run(tmp_path, made_anew(*pings, the_end(at("20:00"))))
    leave = only(rows(outcome.transitions, kind="exit", at=at("10:00")))
    assert (leave["reason"], leave["decided_at"]) == ("fence_deleted", at("10:00"))
    assert leave["geofence_revision"] == 1
    assert leave["visit_id"] == rows(outcome.transitions, kind="enter")[0]["visit_id"]


def test_a_fence_deleted_and_put_again_at_once_triggers_nothing(tmp_path):
    """Neither the exit nor the enter that follows is the customer's doing."""
    outcome = run(tmp_path, made_anew(ping(at("11:00"), N50), the_end(at("20:00"))))
    assert outcome.story() == ["enter f 09:00", "exit f 10:00", "enter f 11:00"]
    assert rows(outcome.transitions, kind="enter")[1]["geofence_revision"] == 2
    assert [row["at"] for row in outcome.match_log] == [at("09:00")]
