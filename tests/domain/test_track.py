"""Pings that arrive late, twice, or contradict each other; splits and merges; and how a track is forgotten."""

import pytest

from nearcast.domain.reason import Reason
from nearcast.domain.track import Change, Track
from nearcast.domain.visit import FirstSeen, PresenceRules
from tests.domain.builders import later
from tests.domain.ground import Squares, square
from tests.domain.journey import Journey

OUT, IN, IN_TOO = 20.0, 5.0, 6.0
LATE_300 = PresenceRules(lateness_s=300)


def journey(*pings: tuple[float, float], rules: PresenceRules = LATE_300) -> Journey:
    walked = Journey(Squares(square("f", 0, 10)), rules)
    for second, lon in pings:
        walked.ping(second, lon)
    return walked


# --- late


@pytest.mark.parametrize(("second", "refused"), [(700, None), (699.999, Reason.PING_LATE), (0, Reason.PING_LATE)])
def test_a_ping_older_than_the_window_changes_nothing(second: float, refused: Reason | None) -> None:
    walked = journey((1000, OUT))
    before = walked.track
    step = walked.ping(second, IN)
    assert step.refused is refused
    assert (step.track == before) is (refused is not None)
    assert (walked.story() == []) is (refused is not None)


def test_an_enter_moves_to_an_earlier_ping_and_keeps_its_visit() -> None:
    walked = journey((0, OUT), (100, IN))
    (named,) = walked.visit_ids()
    walked.ping(60, IN)
    assert walked.story() == ["enter f 60"]
    assert walked.visit_ids() == [named]
    assert walked.transitions[0].decided_at == later(100)
    assert walked.triggered == ["enter f 100"]


def test_an_exit_moves_to_an_earlier_ping() -> None:
    walked = journey((0, IN), (100, OUT))
    (named,) = walked.visit_ids()
    step = walked.ping(60, OUT, arrives=130)
    assert [(change.change, change.triggers) for change in step.changes] == [(Change.MOVED, False)]
    assert walked.story() == ["enter f 0 initial", "exit f 60"]
    arrive, leave = walked.transitions
    assert (leave.visit_id, leave.duration_s, leave.decided_at) == (named, 60.0, later(130))
    assert arrive.decided_at == later(0)


def test_a_late_ping_that_says_nothing_new_changes_nothing_written() -> None:
    walked = journey((0, OUT), (60, IN), (120, IN))
    assert walked.ping(90, IN_TOO).changes == ()
    assert walked.transitions[0].decided_at == later(60)


def test_what_is_found_only_by_recomputing_is_told_but_gives_no_offer() -> None:
    walked = journey((0, OUT), (100, OUT))
    walked.ping(50, IN)
    assert walked.story() == ["enter f 50", "exit f 100"]
    assert walked.triggered == []
    assert [transition.decided_at for transition in walked.transitions] == [later(100), later(100)]


def test_the_first_sight_moves_to_whoever_was_seen_first() -> None:
    walked = journey((100, IN))
    walked.ping(50, OUT)
    assert walked.story() == ["enter f 100"]
    walked.ping(20, IN)
    assert walked.story() == ["enter f 20 initial", "exit f 50", "enter f 100"]
    assert walked.triggered == ["enter f 100 initial"]


def test_a_visit_that_was_passed_over_is_told_once_it_has_an_arrival() -> None:
    walked = journey((100, IN), rules=PresenceRules(first_seen=FirstSeen.SUPPRESS, lateness_s=300))
    assert walked.story() == []
    walked.ping(50, OUT)
    walked.ping(200, OUT)
    assert walked.story() == ["enter f 100", "exit f 200"]
    assert walked.triggered == ["exit f 200"]


def test_what_has_settled_stays() -> None:
    walked = journey((0, IN), (10, OUT), (400, OUT))
    assert [visit.geofence_id for visit in walked.track.visits] == []
    assert [fix.at for fix in walked.track.fixes] == [later(400)]
    walked.ping(200, IN)
    assert walked.story() == ["enter f 0 initial", "exit f 10", "enter f 200", "exit f 400"]


def test_a_visit_older_than_the_window_is_still_open() -> None:
    walked = journey((0, IN), (1000, IN), (2000, IN), rules=PresenceRules(lateness_s=300, dwell_s=1500))
    assert walked.story() == ["enter f 0 initial", "dwell f 1500 initial"]
    walked.ping(1900, OUT)
    assert walked.story() == ["enter f 0 initial", "exit f 1900", "enter f 2000"]
    walked.ping(1800, IN)
    assert walked.story() == ["enter f 0 initial", "dwell f 1500 initial", "exit f 1900", "enter f 2000"]


# --- split and merge


