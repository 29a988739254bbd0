"""Time and order, profile RAW: late pings, duplicates, and what recomputing may and may not do."""

from typing import Any

import pytest

from tests.scenarios.harness import (
    CENTER,
    N50,
    N99,
    N300,
    N500,
    Position,
    Row,
    at,
    bare,
    circle,
    collection,
    consent,
    only,
    ping,
    rows,
    run,
    the_end,
    walk,
)


def late(arrives: str, recorded: str, position: Position, **more: Any) -> Row:
    return ping(at(arrives), position, recorded_at=at(recorded), **more)


def shopping(*events: Row, **more: Any) -> Row:
    """A campaign on the circle F of the tables, and no rule that could stop it."""
    fences = collection(circle("f", CENTER, 100, shop_id="s1"))
    return bare(*events, geofences=fences, **more)


def test_s23_stale_sample_after_exit(tmp_path):
    outcome = run(tmp_path, walk(("10:00", N50), ("10:10", N300), late("10:11", "10:08", N50)))
    assert outcome.story() == ["enter f 10:00", "exit f 10:10"]
    after = run(
        tmp_path, walk(("10:00", N50), ("10:10", N300), late("10:11", "10:08", N50), ("11:00", N300), ("12:00", N50))
    )
    assert after.story() == ["enter f 10:00", "exit f 10:10", "enter f 12:00"], "the state stayed OUTSIDE"


def test_s24_later_than_the_window(tmp_path):
    scenario = shopping(
        ping(at("19:00"), N500),
        ping(at("20:00"), N500),
        late("20:01", "10:00", N50),
        ping(at("21:00"), N500),
        presence={"lateness_s": 300},
        ping_rules={"max_age_s": 3600},
    )
    outcome = run(tmp_path, scenario)
    assert outcome.transitions == []
    assert outcome.messages == []
    assert outcome.summary["pings_kept"]["ping_late"] == 1
    assert outcome.refused == {}


@pytest.mark.parametrize(("recorded", "story"), [("01:00", ["enter f 01:00", "exit f 02:00"]), ("00:59", [])])
def test_a_ping_up_to_lateness_s_older_than_the_newest_is_sorted_in(tmp_path, recorded, story):
    """RAW: 60 s. At exactly 60 s it still counts; one second older changes nothing."""
    outcome = run(tmp_path, walk(("00:00", N500), ("02:00", N500), late("02:30", recorded, N50)))
    assert outcome.story() == story
    assert outcome.summary["pings_kept"].get("ping_late", 0) == (0 if story else 1)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param({"ping_id": "p1", "device_id": "d1"}, {"ping_id": "p1", "device_id": "d1"}, id="same ping id"),
        pytest.param({"ping_id": "p1", "device_id": "d1"}, {"ping_id": "p2", "device_id": "d1"}, id="same content"),
        pytest.param({}, {}, id="no ids"),
    ],
)
def test_s25_duplicates(tmp_path, first, second):
    twice = [ping(at("01:00"), N50, accuracy_m=8, **first), ping(at("01:00"), N50, accuracy_m=8, **second)]
    outcome = run(tmp_path, walk(("00:00", N500), *twice, ("02:00", N500)))
    assert outcome.story() == ["enter f 01:00", "exit f 02:00"]
    assert outcome.refused == {"duplicate_ping": 1}


@pytest.mark.parametrize("better_first", [True, False])
@pytest.mark.parametrize(("better", "worse", "story"), [(N50, N500, ["enter f 01:00"]), (N500, N50, [])])
def test_s25_of_two_places_at_one_time_the_more_accurate_wins(tmp_path, better_first, better, worse, story):
    """How the other is counted is not said, and not asserted."""
    pair = [
        ping(at("01:00"), better, accuracy_m=5, ping_id="p5", device_id="d1"),
        ping(at("01:00"), worse, accuracy_m=50, ping_id="p50", device_id="d1"),
    ]
    outcome = run(tmp_path, walk(("00:00", N500), *(pair if better_first else pair[::-1])))
    assert outcome.story() == story


@pytest.mark.parametrize("better_first", [True, False])
def test_s25_the_more_accurate_wins_in_a_later_request_too(tmp_path, better_first):
    better, worse = (N50, 5, "p5"), (N500, 50, "p50")
    order = [better, worse] if better_first else [worse, better]
    pair = [
        late(arrives, "01:00", place, accuracy_m=accuracy, ping_id=name, device_id="d1")
        for arrives, (place, accuracy, name) in zip(["01:00", "01:05"], order, strict=True)
    ]
    assert run(tmp_path, walk(("00:00", N500), *pair)).story() == ["enter f 01:00"]


def test_an_enter_moved_earlier_keeps_its_visit(tmp_path):
    path = [("00:00", N500), ("02:00", N50)]
    before = only(run(tmp_path / "before", walk(*path)).transitions)
    after = only(run(tmp_path / "after", walk(*path, late("02:10", "01:30", N99))).transitions)
    assert (before["at"], after["at"]) == (at("02:00"), at("01:30"))
    assert after["visit_id"] == before["visit_id"]


def test_an_enter_moved_earlier_triggers_once(tmp_path):
    scenario = shopping(ping(at("00:00"), N500), ping(at("02:00"), N50), late("02:10", "01:30", N99))
    outcome = run(tmp_path, scenario)
    assert outcome.verdicts() == ["send"]
    assert len(outcome.sent) == 1


