"""Visits from pings that arrive in order: enter, dwell, exit, cross, and geofences that change meanwhile."""

from dataclasses import replace
from typing import Any

import pytest

from nearcast.domain.geofence import Geofence
from nearcast.domain.visit import FirstSeen, PresenceRules
from tests.domain.builders import later
from tests.domain.ground import Squares, square
from tests.domain.journey import Journey

OUT, IN, EDGE, FAR = 20.0, 5.0, 10.0, 60.0
F = square("f", 0, 10)
DWELL_120 = PresenceRules(dwell_s=120)
GAP_60 = PresenceRules(gap_s=60)


def journey(*pings: tuple[float, float], rules: PresenceRules | None = None, ground: Squares | None = None) -> Journey:
    walked = Journey(ground or Squares(F), rules)
    for second, lon in pings:
        walked.ping(second, lon)
    return walked


@pytest.mark.parametrize(
    ("pings", "story"),
    [
        ([(0, OUT)], []),
        ([(0, OUT), (60, IN)], ["enter f 60"]),
        ([(0, OUT), (60, IN), (120, EDGE), (180, OUT)], ["enter f 60", "exit f 180"]),
        ([(0, IN)], ["enter f 0 initial"]),
        ([(0, IN), (60, OUT), (120, IN)], ["enter f 0 initial", "exit f 60", "enter f 120"]),
        ([(0, OUT), (60, IN), (61, OUT), (62, IN), (63, OUT)], ["enter f 60", "exit f 61", "enter f 62", "exit f 63"]),
    ],
)
def test_enter_and_exit(pings: list[tuple[float, float]], story: list[str]) -> None:
    assert journey(*pings).story() == story


def test_a_visit_binds_its_transitions_together() -> None:
    visit = journey((0, OUT), (60, IN), (200, IN), (250, OUT), rules=DWELL_120)
    assert visit.story() == ["enter f 60", "dwell f 180", "exit f 250"]
    assert len({transition.visit_id for transition in visit.transitions}) == 1
    assert [transition.duration_s for transition in visit.transitions] == [None, None, 190.0]
    assert [transition.decided_at for transition in visit.transitions] == [later(60), later(200), later(250)]


@pytest.mark.parametrize(
    ("pings", "story"),
    [
        ([(0, IN), (119, IN)], []),
        ([(0, IN), (120, IN)], ["dwell f 120 initial"]),
        ([(0, IN), (300, IN), (600, IN)], ["dwell f 120 initial"]),
        ([(0, IN), (200, OUT)], []),  # only a ping on the inside proves it
        ([(0, IN), (60, OUT), (90, IN), (200, IN)], []),
        ([(0, IN), (60, OUT), (90, IN), (210, IN)], ["dwell f 210"]),
    ],
)
def test_dwell_is_reached_once_by_a_ping_inside(pings: list[tuple[float, float]], story: list[str]) -> None:
    assert [told for told in journey(*pings, rules=DWELL_120).story() if told.startswith("dwell")] == story


@pytest.mark.parametrize(
    ("own_s", "profile_s", "dwells"),
    [
        (None, None, []),
        (30.0, None, ["dwell f 30 initial"]),
        (30.0, 60.0, ["dwell f 30 initial"]),
        (0.0, 60.0, ["dwell f 0 initial"]),
    ],
)
def test_a_geofences_own_dwell_beats_the_profiles(
    own_s: float | None, profile_s: float | None, dwells: list[str]
) -> None:
    visit = journey(
        (0, IN), (90, IN), ground=Squares(square("f", 0, 10, dwell_s=own_s)), rules=PresenceRules(dwell_s=profile_s)
    )
    assert visit.story() == ["enter f 0 initial", *dwells]


@pytest.mark.parametrize(
    ("pings", "story"),
    [
        ([(0, 60), (10, 15), (20, 25), (30, 45)], ["enter a 10", "enter b 10", "exit b 20", "exit a 30", "enter c 30"]),
        ([(0, 60), (10, 15), (20, 60)], ["enter a 10", "enter b 10", "exit a 20", "exit b 20"]),
        ([(0, 25), (10, 15), (20, 25)], ["enter a 0 initial", "enter b 10", "exit b 20"]),
    ],
)
def test_geofences_that_overlap_are_visited_each_for_itself(pings: list[tuple[float, float]], story: list[str]) -> None:
    assert (
        journey(*pings, ground=Squares(square("a", 0, 30), square("b", 10, 20), square("c", 40, 50))).story() == story
    )


def test_what_happens_at_one_instant_is_told_by_geofence() -> None:
    names = [f"f{number:02d}" for number in range(20)]
    walked = journey((0, OUT), ground=Squares(*(square(name, 0, 10) for name in reversed(names))))
    for second, lon in ((10, IN), (20, OUT)):
        assert [change.transition.geofence_id for change in walked.ping(second, lon).changes] == names