def test_a_ping_outside_splits_a_visit_and_the_first_part_keeps_the_name() -> None:
    walked = journey((0, OUT), (60, IN), (180, IN))
    (named,) = walked.visit_ids()
    walked.ping(120, OUT)
    assert walked.story() == ["enter f 60", "exit f 120", "enter f 180"]
    first, second = walked.visit_ids()
    assert first == named != second
    assert walked.triggered == ["enter f 60"]


def test_a_visit_found_before_another_leaves_that_its_name() -> None:
    walked = journey((0, OUT), (60, OUT), (100, IN))
    (named,) = walked.visit_ids()
    walked.ping(30, IN)
    assert walked.story() == ["enter f 30", "exit f 60", "enter f 100"]
    assert walked.visit_ids()[1] == named


def test_a_visit_that_was_none_takes_no_other_with_it() -> None:
    walked = journey((0, OUT))
    walked.ping(10, IN, accuracy_m=50)
    walked.ping(20, OUT)
    walked.ping(50, IN)
    _, named = walked.visit_ids()
    walked.ping(10, OUT, accuracy_m=5)
    assert walked.story() == ["enter f 50"]
    assert walked.visit_ids() == [named]


def test_a_split_takes_back_a_dwell_that_was_none() -> None:
    walked = journey((0, OUT), (60, IN), (180, IN), rules=PresenceRules(lateness_s=300, dwell_s=100))
    assert walked.story() == ["enter f 60", "dwell f 160"]
    step = walked.ping(120, OUT)
    assert walked.story() == ["enter f 60", "exit f 120", "enter f 180"]
    assert {change.change for change in step.changes} == {Change.NEW, Change.REMOVED}


def test_silence_that_was_none_merges_two_visits_into_the_first() -> None:
    walked = journey((0, OUT), (60, IN), (160, IN), rules=PresenceRules(lateness_s=300, gap_s=90))
    assert walked.story() == ["enter f 60", "exit f 60 inferred gap", "enter f 160"]
    first, _ = walked.visit_ids()
    walked.ping(110, IN)
    assert walked.story() == ["enter f 60"]
    assert walked.visit_ids() == [first]
    assert walked.triggered == ["enter f 60", "exit f 60 inferred gap", "enter f 160"]


def test_silence_that_was_shorter_moves_the_exit() -> None:
    walked = journey((0, IN), (10, IN), rules=PresenceRules(lateness_s=300, gap_s=60))
    walked.wait(70)
    assert walked.story() == ["enter f 0 initial", "exit f 10 inferred gap"]
    walked.ping(30, IN, arrives=80)
    assert walked.story() == ["enter f 0 initial"]
    walked.wait(90)
    assert walked.story() == ["enter f 0 initial", "exit f 30 inferred gap"]


def test_silence_that_was_none_is_forgotten_though_its_beginning_has_settled() -> None:
    walked = journey((140, IN), (200, IN), (310, IN), rules=PresenceRules(lateness_s=100, gap_s=70))
    assert walked.story() == ["enter f 140 initial", "exit f 200 inferred gap", "enter f 310"]
    walked.ping(250, IN)
    assert walked.story() == ["enter f 140 initial"]
    assert [visit.exit for visit in walked.track.visits] == [None]


def test_no_ping_is_kept_for_longer_than_another_may_come_before_it() -> None:
    walked = journey((0, IN), (50, IN), rules=PresenceRules(lateness_s=100, gap_s=60))
    walked.wait(110)
    walked.ping(1000, OUT)
    assert [fix.at for fix in walked.track.fixes] == [later(1000)]


def test_a_visit_that_comes_back_has_a_name_of_its_own() -> None:
    walked = journey((0, OUT), (60, IN), (120, IN))
    walked.ping(30, IN)  # the visit named at 60 begins at 30
    walked.ping(45, OUT)  # and another one begins at 60
    assert walked.story() == ["enter f 30", "exit f 45", "enter f 60"]
    assert len(set(walked.visit_ids())) == 2


# --- twice, and contradictions


def test_the_same_ping_again_is_a_duplicate() -> None:
    walked = journey((0, OUT), (60, IN))
    before = walked.track
    again = walked.ping(60, IN)
    assert (again.refused, again.track, again.changes) == (Reason.DUPLICATE_PING, before, ())


def test_two_devices_may_be_in_two_places() -> None:
    walked = journey((0, OUT))
    assert walked.ping(60, IN, device="phone").refused is None
    assert walked.ping(60, OUT, device="watch").refused is None
    assert walked.story() == ["enter f 60", "exit f 60"]


@pytest.mark.parametrize("better_first", [True, False])
@pytest.mark.parametrize(("better", "worse", "story"), [(IN, OUT, ["enter f 60"]), (OUT, IN, [])])
def test_of_two_places_at_one_moment_the_more_accurate_is_believed(
    better: float, worse: float, story: list[str], better_first: bool
) -> None:
    walked = journey((0, OUT))
    claims = [(better, 5.0), (worse, 50.0)]
    refusals = [
        walked.ping(60, lon, accuracy_m=accuracy_m).refused for lon, accuracy_m in claims[:: 1 if better_first else -1]
    ]
    assert walked.story() == story
    assert refusals == [None, Reason.DUPLICATE_PING if better_first else None]


