"""Visits in profile ROBUST: each number with a case on both sides of it."""

from dataclasses import replace
from typing import Any

import pytest

from nearcast.domain.geofence import Geofence
from nearcast.domain.ids import GeofenceId
from nearcast.domain.ping import Fix
from nearcast.domain.position import Position
from nearcast.domain.visit import ROBUST, FirstSeen, PresenceRules
from tests.domain.builders import later
from tests.domain.ground import Squares, square
from tests.domain.journey import Journey

TEN_M = 10.0  # to a degree, so that there is room enough


class Field(Squares):
    """Ten metres to a degree."""

    def distance_m(self, start: Position, end: Position) -> float:
        return TEN_M * super().distance_m(start, end)

    def clearance_m(self, geofence: Geofence, position: Position) -> float:
        return TEN_M * super().clearance_m(geofence, position)

    def depth_m(self, geofence: Geofence) -> float:
        return TEN_M * super().depth_m(geofence)

    def crossed(self, start: Fix, end: Fix, within_m: float) -> list[tuple[GeofenceId, float]]:
        return super().crossed(start, end, within_m / TEN_M)


def field(geofence_id: str, width_m: float, **more: Any) -> Geofence:
    """As wide as high, from 0 eastwards."""
    half = width_m / TEN_M / 2
    return square(geofence_id, 0, 2 * half, -half, half, **more)


F = field("f", 100)  # 50 m deep: margins of 20 m; a fix is decisive up to 50 m, evidence up to 100 m
WIDE = field("f", 400)  # 200 m deep: margins of 20 m as well
VAST = field("f", 420)  # 210 m deep: a tenth of it is 21 m
IN, OUT, FAR = 50.0, 220.0, 500.0
UNDATED = replace(ROBUST, dwell_s=None)


def journey(*pings: tuple[float, ...], ground: Field | None = None, rules: PresenceRules = UNDATED) -> Journey:
    """Pings as (second, metres east) or (second, metres east, accuracy)."""
    walked = Journey(ground or Field(F), rules)
    for ping in pings:
        hear(walked, *ping)
    return walked


def hear(walked: Journey, second: float, east_m: float, accuracy_m: float = 0.0) -> None:
    walked.ping(second, east_m / TEN_M, accuracy_m=accuracy_m)


# --- arrival


@pytest.mark.parametrize(
    ("pings", "story"),
    [
        ([(60, IN, 50)], ["enter f 60"]),
        ([(60, IN, 50.1)], []),
        ([(60, IN, 100), (180, IN, 100)], ["enter f 180"]),
        ([(60, IN, 100), (180.1, IN, 100)], []),
        ([(60, IN, 100), (180, IN, 100.1)], []),
        ([(60, IN, 100.1), (180, IN, 100)], []),
        ([(60, IN, 100), (100, IN, 1000), (180, IN, 100)], ["enter f 180"]),  # the one between says nothing
        ([(60, IN, 100), (100, OUT, 100), (180, IN, 100)], ["enter f 180"]),
        ([(60, IN, 100), (90, OUT), (110, OUT), (170, IN, 100)], ["enter f 170"]),
        ([(60, IN, 1000), (70, IN, 8)], ["enter f 70"]),
        ([(60, IN, 100), (200, IN, 100), (320, IN, 100)], ["enter f 320"]),
        ([(60, OUT, 100), (70, IN, 100)], []),
    ],
)
def test_a_coarse_fix_enters_only_where_another_corroborates_it(
    pings: list[tuple[float, ...]], story: list[str]
) -> None:
    assert journey((0, OUT), *pings).story() == story


def test_what_a_visit_was_entered_with_does_not_enter_again() -> None:
    walked = journey((0, OUT), (60, IN, 100), (70, IN, 100), (80, FAR), (90, FAR), (100, IN, 100))
    assert walked.story() == ["enter f 70", "exit f 80"]
    hear(walked, 110, IN, 100)
    assert walked.story() == ["enter f 70", "exit f 80", "enter f 110"]