@pytest.mark.parametrize(
    ("pings", "story"),
    [
        ([(0, IN), (59, IN), (118, IN)], ["enter f 0 initial"]),
        ([(0, IN), (60, IN)], ["enter f 0 initial", "exit f 0 inferred gap", "enter f 60"]),
        ([(0, IN), (10, IN), (100, OUT)], ["enter f 0 initial", "exit f 10 inferred gap"]),
        ([(0, OUT), (100, IN)], ["enter f 100"]),
    ],
)
def test_silence_ends_a_visit_at_the_last_ping(pings: list[tuple[float, float]], story: list[str]) -> None:
    assert journey(*pings, rules=GAP_60).story() == story


@pytest.mark.parametrize(
    ("second", "exits"), [(69, []), (70, ["exit f 10 inferred gap"]), (900, ["exit f 10 inferred gap"])]
)
def test_silence_is_noticed_without_a_ping(second: float, exits: list[str]) -> None:
    visit = journey((0, IN), (10, IN), rules=GAP_60)
    visit.wait(second)
    assert visit.story() == ["enter f 0 initial", *exits]
    assert visit.triggered[1:] == exits


def test_without_a_gap_no_silence_is_too_long() -> None:
    visit = journey((0, IN))
    visit.wait(10**9)
    assert visit.story() == ["enter f 0 initial"]


def test_whoever_is_inside_when_first_seen_may_be_passed_over() -> None:
    quietly = PresenceRules(first_seen=FirstSeen.SUPPRESS, dwell_s=60)
    visit = journey((0, IN), (90, IN), (100, OUT), (110, IN), (180, IN), rules=quietly)
    assert visit.story() == ["enter f 110", "dwell f 170"]
    assert visit.triggered == visit.story()


# --- crossing

CROSSING = PresenceRules(cross_within_s=30, max_speed_mps=10)


@pytest.mark.parametrize(
    ("start", "end", "story"),
    [
        ((0, -5), (10, 15), ["cross f 5"]),
        ((0, -5), (10, 45), ["cross f 2"]),  # its middle lies a fifth of the way along
        ((0, -5), (30, 15), ["cross f 15"]),
        ((0, -5), (31, 15), []),  # too long ago
        ((0, -95), (10, 15), []),  # faster than anybody
        ((0, -5), (10, -3), []),  # past it
        ((0, -5), (10, 5), ["enter f 10"]),
        ((0, -5), (0, 15), []),  # two devices of one instant
    ],
)
def test_crossing(start: tuple[float, float], end: tuple[float, float], story: list[str]) -> None:
    walked = Journey(Squares(F), CROSSING)
    walked.ping(*start, device="a")
    walked.ping(*end, device="b")
    assert walked.story() == story


def test_crossings_are_not_told_unless_asked_for_and_give_no_offers() -> None:
    assert journey((0, -5), (10, 15)).story() == []
    crossed = journey((0, -5), (10, 15), (20, -5), rules=CROSSING)
    assert crossed.story() == ["cross f 5", "cross f 15"]
    assert len(set(crossed.visit_ids("cross"))) == 2
    assert crossed.triggered == []


# --- geofences that change


def edited(change: str, *edit: Any, pings: list[tuple[float, float]], **rules: Any) -> Journey:
    """F, changed as said before any of the pings is taken."""
    ground = Squares(F)
    getattr(ground, change)(*edit)
    return journey(*pings, ground=ground, rules=PresenceRules(**rules))


@pytest.mark.parametrize(
    ("pings", "story"),
    [
        ([(0, IN), (200, IN)], ["enter f 0 initial", "exit f 100 fence_deleted"]),
        ([(0, IN), (200, FAR)], ["enter f 0 initial", "exit f 100 fence_deleted"]),
        ([(0, IN), (100, IN)], ["enter f 0 initial", "exit f 100 fence_deleted"]),
        ([(0, IN), (99, OUT), (200, OUT)], ["enter f 0 initial", "exit f 99"]),
        ([(0, OUT), (200, IN)], []),
    ],
)
def test_a_deleted_geofence_ends_its_visits_when_it_is_deleted(
    pings: list[tuple[float, float]], story: list[str]
) -> None:
    deleted = edited("delete", 100, "f", pings=pings)
    assert deleted.story() == story
    assert not any("fence_deleted" in told for told in deleted.triggered)


def test_a_ping_that_was_found_inside_before_the_deletion_was_known_enters_nothing() -> None:
    visit = edited("delete", 100, "f", pings=[(0, OUT)])
    visit.take(replace(visit.fix(200, IN), inside=frozenset({F.id})))
    assert visit.story() == []


def test_a_deletion_is_noticed_without_a_ping() -> None:
    visit = edited("delete", 100, "f", pings=[(0, IN)])
    visit.wait(99)
    assert visit.story() == ["enter f 0 initial"]
    visit.wait(100)
    assert visit.story() == ["enter f 0 initial", "exit f 100 fence_deleted"]


