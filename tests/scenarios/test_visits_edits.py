"""Fence life-cycle, profile RAW: a fence deleted, moved or made, and consent withdrawn, while somebody is inside."""

import pytest

from tests.scenarios.harness import (
    CENTER,
    LONG_AGO,
    N50,
    N150,
    N500,
    N1000,
    Row,
    at,
    bare,
    circle,
    collection,
    consent,
    consent_event,
    only,
    ping,
    polygon,
    ring,
    rows,
    run,
    the_end,
    walk,
)

ELSEWHERE = circle("elsewhere", (52.6, 13.5), 100)
SHOP_FENCE = circle("f", CENTER, 100, shop_id="s1")


def delete(when: str, geofence_id: str = "f") -> Row:
    return {"at": at(when), "geofence_delete": geofence_id}


def put(when: str, feature: Row) -> Row:
    return {"at": at(when), "geofence_put": feature}


def sends(scenario: Row, tmp_path) -> int:
    outcome = run(tmp_path, scenario)
    assert len(rows(outcome.match_log, outcome="send")) == len(outcome.sent)
    return len(outcome.sent)


# --- S17 deleted


def test_s17_fence_deleted_while_inside(tmp_path):
    path = [("08:00", N500), ("09:00", N50)]
    outcome = run(tmp_path, walk(*path, delete("10:00"), ("11:00", N50), ("12:00", N500), presence={"dwell_s": 120}))
    assert outcome.story() == ["enter f 09:00", "exit f 10:00"], "the pending dwell is cancelled too"
    leave = outcome.transitions[-1]
    assert leave["reason"] == "fence_deleted"
    assert leave["duration_s"] == 60


def test_s17_an_exit_by_deletion_triggers_no_message(tmp_path):
    scenario = bare(
        ping(at("09:00"), N50),
        delete("10:00"),
        the_end(at("20:00")),
        campaign={"trigger": {"on": "exit"}},
        geofences=collection(SHOP_FENCE, ELSEWHERE),
    )
    assert sends(scenario, tmp_path) == 0


def test_s17_queued_offers_for_the_fence_are_cancelled(tmp_path):
    scenario = bare(
        ping(at("09:59"), N50),
        delete("10:00"),
        the_end(at("20:00")),
        dispatch={"delay_s": 60},
        geofences=collection(SHOP_FENCE, ELSEWHERE),
    )
    message = only(run(tmp_path, scenario).messages)
    assert (message["status"], message["sent_at"]) == ("cancelled", None)


# --- S18 moved or shrunk


def test_s18_fence_shrunk_while_inside(tmp_path):
    shrunk = circle("f", CENTER, 40)
    outcome = run(tmp_path, walk(("09:00", N50), put("10:00", shrunk), ("11:00", N50), ("12:00", CENTER)))
    assert outcome.story() == ["enter f 09:00", "exit f 11:00", "enter f 12:00"]
    enter, leave, again = outcome.transitions
    assert leave["reason"] == "fence_changed"
    assert enter["geofence_revision"] < leave["geofence_revision"] == again["geofence_revision"]


def test_s18_an_edit_alone_is_no_event(tmp_path):
    shrunk = circle("f", CENTER, 40)
    assert run(tmp_path, walk(("09:00", N50), put("10:00", shrunk), the_end(at("30:00")))).story() == ["enter f 09:00"]


def test_s18_a_new_name_is_no_event(tmp_path):
    renamed = circle("f", CENTER, 100, name="Renamed")
    assert run(tmp_path, walk(("09:00", N50), put("10:00", renamed), ("11:00", N50))).story() == ["enter f 09:00"]


def test_s18_an_enter_caused_by_an_edit_never_triggers(tmp_path):
    """Standing still 150 m north, and the circle grows over the customer: logged, not messaged."""
    grown = circle("f", CENTER, 200, shop_id="s1")
    scenario = bare(
        ping(at("09:00"), N150), put("10:00", grown), ping(at("11:00"), N150), geofences=collection(SHOP_FENCE)
    )
    outcome = run(tmp_path, scenario)
    assert outcome.story() == ["enter f 11:00"]
    assert rows(outcome.match_log, outcome="send") == outcome.messages == []


# --- S19 created


def test_s19_fence_created_around_customer(tmp_path):
    """One ENTER, initial, when next seen; never back-dated."""
    outcome = run(tmp_path, walk(("09:59", N50), put("10:00", SHOP_FENCE), ("10:05", N50), geofences=[ELSEWHERE]))
    assert outcome.story() == ["enter f 10:05"]
    assert only(outcome.transitions)["initial"] is True


def test_s19_fence_created_around_customer_first_seen_suppress(tmp_path):
    scenario = walk(
        ("09:59", N50),
        put("10:00", SHOP_FENCE),
        ("10:05", N50),
        ("11:00", N500),
        geofences=[ELSEWHERE],
        presence={"first_seen": "suppress"},
    )
    assert run(tmp_path, scenario).transitions == []