def test_an_exit_moved_earlier_keeps_its_visit(tmp_path):
    path = [("00:00", N50), ("02:00", N500)]
    before = run(tmp_path / "before", walk(*path))
    after = run(tmp_path / "after", walk(*path, late("02:10", "01:30", N300)))
    assert before.story() == ["enter f 00:00", "exit f 02:00"]
    assert after.story() == ["enter f 00:00", "exit f 01:30"]
    assert [row["visit_id"] for row in after.transitions] == [row["visit_id"] for row in before.transitions]
    assert after.transitions[-1]["duration_s"] == 90


def test_a_visit_found_only_by_recomputing_is_logged_but_does_not_trigger(tmp_path):
    scenario = shopping(
        ping(at("00:00"), N500), ping(at("00:40"), N500), late("00:45", "00:20", N50), the_end(at("05:00"))
    )
    outcome = run(tmp_path, scenario)
    assert outcome.story() == ["enter f 00:20", "exit f 00:40"]
    assert outcome.messages == []
    assert rows(outcome.match_log, outcome="send") == []


def interrupted_dwell(dispatch_delay_s: float):
    """A dwell is reached and its offer queued; then a late ping shows that the customer was away in between."""
    return shopping(
        ping(at("00:00"), N50),
        ping(at("02:05"), N50),
        late("02:10", "01:30", N300),
        the_end(at("10:00")),
        campaign={"trigger": {"on": "dwell"}},
        presence={"dwell_s": 120},
        dispatch={"delay_s": dispatch_delay_s},
    )


def test_a_transition_removed_by_recomputing_leaves_the_file_and_cancels_its_queued_message(tmp_path):
    """A cancelled message never went out; which reason it bears is not said, and not asserted."""
    outcome = run(tmp_path, interrupted_dwell(dispatch_delay_s=30))
    assert outcome.story() == ["enter f 00:00", "exit f 01:30", "enter f 02:05"]
    message = only(outcome.messages)
    assert (message["status"], message["sent_at"]) == ("cancelled", None)


def test_a_message_already_sent_stays_though_its_transition_was_removed(tmp_path):
    outcome = run(tmp_path, interrupted_dwell(dispatch_delay_s=0))
    assert rows(outcome.transitions, kind="dwell") == []
    message = only(outcome.messages)
    assert (message["status"], message["sent_at"]) == ("accepted", at("02:05"))
    assert outcome.verdicts() == ["send"], "the row written once stays"


def test_pings_of_one_instant_are_sorted_by_recorded_at_first(tmp_path):
    """A phone that was offline hands in its walk backwards: the visit is found on arrival and triggers."""
    batch = [late("03:00", "02:00", N500), late("03:00", "01:00", N50), late("03:00", "00:00", N500)]
    outcome = run(tmp_path, shopping(*batch))
    assert outcome.story() == ["enter f 01:00", "exit f 02:00"]
    assert outcome.verdicts() == ["send"]
    assert outcome.match_log[0]["at"] == at("01:00")
    assert outcome.match_log[0]["decided_at"] == at("03:00")


def test_events_are_taken_in_the_order_of_their_instants_not_of_the_file(tmp_path):
    forwards = [ping(at("00:00"), N500), ping(at("01:00"), N50), ping(at("02:00"), N500)]
    assert run(tmp_path, walk(*forwards[::-1])).story() == ["enter f 01:00", "exit f 02:00"]


def test_recorded_at_defaults_to_at(tmp_path):
    outcome = run(tmp_path, walk(ping(at("01:00"), N50, recorded_at=at("01:00")), ping(at("02:00"), N500)))
    assert outcome.story() == ["enter f 01:00", "exit f 02:00"]


def test_a_customer_unknown_until_consent_is_not_seen_before_it(tmp_path):
    """Pings before the grant are refused; the first one after it is first sight."""
    scenario = walk(("00:00", N50), ("02:00", N50), consents=[consent(at("01:00"), "location.matching", "granted")])
    outcome = run(tmp_path, scenario)
    assert outcome.story() == ["enter f 02:00"]
    assert only(outcome.transitions)["initial"] is True
    assert outcome.refused == {"consent_location_missing": 1}


# --- gaps and pings that arrive late


def test_a_ping_that_was_on_its_way_takes_a_gaps_exit_back(tmp_path):
    """Recorded 9:10 after the last one, arriving when the gap of ten minutes had been called."""
    path: list[Row | tuple[str, Position]] = [("00:00", N50), late("10:30", "09:10", N50)]
    assert run(tmp_path / "open", walk(*path, presence={"gap_s": 600})).story() == ["enter f 00:00"]
    closed = run(tmp_path / "closed", walk(*path, ("15:00", N500), presence={"gap_s": 600}))
    assert closed.story() == ["enter f 00:00", "exit f 15:00"]


def test_an_exit_taken_back_and_found_again_has_its_row_once(tmp_path):
    """A row is written once and a message that was sent stays: the gap's EXIT triggered at 10:00, and nothing that
    comes later may write the same decision or the same message again."""
    scenario = shopping(
        ping(at("00:00"), N50),
        late("10:30", "09:10", N50),
        ping(at("15:00"), N500),
        campaign={"trigger": {"on": "exit"}},
        presence={"gap_s": 600},
    )
    outcome = run(tmp_path, scenario)
    assert len({row["decision_id"] for row in outcome.match_log}) == len(outcome.match_log)
    assert len({message["message_id"] for message in outcome.messages}) == len(outcome.messages)
    assert outcome.messages[0]["queued_at"] == outcome.messages[0]["sent_at"] == at("10:00")