@pytest.mark.parametrize(
    ("gap_s", "story"),
    [(90, "exit f 0 inferred gap"), (100, "exit f 100 fence_deleted"), (None, "exit f 100 fence_deleted")],
)
def test_whatever_ends_a_visit_first_ends_it(gap_s: float | None, story: str) -> None:
    assert edited("delete", 100, "f", pings=[(0, IN), (500, OUT)], gap_s=gap_s).story()[1:] == [story]


def test_active_hours_end_a_visit_when_they_end() -> None:
    visit = edited("close", 100, "f", pings=[(0, IN), (99, IN), (150, IN), (200, IN)])
    assert visit.story() == ["enter f 0 initial", "exit f 100 inactive"]
    assert visit.triggered == ["enter f 0 initial"]


@pytest.mark.parametrize(
    ("pings", "story", "triggered"),
    [
        # made round a customer: first sight of it, never dated back, no reason to send
        ([(0, IN), (200, IN)], ["enter g 200 initial"], []),
        ([(0, IN), (99, IN), (100, IN)], ["enter g 100 initial"], []),
        ([(0, OUT), (200, IN)], ["enter g 200"], ["enter g 200"]),
        ([(100, IN)], ["enter g 100 initial"], ["enter g 100 initial"]),
        ([(0, IN), (200, OUT)], [], []),
    ],
)
def test_a_geofence_made_round_a_customer_gives_no_offer(
    pings: list[tuple[float, float]], story: list[str], triggered: list[str]
) -> None:
    ground = Squares()
    ground.put(100, square("g", 0, 10))
    walked = journey(*pings, ground=ground)
    assert (walked.story(), walked.triggered) == (story, triggered)


def test_a_geofence_made_round_a_customer_may_be_passed_over() -> None:
    ground = Squares()
    ground.put(100, square("g", 0, 10))
    assert (
        journey(
            (0, IN), (200, IN), (300, OUT), ground=ground, rules=PresenceRules(first_seen=FirstSeen.SUPPRESS)
        ).story()
        == []
    )


@pytest.mark.parametrize(
    ("pings", "story", "triggered"),
    [
        # moved onto a customer, and away
        ([(0, 25), (200, 25)], ["enter f 200 fence_changed"], 0),
        ([(0, 60), (200, 25)], ["enter f 200"], 1),
        ([(0, IN), (200, IN)], ["enter f 0 initial", "exit f 200 fence_changed"], 1),
        ([(0, IN), (200, 60)], ["enter f 0 initial", "exit f 200"], 2),
        ([(0, IN), (200, 25)], ["enter f 0 initial"], 1),
    ],
)
def test_an_edit_gives_no_offer_where_the_customer_need_not_have_moved(
    pings: list[tuple[float, float]], story: list[str], triggered: int
) -> None:
    moved = edited("put", 100, square("f", 20, 30, revision=2), pings=pings)
    assert moved.story() == story
    assert len(moved.triggered) == triggered
    revisions = [2 if (transition.at >= later(100)) else 1 for transition in moved.transitions]
    assert [transition.geofence_revision for transition in moved.transitions] == revisions


@pytest.mark.parametrize(
    ("change", "pings", "entered"),
    [
        (square("f", 0, 30, revision=2), [(0, 25), (200, 25)], "enter f 200 fence_changed"),
        (square("f", 0, 30, revision=2), [(0, 25), (200, 5)], "enter f 200"),  # into what it was before, too
        (square("f", 0, 30, revision=2), [(0, 60), (200, 25)], "enter f 200"),
        (square("f", 0, 10, revision=2, name="new"), [(0, OUT), (200, 5)], "enter f 200"),
    ],
)
def test_whoever_walks_in_has_entered_though_it_was_edited(
    change: Geofence, pings: list[tuple[float, float]], entered: str
) -> None:
    grown = edited("put", 100, change, pings=pings)
    assert grown.story() == [entered]
    assert grown.triggered == ([] if "changed" in entered else [entered])


def test_new_properties_of_a_geofence_end_and_begin_nothing() -> None:
    renamed = edited("put", 100, square("f", 0, 10, revision=2, name="new"), pings=[(0, IN), (200, IN), (300, OUT)])
    assert renamed.story() == ["enter f 0 initial", "exit f 300"]
    assert [transition.geofence_revision for transition in renamed.transitions] == [1, 2]


def test_a_dwell_that_was_reached_stays_reached() -> None:
    ground = Squares(square("f", 0, 10, dwell_s=60))
    ground.put(100, square("f", 0, 10, dwell_s=200, revision=2))
    assert journey((0, IN), (90, IN), (250, IN), ground=ground).story() == ["enter f 0 initial", "dwell f 60 initial"]


def test_a_geofence_deleted_and_made_again_is_seen_for_the_first_time() -> None:
    ground = Squares(F)
    ground.delete(100, "f")
    ground.put(150, square("f", 0, 10, revision=2))
    walked = journey((0, IN), (200, IN), ground=ground)
    assert walked.story() == ["enter f 0 initial", "exit f 100 fence_deleted", "enter f 200 initial"]
    assert walked.triggered == ["enter f 0 initial"]