@pytest.mark.parametrize("accuracy_m", [0, 100, 1000])
@pytest.mark.parametrize("first_seen", FirstSeen)
def test_whoever_stands_there_at_first_sight_is_initial_however_long_it_takes_to_be_sure(
    accuracy_m: float, first_seen: FirstSeen
) -> None:
    rules = replace(UNDATED, first_seen=first_seen)
    walked = journey((0, IN, accuracy_m), (60, IN, 100), (70, IN), (80, FAR), (90, FAR), rules=rules)
    entered_s = {0: 0, 100: 60, 1000: 70}[int(accuracy_m)]
    told = [f"enter f {entered_s} initial", "exit f 80"]
    assert walked.story() == (told if first_seen is FirstSeen.ENTER else [])


def test_whoever_left_before_it_was_sure_is_not_initial() -> None:
    assert journey((0, IN, 100), (50, FAR), (100, IN)).story() == ["enter f 100"]


# --- departure


@pytest.mark.parametrize(
    ("fence", "first", "story"),
    [
        (F, 119.9, []),
        (F, 120.0, ["exit f 60"]),
        (WIDE, 419.9, []),
        (WIDE, 420.0, ["exit f 60"]),
        (VAST, 440.9, []),
        (VAST, 441.0, ["exit f 60"]),
    ],
)
@pytest.mark.parametrize("accuracy_m", [0.0, 30.0])
def test_an_exit_is_clear_by_the_accuracy_and_the_larger_margin(
    fence: Any, first: float, accuracy_m: float, story: list[str]
) -> None:
    away = first + accuracy_m
    walked = journey((0, IN), (60, away, accuracy_m), (61, away, accuracy_m), ground=Field(fence))
    assert walked.story()[1:] == story


@pytest.mark.parametrize(
    ("pings", "story"),
    [
        ([(60, OUT)], []),
        ([(60, OUT), (61, OUT)], ["exit f 60"]),
        ([(60, OUT), (79.9, 110)], []),
        ([(60, OUT), (80, 110)], ["exit f 60"]),
        ([(60, OUT), (80, IN)], []),
        ([(60, OUT), (80, IN, 5000)], []),  # inside, however coarse
        ([(60, OUT), (70, 110), (80, OUT)], []),  # not one after the other
        ([(60, OUT), (70, 110), (80, OUT), (81, OUT)], ["exit f 80"]),
        ([(60, OUT), (70, IN), (80, OUT)], []),
        ([(60, 110), (120, 110), (500, 110)], []),  # undecided for ever
        ([(60, OUT, 101)], []),
        ([(60, 480, 122), (61, 480, 122)], ["exit f 60"]),  # far enough out to be decisive
        ([(60, OUT), (80, FAR, 5000)], ["exit f 60"]),
    ],
)
def test_an_exit_is_confirmed_by_the_next_fix(pings: list[tuple[float, ...]], story: list[str]) -> None:
    walked = journey((0, IN), *pings)
    assert walked.story()[1:] == story
    if story:
        assert walked.transitions[-1].decided_at == later(pings[-1][0])
        assert walked.triggered[1:] == story


def test_the_margin_is_a_setting() -> None:
    out = ((0, IN), (60, 150), (61, 150))
    assert journey(*out, rules=replace(UNDATED, exit_margin_m=50)).story()[1:] == ["exit f 60"]
    assert journey(*out, rules=replace(UNDATED, exit_margin_m=50.1)).story()[1:] == []


def test_somebody_at_the_border_enters_once() -> None:
    at_the_border = [(60 + n, 99 if n % 2 else 110, 15) for n in range(60)]
    assert journey((0, OUT), *at_the_border).story() == ["enter f 61"]
    assert len(journey((0, OUT), *at_the_border, rules=PresenceRules()).story()) == 59


# --- dwell


@pytest.mark.parametrize(
    ("pings", "dwells"),
    [
        ([(119, IN)], []),
        ([(120, IN)], ["dwell f 120 initial"]),
        ([(60, OUT), (130, IN)], ["dwell f 120 initial"]),  # one fix outside cancels nothing
        ([(60, OUT), (61, OUT), (130, IN), (200, IN)], []),
        ([(130, 110)], []),
        ([(115, OUT), (125, OUT)], []),
        ([(130, IN), (500, IN)], ["dwell f 120 initial"]),
    ],
)
def test_dwell_counts_from_the_enter_and_ends_with_the_exit(pings: list[tuple[float, ...]], dwells: list[str]) -> None:
    walked = journey((0, IN), *pings, rules=ROBUST)
    assert [told for told in walked.story() if told.startswith("dwell")] == dwells


