"""Invariants of visits over random pings in random order, in both profiles (I1, I2, I3, I8, I11, I13, I14)."""

from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from nearcast.domain.ping import Fix
from nearcast.domain.reason import Reason
from nearcast.domain.rest import Rest, rest_of
from nearcast.domain.track import advance
from nearcast.domain.visit import FirstSeen, PresenceRules, Profile, Transition
from nearcast.domain.walk import Stance
from nearcast.store.track_codec import track_from_json, track_to_json
from tests.domain.builders import later
from tests.domain.ground import Squares, square
from tests.domain.journey import Journey, told

LATENESS_S, END_S = 100, 1000
PLACES = (-3.0, 2.0, 7.0, 15.0, 25.0)
IN_A_VISIT = ("enter", "dwell", "exit")


@dataclass(frozen=True)
class Ping:
    """`delay_s` is how long it takes to arrive, at most the window for late ones."""

    second: int
    lon: float
    delay_s: int
    accuracy_m: float
    device: str | None

    @property
    def arrives(self) -> int:
        return self.second + self.delay_s


pings = st.builds(
    Ping,
    st.integers(0, 40).map(lambda step: step * 10),
    st.sampled_from(PLACES),
    st.integers(0, LATENESS_S // 10).map(lambda step: step * 10),
    st.sampled_from([0.0, 2.5, 50.0]),
    st.sampled_from([None, None, "watch"]),
)
streams = st.lists(pings, min_size=1, max_size=12)
presences = st.builds(
    PresenceRules,
    profile=st.sampled_from(Profile),
    max_speed_mps=st.sampled_from([70.0, 0.9]),
    exit_margin_m=st.just(1.0),
    lateness_s=st.just(LATENESS_S),
    dwell_s=st.sampled_from([None, 50.0]),
    gap_s=st.sampled_from([None, 70.0]),
    first_seen=st.sampled_from(FirstSeen),
    cross_within_s=st.sampled_from([None, 60.0]),
)


def unchanging() -> Squares:
    return Squares(square("f", 0, 10), square("g", 5, 20, dwell_s=30))


def with_a_deletion() -> Squares:
    ground = unchanging()
    ground.delete(200, "f")
    ground.put(250, square("f", 0, 10, revision=2))
    return ground


def with_edits() -> Squares:
    ground = unchanging()
    ground.put(150, square("f", -5, 5, revision=2))
    ground.put(200, square("h", 0, 20))
    ground.close(220, "g")
    return ground


grounds = st.sampled_from([unchanging, with_a_deletion, with_edits])


def arrive(stream: list[Ping], ground: Squares, rules: PresenceRules) -> Journey:
    """The pings in the order of their arrival, and silence after them."""
    walked = Journey(ground, rules)
    for ping in sorted(stream, key=lambda ping: ping.arrives):
        walked.ping(ping.second, ping.lon, arrives=ping.arrives, accuracy_m=ping.accuracy_m, device=ping.device)
        check_visits(walked)
    walked.wait(END_S)
    check_visits(walked)
    return walked


def check_visits(walked: Journey) -> None:
    """I1 and I8: visits follow each other; each begins, dwells at most once and ends, nothing before it happens."""
    visits: dict[str, list[Transition]] = defaultdict(list)
    for transition in walked.transitions:
        assert transition.decided_at is not None
        assert transition.at <= transition.decided_at <= walked.now
        if transition.kind != "cross":
            visits[transition.visit_id].append(transition)
    for visit in visits.values():
        visit.sort(key=lambda transition: (transition.at, IN_A_VISIT.index(transition.kind)))
        assert [transition.kind for transition in visit] in (
            ["enter"],
            ["enter", "dwell"],
            ["enter", "exit"],
            ["enter", "dwell", "exit"],
        )
        assert len({transition.geofence_id for transition in visit}) == 1
        if visit[-1].kind == "exit":
            assert visit[-1].duration_s == (visit[-1].at - visit[0].at).total_seconds() >= 0
    by_fence = defaultdict(list)
    for visit in visits.values():
        by_fence[visit[0].geofence_id].append(visit)
    for of_fence in by_fence.values():
        for earlier, following in pairwise(sorted(of_fence, key=lambda visit: visit[0].at)):
            assert earlier[-1].kind == "exit"
            assert earlier[-1].at <= following[0].at


def what_stands(walked: Journey) -> list[tuple[Any, ...]]:
    """All that a permutation of arrivals may not change: everything but names and when it was found out."""
    return [(told(t), t.duration_s, t.geofence_revision) for t in walked.transitions]


@settings(max_examples=100)
@given(streams, grounds, presences)
def test_i3_the_order_of_arrival_does_not_matter_within_the_window(
    stream: list[Ping], ground: Any, rules: PresenceRules
) -> None:
    punctual = [replace(ping, delay_s=0) for ping in stream]
    assert what_stands(arrive(stream, ground(), rules)) == what_stands(arrive(punctual, ground(), rules))


@settings(max_examples=60)
@given(streams, grounds, presences)
def test_i2_pings_that_come_again_change_nothing(stream: list[Ping], ground: Any, rules: PresenceRules) -> None:
    walked = arrive(stream, ground(), rules)
    before = (walked.track, dict(walked.written), list(walked.triggered))
    for ping in stream:
        again = walked.ping(ping.second, ping.lon, accuracy_m=ping.accuracy_m, device=ping.device)
        assert again.refused in (Reason.DUPLICATE_PING, Reason.PING_LATE)
    assert (walked.track, walked.written, walked.triggered) == before


@settings(max_examples=60)
@given(streams, grounds, presences)
def test_i11_a_geofence_that_nobody_touches_changes_nothing(
    stream: list[Ping], ground: Any, rules: PresenceRules
) -> None:
    wider = ground()
    wider.put(0, square("elsewhere", 1000, 2000))
    assert what_stands(arrive(stream, wider, rules)) == what_stands(arrive(stream, ground(), rules))


@settings(max_examples=100)
@given(streams, grounds, presences)
def test_only_pings_in_order_give_offers(stream: list[Ping], ground: Any, rules: PresenceRules) -> None:
    walked = Journey(ground(), rules)
    for ping in sorted(stream, key=lambda ping: ping.arrives):
        newest = walked.track.newest
        step = walked.ping(ping.second, ping.lon, arrives=ping.arrives, device=ping.device)
        if newest is not None and later(ping.second) < newest.at:
            assert not any(change.triggers for change in step.changes)
        assert all(change.transition.may_trigger for change in step.changes if change.triggers)


@settings(max_examples=60)
@given(streams, grounds, presences)
def test_nothing_is_left_after_consent_has_gone(stream: list[Ping], ground: Any, rules: PresenceRules) -> None:
    walked = Journey(ground(), rules)
    for ping in stream:
        walked.ping(ping.second, ping.lon, device=ping.device)
    walked.withdraw(END_S)
    check_visits(walked)
    assert len(walked.visit_ids("enter")) == len(walked.visit_ids("exit"))
    assert (walked.track.newest, walked.track.open_visits) == (None, ())
    assert walked.track.before == walked.track.stance == Stance()


def in_time_order(stream: list[Ping]) -> list[Ping]:
    """One ping of each instant."""
    return sorted({ping.second: replace(ping, delay_s=0) for ping in stream}.values(), key=lambda ping: ping.second)


@settings(max_examples=60)
@given(streams, grounds, presences, st.sampled_from([0.0, 30.0, 10_000.0]))
def test_what_has_settled_may_be_forgotten(
    stream: list[Ping], ground: Any, rules: PresenceRules, lateness_s: float
) -> None:
    ordered = in_time_order(stream)
    walked, as_before = (arrive(ordered, ground(), replace(rules, lateness_s=s)) for s in (lateness_s, LATENESS_S))
    assert what_stands(walked) == what_stands(as_before)
    assert walked.triggered == as_before.triggered


@settings(max_examples=60)
@given(streams, grounds, presences)
def test_a_track_goes_on_from_where_it_was_written_down(stream: list[Ping], ground: Any, rules: PresenceRules) -> None:
    walked, stored = Journey(ground(), rules), Journey(ground(), rules)
    for ping in sorted(stream, key=lambda ping: ping.arrives):
        for journey in (walked, stored):
            journey.ping(ping.second, ping.lon, arrives=ping.arrives, accuracy_m=ping.accuracy_m, device=ping.device)
        read = track_from_json(track_to_json(stored.track), stored.track.tenant_id, stored.track.customer_id)
        assert read == walked.track
        stored.track = read
    assert stored.written == walked.written


@settings(max_examples=100)
@given(streams, grounds, presences, st.sampled_from([2.5, 50.0, 1000.0]))
def test_i13_worse_accuracy_changes_nothing_that_was_undecided(
    stream: list[Ping], ground: Any, rules: PresenceRules, worse_m: float
) -> None:
    walked = Journey(ground(), rules)
    for ping in in_time_order(stream):
        before = walked.track
        fix = walked.fix(ping.second, ping.lon, accuracy_m=ping.accuracy_m)
        step = walked.take(fix)
        if not step.changes:
            worse = replace(fix, accuracy_m=max(worse_m, fix.accuracy_m))
            assert advance(before, worse, ground=walked.ground, rules=rules, now=walked.now).changes == ()


@settings(max_examples=60)
@given(streams, grounds, presences)
def test_i14_every_visit_ends_in_silence(stream: list[Ping], ground: Any, rules: PresenceRules) -> None:
    walked = arrive(stream, ground(), replace(rules, gap_s=70.0))
    assert len(walked.visit_ids("enter")) == len(walked.visit_ids("exit"))
    assert walked.track.open_visits == ()


@settings(max_examples=100)
@given(streams, grounds, presences)
def test_calm_fixes_may_be_taken_later(stream: list[Ping], ground: Any, rules: PresenceRules) -> None:
    walked, waiting = Journey(ground(), rules), Journey(ground(), rules)
    put_off: list[Fix] = []
    rest = rest_of(waiting.track, ground=waiting.ground, rules=rules)
    for ping in in_time_order(stream):
        fix = walked.fix(ping.second, ping.lon, accuracy_m=ping.accuracy_m)
        is_calm = rest is not None and is_within(rest, fix, rules)
        changes = walked.take(fix).changes
        if rest is not None and is_calm:
            assert changes == ()
            put_off.append(fix)
            rest = replace(rest, after=fix.at, position=fix.position if rest.position else None)
            continue
        for late in (*put_off, fix):
            waiting.take(late)
        put_off = []
        rest = rest_of(waiting.track, ground=waiting.ground, rules=rules)
        assert (waiting.track, waiting.written, waiting.triggered) == (walked.track, walked.written, walked.triggered)


def is_within(rest: Rest, fix: Fix, rules: PresenceRules) -> bool:
    ends = [at for at in (rest.dwells_from, rest.until) if at is not None]
    if not (rest.after < fix.at and fix.inside == rest.inside and all(fix.at < at for at in ends)):
        return False
    if rest.position is None:
        return True
    reach_m = rules.max_speed_mps * (fix.at - rest.after).total_seconds()
    return Squares().distance_m(rest.position, fix.position) <= reach_m