def test_the_better_of_two_newest_claims_gives_an_offer() -> None:
    walked = journey((0, OUT))
    walked.ping(60, OUT, accuracy_m=50)
    walked.ping(60, IN, accuracy_m=5)
    assert walked.triggered == ["enter f 60"]


@pytest.mark.parametrize("first", [IN, OUT])
def test_of_two_equally_accurate_places_the_same_is_believed_in_either_order(first: float) -> None:
    walked = journey((0, OUT))
    walked.ping(60, first, accuracy_m=5)
    walked.ping(60, IN + OUT - first, accuracy_m=5)
    assert walked.story() == ["enter f 60"]


def test_a_contradiction_is_settled_among_late_pings_too() -> None:
    walked = journey((0, OUT), (60, IN), (120, OUT))
    assert walked.ping(60, OUT, accuracy_m=5).refused is Reason.DUPLICATE_PING
    contradicted = journey((0, OUT), (120, OUT))
    contradicted.ping(60, IN, accuracy_m=50)
    contradicted.ping(60, OUT, accuracy_m=5)
    assert contradicted.story() == []


# --- time passes, and consent goes


def test_time_passes_over_a_track_without_pings() -> None:
    walked = journey()
    step = walked.wait(100)
    assert (step.changes, step.track) == ((), walked.track)
    assert walked.track.newest is None


def test_without_consent_every_visit_ends_and_nothing_is_kept() -> None:
    walked = journey((0, OUT), (60, IN))
    walked.withdraw(100)
    assert walked.story() == ["enter f 60", "exit f 100 consent"]
    leave = walked.transitions[1]
    assert (leave.duration_s, leave.decided_at, leave.may_trigger) == (40.0, later(100), False)
    assert leave.visit_id == walked.transitions[0].visit_id
    assert walked.track == Track(tenant_id=walked.track.tenant_id, customer_id=walked.track.customer_id)
    assert walked.triggered == ["enter f 60"]


def test_consent_given_again_begins_with_a_first_sight() -> None:
    walked = journey((0, OUT), (60, IN))
    walked.withdraw(100)
    walked.ping(200, IN)
    assert walked.story() == ["enter f 60", "exit f 100 consent", "enter f 200 initial"]


def test_a_visit_that_is_over_does_not_end_again() -> None:
    walked = journey((0, IN), (60, OUT))
    assert walked.withdraw(100).changes == ()


def test_a_visit_that_was_passed_over_ends_unheard() -> None:
    walked = journey((0, IN), rules=PresenceRules(first_seen=FirstSeen.SUPPRESS))
    walked.withdraw(100)
    assert walked.story() == []


def test_a_late_ping_takes_a_crossing_back() -> None:
    walked = journey((0, -5), rules=PresenceRules(lateness_s=300, cross_within_s=60))
    walked.ping(20, 15)
    assert walked.story() == ["cross f 10"]
    walked.ping(8, 5)
    assert walked.story() == ["enter f 8", "exit f 20"]


def test_a_crossing_stands_though_the_ping_behind_it_was_replaced_by_a_better_one() -> None:
    walked = journey((0, -5), rules=PresenceRules(lateness_s=100, cross_within_s=60))
    walked.ping(10, 15, accuracy_m=50)
    walked.ping(10, 15, accuracy_m=5)
    walked.ping(120, 15)
    walked.ping(130, 15, device="watch")
    walked.wait(200)
    assert walked.story() == ["cross f 5"]


def test_no_two_visits_bear_one_name() -> None:
    walked = journey((0, OUT), (40, IN), rules=PresenceRules(lateness_s=100))  # named by its instant
    walked.ping(20, IN)
    walked.ping(10, IN)  # which has moved to 10
    walked.ping(15, OUT)  # another visit begins at 20
    walked.ping(120, IN)  # the first one has settled
    walked.ping(30, OUT)  # and a third begins at 40
    assert walked.story() == ["enter f 10", "exit f 15", "enter f 20", "exit f 30", "enter f 40"]
    assert len(set(walked.visit_ids())) == 3


def test_an_arrival_that_comes_and_goes_at_an_instant_that_a_visit_is_named_by_has_another_name() -> None:
    walked = journey((0, OUT))
    walked.ping(100, IN, accuracy_m=50)
    walked.ping(50, IN)
    walked.ping(60, OUT)
    walked.ping(100, OUT, accuracy_m=20)
    assert walked.story() == ["enter f 50", "exit f 60"]
    walked.ping(100, IN, accuracy_m=5)
    assert walked.story() == ["enter f 50", "exit f 60", "enter f 100"]
    assert len(set(walked.visit_ids())) == 2