# --- jumps


@pytest.mark.parametrize(
    ("pings", "story"),
    [
        ([(0, -400), (6.25, 37.5)], ["enter f 6.25"]),  # 70 m/s
        ([(0, -400), (6.24, 37.5)], []),
        ([(0, -400), (6.24, 37.5), (7, 38)], ["enter f 6.24"]),
        ([(0, -400), (6.24, 37.5), (7, -400)], []),
        ([(0, -400), (6.24, 37.5), (60, -400)], []),  # it could have come back, but never left
        ([(0, -400), (6.24, 37.5), (7, -400), (8, -400), (30, IN)], ["enter f 30"]),
        ([(0, -400), (5, IN), (6, 300), (7, 300)], []),  # neither agrees with the first
        ([(0, -400), (5, 500), (6, IN), (7, IN)], ["enter f 6"]),
        ([(0, -400), (5, 500), (7, IN)], ["enter f 7"]),  # from outside to outside is a jump too
        ([(0, -400), (5, IN), (10, 150)], ["enter f 5"]),
        ([(0, IN), (5, 500), (6, IN), (7, IN)], ["enter f 0 initial"]),
        ([(0, IN), (5, 500), (6, 500)], ["enter f 0 initial", "exit f 5"]),
        ([(0, IN), (5, 500, 5000), (6, IN)], ["enter f 0 initial"]),
    ],
)
def test_a_fix_after_a_jump_waits_for_the_next_one(pings: list[tuple[float, ...]], story: list[str]) -> None:
    assert journey(*pings).story() == story


def test_a_quarantined_fix_is_kept_and_known() -> None:
    walked = journey((0, -400), (5, IN))
    stance = walked.track.stance
    assert (stance.last, stance.quarantined) == walked.track.fixes
    assert walked.triggered == []
    hear(walked, 6, IN)
    assert walked.track.stance.quarantined is None
    assert walked.triggered == ["enter f 5"]


def test_the_speed_limit_is_a_setting_and_none_of_profile_raw() -> None:
    assert journey((0, -400), (5, IN), rules=replace(UNDATED, max_speed_mps=90)).story() == ["enter f 5"]
    assert journey((0, -400), (5, IN), rules=PresenceRules()).story() == ["enter f 5"]


def test_a_crossing_is_never_across_a_jump() -> None:
    crossing = replace(UNDATED, cross_within_s=60)
    assert journey((0, -100), (10, 200), rules=crossing).story() == ["cross f 5"]
    assert journey((0, -100), (2, 200), (3, 200), rules=crossing).story() == []
    assert journey((0, -100), (5, 500), (10, 150), rules=crossing).story() == []


def test_a_crossing_is_never_across_a_silence() -> None:
    walked = journey((0, -100), (100, 200), rules=replace(UNDATED, cross_within_s=200, gap_s=100))
    assert walked.story() == []


# --- silence


@pytest.mark.parametrize(("second", "exits"), [(1799.9, []), (1800, ["exit f 0 inferred gap"])])
def test_silence_ends_a_visit_where_it_was_last_certain(second: float, exits: list[str]) -> None:
    walked = journey((0, IN))
    walked.wait(second)
    assert walked.story()[1:] == exits


def test_who_was_heard_of_is_not_silent_wherever_it_was_from() -> None:
    walked = journey((0, IN), (1795, IN), (1796, 500))
    walked.wait(3595.9)
    assert walked.story() == ["enter f 0 initial"]
    walked.wait(3596)
    assert walked.story() == ["enter f 0 initial", "exit f 1795 inferred gap"]
    hear(walked, 3597, 500)  # too late to say that it was there
    assert walked.story() == ["enter f 0 initial", "exit f 1795 inferred gap"]


def test_a_fix_that_is_dropped_broke_the_silence() -> None:
    slow = replace(UNDATED, gap_s=100, max_speed_mps=1)
    assert journey((0, IN), (60, 500), (120, IN), rules=slow).story() == ["enter f 0 initial"]
    assert journey((0, IN), (120, IN), rules=slow).story()[1:] == ["exit f 0 inferred gap", "enter f 120"]


