"""When nothing is under way, and for how long."""

from dataclasses import replace

import pytest

from nearcast.domain.position import Position
from nearcast.domain.rest import Rest, rest_of
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
    assert rest((0, OUT)) == Rest(later(0), frozenset(), None, Position(0.0, OUT))
    assert rest((0, OUT), rules=RAW) == Rest(later(0), frozenset(), None, None)


def test_before_the_first_fix_no_place_is_too_far() -> None:
    found = rest()
    assert found is not None
    assert (found.inside, found.until, found.position) == (frozenset(), None, None)


@pytest.mark.parametrize(
    ("rules", "ends_s"),
    [
        (ROBUST, 120.0),
        (GAP_300, 310.0),
        (replace(ROBUST, gap_s=60), 70.0),
        (RAW, None),
    ],
)
def test_inside_it_rests_until_dwelling_or_silence_would_change_it(rules: PresenceRules, ends_s: float | None) -> None:
    assert until_s(rest((0, IN), (10, IN), rules=rules)) == ends_s


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
