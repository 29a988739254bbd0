"""When nothing is under way, and for how long."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearcast.domain.position import Position
from nearcast.domain.rest import Rest, rest_of
from nearcast.domain.track import stay
from nearcast.domain.visit import RAW, ROBUST, PresenceRules
from tests.domain.builders import later
from tests.domain.ground import Squares, square
from tests.domain.journey import Journey

F = square("f", -10, 10, -10, 10)
IN, OUT = 0.0, 60.0
GAP_300 = replace(ROBUST, gap_s=300, dwell_s=None)


def rest(*pings: tuple[float, float], rules: PresenceRules = ROBUST, ground: Squares | None = None) -> Rest | None:
    walked = Journey(ground or Squares(F), rules)
    for second, lon in pings:
        walked.ping(second, lon)
    return rest_of(walked.track, ground=walked.ground, rules=rules)


def until_s(found: Rest | None) -> float | None:
    assert found is not None
    return None if found.until is None else (found.until - later(0)).total_seconds()


def test_outside_it_rests_for_ever() -> None:
    assert rest((0, OUT)) == Rest(later(0), None, frozenset(), None, Position(0.0, OUT))
    assert rest((0, OUT), rules=RAW) == Rest(later(0), None, frozenset(), None, None)


def test_before_the_first_fix_no_place_is_too_far() -> None:
    found = rest()
    assert found is not None
    assert (found.inside, found.until, found.position) == (frozenset(), None, None)


@pytest.mark.parametrize(
    ("rules", "ends_s"),
    [
        (ROBUST, 1810.0),
        (GAP_300, 310.0),
        (replace(ROBUST, gap_s=60), 70.0),
        (RAW, None),
    ],
)
def test_inside_it_rests_until_silence_would_end_it(rules: PresenceRules, ends_s: float | None) -> None:
    assert until_s(rest((0, IN), (10, IN), rules=rules)) == ends_s


def test_a_long_visit_is_proved_by_when_a_ping_was_recorded_however_late_it_comes_in() -> None:
    walked = Journey(Squares(F), ROBUST)
    walked.ping(0, IN)
    walked.ping(10, IN)
    found = rest_of(walked.track, ground=walked.ground, rules=ROBUST)
    assert found is not None
    assert found.dwells_from == later(120)
    for second, arrives, holds in ((119, 119, True), (119, 1809, True), (119, 1810, False), (120, 120, False)):
        fix = walked.fix(second, IN)
        said = found.holds_for(fix, arrived_at=later(arrives), ground=walked.ground, rules=ROBUST)
        assert said is holds, (second, arrives)
    walked.ping(120, IN)
    found = rest_of(walked.track, ground=walked.ground, rules=ROBUST)
    assert found is not None
    assert found.dwells_from is None


def test_who_was_in_doubt_when_their_visit_grew_long_does_not_rest() -> None:
    walked = Journey(Squares(F), ROBUST)
    walked.ping(0, IN)
    walked.ping(120, OUT, accuracy_m=1000.0)
    assert rest_of(walked.track, ground=walked.ground, rules=ROBUST) is None


def test_inside_it_rests_until_the_geofence_ends() -> None:
    ground = Squares(F)
    ground.close(200, "f")
    assert until_s(rest((0, IN), rules=GAP_300, ground=ground)) == 200.0


def test_an_edit_since_ends_it() -> None:
    ground = Squares(F)
    ground.put(5, replace(F, revision=2))
    assert rest((0, IN), rules=GAP_300, ground=ground) is None
    assert rest((6, IN), rules=GAP_300, ground=ground) is not None


@pytest.mark.parametrize(
    "pings",
    [
        [(0, IN), (60, OUT)],  # leaving
        [(0, IN), (0.1, OUT)],  # quarantined
    ],
)
def test_a_doubt_leaves_no_rest(pings: list[tuple[float, float]]) -> None:
    assert rest(*pings) is None


def test_crossings_leave_no_rest() -> None:
    assert rest((0, OUT), rules=replace(ROBUST, cross_within_s=60)) is None


def test_a_visit_that_ended_by_itself_leaves_no_rest() -> None:
    walked = Journey(Squares(F), replace(GAP_300, lateness_s=10_000))
    for second, lon in ((0, IN), (10, OUT)):
        walked.ping(second, lon)
    walked.wait(400)
    assert walked.track.ended_by_itself
    assert rest_of(walked.track, ground=walked.ground, rules=walked.rules) is None


@pytest.mark.parametrize(
    ("second", "lon", "arrives", "holds"),
    [
        (20, IN, 20, True),
        (20, 5.0, 309, True),
        (10, IN, 20, False),  # not later than the last
        (20, OUT, 20, False),
        (310, IN, 310, False),  # silent for too long
        (20, IN, 310, False),  # known too late
    ],
)
def test_what_holds_inside(second: float, lon: float, arrives: float, holds: bool) -> None:
    walked = Journey(Squares(F), GAP_300)
    walked.ping(0, IN)
    walked.ping(10, IN)
    found = rest_of(walked.track, ground=walked.ground, rules=walked.rules)
    assert found is not None
    said = found.holds_for(walked.fix(second, lon), arrived_at=later(arrives), ground=walked.ground, rules=walked.rules)
    assert said is holds


def test_what_comes_too_fast_does_not_hold_and_each_is_measured_from_the_one_before() -> None:
    walked = Journey(Squares(F), ROBUST)
    walked.ping(0, -150)
    first = rest_of(walked.track, ground=walked.ground, rules=ROBUST)
    assert first is not None

    def holds(found: Rest, second: float, lon: float) -> bool:
        fix = walked.fix(second, lon, lat=50)
        return found.holds_for(fix, arrived_at=fix.at, ground=walked.ground, rules=ROBUST)

    assert (holds(first, 10, 0), holds(first, 1, 0)) == (True, False)
    second = first.then(walked.fix(10, 0, lat=50))
    assert (holds(second, 12, 100), holds(second, 11, 100), holds(first, 11, 100)) == (True, False, True)


STEPS = st.tuples(st.sampled_from([1, 10, 61, 200]), st.sampled_from([IN, 9.0, 10.5, OUT, 300.0]))
LATE_S = st.sampled_from([0, 0, 1, 130, 2000])


@given(
    st.lists(STEPS, max_size=6),
    st.lists(st.tuples(STEPS, LATE_S), min_size=1, max_size=4),
    st.sampled_from([RAW, replace(RAW, dwell_s=120.0), ROBUST, GAP_300]),
)
def test_what_holds_changes_nothing_but_the_track(
    before: list[tuple[int, float]], after: list[tuple[tuple[int, float], int]], rules: PresenceRules
) -> None:
    walked, second = Journey(Squares(F), rules), 0
    for wait_s, lon in before:
        second += wait_s
        walked.ping(second, lon)
    found = rest_of(walked.track, ground=walked.ground, rules=rules)
    arrives = second
    for (wait_s, lon), late_s in after:
        second += wait_s
        arrives = max(arrives, second + late_s)
        fix, arrived_at = walked.fix(second, lon), later(arrives)
        if found is None or not found.holds_for(fix, arrived_at=arrived_at, ground=walked.ground, rules=rules):
            return
        stayed = stay(walked.track, [fix], ground=walked.ground, rules=rules)
        taken = walked.take(fix, arrived_at)
        assert (taken.changes, taken.track) == ((), stayed)
        found = found.then(fix)