def test_a_silence_before_a_jump_stays_one() -> None:
    walked = journey((0, IN), (2000, 500), (2010, IN), rules=replace(UNDATED, max_speed_mps=0.1))
    assert walked.story() == ["enter f 0 initial", "exit f 0 inferred gap", "enter f 2010"]


# --- geofences that change


def test_a_geofence_drawn_away_from_somebody_ends_the_visit_at_the_next_ping() -> None:
    ground = Field(F)
    ground.put(100, field("f", 40, revision=2))
    walked = journey((0, IN), (200, IN), ground=ground)
    assert walked.story() == ["enter f 0 initial", "exit f 200 fence_changed"]
    assert walked.triggered == ["enter f 0 initial"]
    assert walked.transitions[-1].geofence_revision == 2


def test_somebody_at_the_border_has_not_left_because_it_was_drawn_closer() -> None:
    ground = Field(F)
    ground.put(100, field("f", 40, revision=2))
    walked = journey((0, IN), (60, 110), (200, 110), (210, 110), ground=ground)
    assert walked.story() == ["enter f 0 initial", "exit f 200 fence_changed"]
    assert walked.triggered == ["enter f 0 initial"]


def test_a_geofence_drawn_round_somebody_gives_no_offer_however_long_it_takes_to_be_sure() -> None:
    ground = Field()
    ground.put(100, F)
    for pings in ([(200, IN)], [(200, IN, 100), (210, IN, 100)], [(200, IN, 1000), (210, IN, 1000), (220, IN)]):
        walked = journey((0, IN), *pings, ground=ground)
        assert walked.story() == [f"enter f {pings[-1][0]} initial"]
        assert walked.triggered == []


def test_a_fix_in_what_it_was_corroborates_nothing_in_what_it_is() -> None:
    ground = Field(F)
    ground.put(100, field("f", 110, revision=2))
    assert journey((0, OUT), (90, IN, 100), (110, IN, 100), ground=ground).story() == []
    assert journey((0, OUT), (90, IN, 100), (110, IN, 100), (120, IN, 100), ground=ground).story() == ["enter f 120"]


@pytest.mark.parametrize(("change", "reason"), [("delete", "fence_deleted"), ("close", "inactive")])
def test_a_geofence_that_ends_ends_the_visit_though_somebody_was_leaving(change: str, reason: str) -> None:
    ground = Field(F)
    getattr(ground, change)(65, "f")
    assert journey((0, IN), (60, OUT), (70, OUT), ground=ground).story()[1:] == [f"exit f 65 {reason}"]


def test_consent_that_goes_takes_all_doubts_with_it() -> None:
    walked = journey((0, IN), (60, OUT), (61, -400))
    walked.withdraw(70)
    assert walked.story() == ["enter f 0 initial", "exit f 70 consent"]
    assert walked.track.stance.quarantined is None
    hear(walked, 80, OUT)
    assert walked.story() == ["enter f 0 initial", "exit f 70 consent"]


# --- late


def test_a_late_fix_can_confirm_an_exit_and_take_it_back() -> None:
    walked = journey((0, IN), (60, OUT), (70, IN), (80, OUT))
    hear(walked, 66, OUT)
    assert walked.story() == ["enter f 0 initial", "exit f 60", "enter f 70"]
    hear(walked, 63, IN)
    assert walked.story() == ["enter f 0 initial"]


def test_doubts_outlive_the_window() -> None:
    rules = replace(UNDATED, lateness_s=0)
    leaving = journey((0, IN), (60, OUT), (61, OUT), rules=rules)
    arriving = journey((0, OUT), (60, IN, 100), (61, IN, 100), rules=rules)
    flying = journey((0, -400), (1, IN), (2, IN), rules=rules)
    assert (leaving.story()[1:], arriving.story(), flying.story()) == (["exit f 60"], ["enter f 61"], ["enter f 1"])


def test_a_better_claim_for_the_moment_of_leaving_takes_the_doubt_back() -> None:
    walked = journey((0, IN), (60, OUT, 8), (60, 110, 5), (85, 110))
    assert walked.story() == ["enter f 0 initial"]