def test_s19_whoever_stands_inside_at_creation_is_not_messaged(tmp_path):
    scenario = bare(
        ping(at("09:59"), N50),
        put("10:00", SHOP_FENCE),
        ping(at("10:05"), N50),
        geofences=collection(polygon("s1-yard", ring(13.5, 52.6, 13.51, 52.61), shop_id="s1")),
    )
    outcome = run(tmp_path, scenario)
    assert outcome.story() == ["enter f 10:05"]
    assert rows(outcome.match_log, outcome="send") == outcome.messages == []


def test_s19_whoever_walks_in_after_creation_is_messaged(tmp_path):
    """The counterpart: seen outside the new fence first, then inside."""
    scenario = bare(
        ping(at("09:59"), N1000),
        put("10:00", SHOP_FENCE),
        ping(at("10:02"), N1000),
        ping(at("10:05"), N50),
        geofences=collection(polygon("s1-yard", ring(13.5, 52.6, 13.51, 52.61), shop_id="s1")),
    )
    assert sends(scenario, tmp_path) == 1


def test_first_sight_triggers_where_first_seen_is_enter(tmp_path):
    assert sends(bare(ping(at("00:00"), N50)), tmp_path) == 1


def test_first_sight_does_not_trigger_where_first_seen_is_suppress(tmp_path):
    assert sends(bare(ping(at("00:00"), N50), presence={"first_seen": "suppress"}), tmp_path) == 0


# --- S21 consent withdrawn


def test_s21_consent_withdrawn_while_inside(tmp_path):
    """The visit is closed (I14: by an exit with reason consent), dwell cancelled, the queued offer dropped, further
    pings refused; consent given again starts as first sight."""
    outcome = run(
        tmp_path,
        bare(
            ping(at("09:00"), N500),
            ping(at("09:30"), N50),
            consent_event(at("10:00"), "location.matching", "withdrawn"),
            ping(at("10:10"), N50),
            ping(at("12:00"), N50),
            consent_event(at("13:00"), "location.matching", "granted"),
            ping(at("13:10"), N50),
            geofences=collection(SHOP_FENCE),
            presence={"dwell_s": 120},
            dispatch={"delay_s": 60},
        ),
    )
    assert outcome.story() == ["enter f 09:30", "exit f 10:00", "enter f 13:10"]
    enter, leave, again = outcome.transitions
    assert leave["reason"] == "consent"
    assert leave["visit_id"] == enter["visit_id"] != again["visit_id"]
    assert again["initial"] is True
    assert outcome.refused == {"consent_location_missing": 2}
    first = rows(outcome.messages, queued_at=at("09:30"))[0]
    assert (first["status"], first["reason"], first["sent_at"]) == ("cancelled", "cancelled_consent", None)


def test_s21_a_ping_recorded_before_the_new_consent_does_not_reach_into_the_old_visit(tmp_path):
    """Consent given again starts as first sight: what was recorded before it and arrives late makes no visit that
    overlaps another. Whether such a ping is refused is not said, and not asserted."""
    outcome = run(
        tmp_path,
        walk(
            ("00:00", N50),
            consent_event(at("00:30"), "location.matching", "withdrawn"),
            consent_event(at("00:40"), "location.matching", "granted"),
            ("00:50", N50),
            ping(at("00:55"), N50, recorded_at=at("00:20")),
        ),
    )
    assert outcome.story() == ["enter f 00:00", "exit f 00:30", "enter f 00:50"]


def test_s21_a_withdrawal_already_in_the_ledger_closes_the_visit_at_its_own_instant(tmp_path):
    ledger = [
        consent(LONG_AGO, "location.matching", "granted"),
        consent(at("02:00"), "location.matching", "withdrawn"),
    ]
    outcome = run(tmp_path, walk(("00:00", N50), ("01:00", N50), ("03:00", N50), consents=ledger))
    assert outcome.story() == ["enter f 00:00", "exit f 02:00"]
    assert outcome.refused == {"consent_location_missing": 1}


# --- one instant, and late pings over an edit


def test_at_one_instant_edits_come_before_pings(tmp_path):
    assert run(tmp_path, walk(("00:00", N500), ("01:00", N50), delete("01:00"))).transitions == []


@pytest.mark.parametrize(
    ("before", "story"),
    [(N50, ["enter f 00:00", "exit f 00:30"]), (N500, ["enter f 00:20", "exit f 00:30"])],
)
def test_a_late_ping_does_not_bring_a_deleted_fence_back(tmp_path, before, story):
    late = ping(at("00:40"), N50, recorded_at=at("00:20"))
    outcome = run(tmp_path, walk(("00:00", before), delete("00:30"), ("00:35", N500), late, ("01:00", N50)))
    assert outcome.story() == story
    assert outcome.transitions[-1]["reason"] == "fence_deleted"
