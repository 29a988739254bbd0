"""Invariants over random streams of pings, profile RAW."""

import tempfile
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scenarios.harness import (
    CENTER,
    CUSTOMER,
    N50,
    N99,
    N101,
    N150,
    N300,
    N500,
    Outcome,
    Position,
    Row,
    bare,
    campaign_a,
    circle,
    collection,
    consent_event,
    instant,
    later,
    opted_in,
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
PEOPLE = ["cust-0001", "cust-0002"]
FENCES = [
    circle("circle", CENTER, 100, shop_id="s1"),
    polygon("square", ring(13.4035, 52.5206, 13.4065, 52.5230), shop_id="s1", dwell_s=60),
    circle("wide", CENTER, 400, shop_id="s1"),
]
PLACES: list[Position] = [CENTER, N50, N99, N101, N150, N300, N500]

few = settings(max_examples=25, deadline=None, derandomize=True)
steps = st.tuples(st.integers(1, 400), st.sampled_from(PLACES), st.sampled_from(PEOPLE), st.sampled_from([None, 5, 90]))
streams = st.lists(steps, min_size=1, max_size=25)
presences = st.fixed_dictionaries({"dwell_s": st.just(120), "first_seen": st.sampled_from(["enter", "suppress"])})


def pings(stream: list[tuple[int, Position, str, float | None]]) -> list[Row]:
    """Each step some seconds after the one before, so that no two pings are of one instant."""
    events, seconds = [], 0
    for pause, place, who, accuracy_m in stream:
        seconds += pause
        accuracy = {} if accuracy_m is None else {"accuracy_m": accuracy_m}
        events.append(ping(later(START, seconds), place, customer=who, **accuracy))
    return events


def replay(scenario: Row) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        return run(Path(folder), scenario)


def shopping(events: list[Row], **more: Any) -> Row:
    """Campaigns for every kind of transition, with rules that stop some of them."""
    free = {key: value for key, value in campaign_a().items() if key not in {"active", "dayparts"}}
    kinds = [
        {**free, "id": "on-enter", "trigger": {"on": "enter"}, "re_eligibility_s": 900, "fence_cooldown_s": 600},
        {**free, "id": "on-enter-wide", "trigger": {"on": "enter"}, "geofence_ids": ["wide"], "priority": 60},
        {**free, "id": "on-dwell", "trigger": {"on": "dwell"}, "klass": "loyalty", "budget": {"messages": 2}},
        {**free, "id": "on-exit", "trigger": {"on": "exit"}, "holdout": {"percent": 100, "salt": "all"}},
    ]
    scenario = bare(*events, customers=PEOPLE, geofences=collection(*FENCES), **more)
    return {**scenario, "campaigns": kinds}


def visits_of(outcome: Outcome) -> dict[tuple[str, str], list[Row]]:
    found: dict[tuple[str, str], list[Row]] = {}
    for row in outcome.transitions:
        found.setdefault((row["customer_id"], row["geofence_id"]), []).append(row)
    return found


@few
@given(streams, presences)
def test_i1_enter_dwell_at_most_once_exit(stream, presence):
    for events in visits_of(replay(walk(*pings(stream), geofences=FENCES, presence=presence))).values():
        story = " ".join(row["kind"] for row in events)
        assert story.replace("enter dwell exit", "visit").replace("enter exit", "visit").split() in [
            ["visit"] * n + rest for n in range(len(events) + 1) for rest in ([], ["enter"], ["enter", "dwell"])
        ], story
        times = [instant(row["at"]) for row in events]
        assert times == sorted(times)


@few
@given(streams, presences)
def test_i2_p1_replay_is_identical(stream, presence):
    with tempfile.TemporaryDirectory() as folder:
        path = write_scenario(Path(folder), shopping(pings(stream), presence=presence))
        for name in ("one", "two"):
            nearcast().replay(scenario=path, pings=[], out=Path(folder, name))
        files = sorted(file.name for file in Path(folder, "one").iterdir())
        assert files == sorted(file.name for file in Path(folder, "two").iterdir())
        for file in files:
            assert Path(folder, "one", file).read_bytes() == Path(folder, "two", file).read_bytes(), file


@few
@given(streams, presences, st.integers(1, 24))
def test_i2_what_comes_later_does_not_change_what_was_decided(stream, presence, length):
    """A prefix of the stream gives the prefix of the log."""
    whole = replay(shopping(pings(stream), presence=presence))
    part = replay(shopping(pings(stream[:length]), presence=presence))
    decided = {row["decision_id"]: row for row in whole.match_log}
    assert all(decided[row["decision_id"]] == row for row in part.match_log)
    assert [row for row in whole.transitions if row in part.transitions] == part.transitions


def final(outcome: Outcome) -> set[tuple[str, str, str, str]]:
    return {(row["customer_id"], row["kind"], row["at"], row["geofence_id"]) for row in outcome.transitions}


@few
@given(streams, presences, st.randoms(use_true_random=False))
def test_i3_order_of_arrival_does_not_matter_within_the_window(stream, presence, random):
    """All pings arrive in the second hour, in any order, and the window is three hours long."""
    recorded = pings(stream[:10])

    def arriving(order: list[Row]) -> Row:
        events = [
            {"at": later(START, 5000 + n), "ping": {**event["ping"], "recorded_at": event["at"]}}
            for n, event in enumerate(order)
        ]
        return walk(*events, geofences=FENCES, presence={**presence, "lateness_s": 10800})

    shuffled = list(recorded)
    random.shuffle(shuffled)
    assert final(replay(arriving(shuffled))) == final(replay(arriving(recorded)))
    assert final(replay(arriving(recorded))) == final(replay(walk(*recorded, geofences=FENCES, presence=presence)))


@few
@given(streams, presences, st.lists(st.integers(0, 90), min_size=25, max_size=25))
def test_i8_nothing_is_decided_before_it_happens(stream, presence, delays):
    """With pings that arrive up to a minute and a half after they were recorded, some beyond the window of 60 s."""
    events: list[Row] = [
        {"at": later(event["at"], delay), "ping": {**event["ping"], "recorded_at": event["at"]}}
        for event, delay in zip(pings(stream), delays, strict=False)
    ]
    outcome = replay(shopping(events, presence=presence))
    for row in [*outcome.transitions, *outcome.match_log]:
        assert instant(row["at"]) <= instant(row["decided_at"])
    assert all(row["duration_s"] >= 0 for row in outcome.transitions if row["duration_s"] is not None)
    for message in outcome.sent:
        assert instant(message["queued_at"]) <= instant(message["sent_at"]) < instant(message["expires_at"])


moments = st.tuples(st.integers(1, 25), st.sampled_from(PLACES), st.just(CUSTOMER), st.sampled_from([None, 5, 90]))
on_their_way = st.lists(st.sampled_from([0, 0, 3, 10, 20, 30, 45, 58, 65]), min_size=25, max_size=25)


@few
@given(st.lists(moments, min_size=2, max_size=25), presences, on_their_way, st.sampled_from([0, 7, 40]))
def test_late_pings_end_where_sorted_pings_would(stream, presence, delays, delay_s):
    """Dense streams and the window of 60 s: what is later than that is dropped, the rest might as well have been in
    order; and whatever was recomputed, no row and no message is there twice."""
    events: list[Row] = [
        {"at": later(event["at"], delay), "ping": {**event["ping"], "recorded_at": event["at"]}}
        for event, delay in zip(pings(stream), delays, strict=False)
    ]
    newest = ""
    counted: list[Row] = []
    for event in sorted(events, key=lambda event: (event["at"], event["ping"]["recorded_at"])):
        recorded = event["ping"]["recorded_at"]
        if not newest or instant(newest) <= instant(later(recorded, 60)):
            newest = max(newest, recorded)
            counted.append({"at": recorded, "ping": event["ping"]})
    presence = {**presence, "dwell_s": 30}
    late = replay(shopping([*events, the_end(later(START, 9000))], presence=presence, dispatch={"delay_s": delay_s}))
    assert final(late) == final(replay(walk(*counted, geofences=FENCES, presence=presence)))
    assert len({row["decision_id"] for row in late.match_log}) == len(late.match_log)
    assert len({message["message_id"] for message in late.messages}) == len(late.messages)
    entered = [row["visit_id"] for row in late.transitions if row["kind"] == "enter"]
    assert len(entered) == len(set(entered))


@few
@given(
    st.lists(moments, min_size=2, max_size=20),
    presences,
    on_their_way,
    st.lists(st.tuples(st.integers(0, 300), st.sampled_from(["granted", "withdrawn"])), max_size=6),
)
def test_i1_visits_never_overlap_however_consent_changes(stream, presence, delays, changes):
    events: list[Row] = [
        {"at": later(event["at"], delay), "ping": {**event["ping"], "recorded_at": event["at"]}}
        for event, delay in zip(pings(stream), delays, strict=False)
    ]
    ledger = [consent_event(later(START, seconds), "location.matching", action) for seconds, action in changes]
    outcome = replay(walk(*events, *ledger, geofences=FENCES, presence=presence))
    for rows_of_fence in visits_of(outcome).values():
        entered = {row["visit_id"]: row["at"] for row in rows_of_fence if row["kind"] == "enter"}
        left = {row["visit_id"]: row["at"] for row in rows_of_fence if row["kind"] == "exit"}
        assert set(left) <= set(entered)
        stays = sorted((begin, left.get(visit, "open")) for visit, begin in entered.items())
        assert all(end <= begin for (_, end), (begin, _) in pairwise(stays)), stays


CONSENTS = st.lists(
    st.tuples(
        st.integers(0, 4000),
        st.sampled_from(["location.matching", "marketing.nearby"]),
        st.sampled_from(["granted", "confirmed", "withdrawn"]),
    ),
    max_size=8,
)


def may_be_live(events: list[Row], purpose: str, now: str) -> bool:
    """What must at least hold for consent: no withdrawal last; for marketing a confirmation that follows a grant or
    stands first, for location a grant."""
    past = sorted(
        (line for line in events if line["purpose"] == purpose and instant(line["at"]) <= instant(now)),
        key=lambda line: (instant(line["at"]), line["action"] == "withdrawn"),
    )
    actions = [line["action"] for line in past]
    last = max((n for n, action in enumerate(actions) if action == "withdrawn"), default=-1)
    since = actions[last + 1 :]
    if purpose == "location.matching":
        return bool({"granted", "confirmed"} & set(since))
    follows = any(pair == ("granted", "confirmed") for pair in pairwise(since))
    return follows or (last == -1 and since[:1] == ["confirmed"])


@few
@given(streams, CONSENTS, st.booleans(), st.sampled_from([0, 7, 300]))
def test_i10_no_message_without_live_consent(stream, changes, starts_opted_in, delay_s):
    changing = [
        consent_event(later(START, seconds), purpose, action, customer=CUSTOMER) for seconds, purpose, action in changes
    ]
    known = [line for who in PEOPLE if who != CUSTOMER or starts_opted_in for line in opted_in(who)]
    events = [*pings(stream), *changing, the_end(later(START, 20000))]
    outcome = replay(shopping(events, consents=known, dispatch={"delay_s": delay_s}))
    for message in outcome.sent:
        theirs = [line for line in known if line["customer_id"] == message["customer_id"]]
        if message["customer_id"] == CUSTOMER:
            theirs += [event["consent"] for event in changing]
        assert may_be_live(theirs, "marketing.nearby", message["sent_at"])
        assert may_be_live(theirs, "location.matching", message["sent_at"])


@few
@given(streams, presences)
def test_i14_with_a_gap_every_visit_is_closed_in_the_end(stream, presence):
    events = [*pings(stream), the_end(later(START, 100_000))]
    outcome = replay(walk(*events, geofences=FENCES, presence={**presence, "gap_s": 600}))
    entered = {row["visit_id"] for row in outcome.transitions if row["kind"] == "enter"}
    left = [row["visit_id"] for row in outcome.transitions if row["kind"] == "exit"]
    assert entered == set(left)
    assert len(left) == len(entered)


@few
@given(streams)
def test_p4_every_opportunity_has_exactly_one_row(stream):
    """One transition × each campaign for its kind and fence = one row with an outcome, and a reason unless sent."""
    outcome = replay(shopping(pings(stream)))
    expected: Counter[tuple[str, ...]] = Counter()
    for row in outcome.transitions:
        names = {"enter": ["on-enter", "on-enter-wide"], "dwell": ["on-dwell"], "exit": ["on-exit"]}[row["kind"]]
        for name in names:
            if name != "on-enter-wide" or row["geofence_id"] == "wide":
                expected[row["customer_id"], row["geofence_id"], row["kind"], row["at"], name] += 1
    keys = ("customer_id", "geofence_id", "trigger", "at", "campaign_id")
    assert Counter(tuple(row[key] for key in keys) for row in outcome.match_log) == expected
    assert len({row["decision_id"] for row in outcome.match_log}) == len(outcome.match_log)
    for row in outcome.match_log:
        assert row["outcome"] in {"send", "defer", "suppress", "holdout"}
        assert row["outcome"] == "send" or row["reason"]
    assert sum(outcome.summary["outcomes"].values()) == len(outcome.match_log)


@few
@given(streams)
def test_at_most_one_message_per_customer_and_instant(stream):
    outcome = replay(shopping(pings(stream)))
    assert max(Counter((m["customer_id"], m["queued_at"]) for m in outcome.messages).values(), default=0) <= 1
    assert len({message["message_id"] for message in outcome.messages}) == len(outcome.messages)
    sends = {row["message_id"] for row in outcome.match_log if row["outcome"] == "send"}
    assert sends == {message["message_id"] for message in outcome.messages}
