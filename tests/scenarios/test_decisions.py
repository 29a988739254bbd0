"""Behaviour table of campaigns, row by row, on fixture F0: what is decided, and for which reason.

D27 and D29, where campaigns compete, are in test_rivals.py.
"""

from typing import Any

import pytest

from tests.scenarios.harness import (
    ABSENT,
    CENTER,
    CUSTOMER,
    G1,
    G2,
    N50,
    N500,
    N1000,
    NOON,
    Row,
    arrive,
    berlin,
    campaign_a,
    circle,
    collection,
    consent,
    consent_event,
    f0,
    later,
    only,
    ping,
    prior_send,
    run,
    shop,
    the_end,
)

NO_DAYPART: Row = {"dayparts": []}
FAR_AWAY = (52.6000, 13.5000)


def decision(tmp_path, scenario: Row) -> Row:
    """The one row that the scenario leaves."""
    return only(run(tmp_path, scenario).match_log)


def test_d01_default_event(tmp_path):
    outcome = run(tmp_path, f0(*arrive()))
    row, message = only(outcome.match_log), only(outcome.messages)
    assert row["outcome"] == "send"
    assert (row["customer_id"], row["campaign_id"], row["geofence_id"]) == (CUSTOMER, "camp-7", "f1")
    assert (row["shop_id"], row["trigger"], row["at"], row["decided_at"]) == ("s1", "enter", NOON, NOON)
    assert row["expires_at"] == message["expires_at"] == "2026-06-02T10:20:00Z"
    assert message["message_id"] == row["message_id"]
    assert message["decision_id"] == row["decision_id"]
    assert (message["status"], message["channel"]) == ("accepted", "sms")
    assert message["queued_at"] == message["sent_at"] == NOON
    assert message["text"].startswith("Coffee −20 % until ")
    assert "{" not in message["text"]


def test_d01_rows_have_the_promised_keys(tmp_path):
    outcome = run(tmp_path, f0(*arrive()))
    assert set(only(outcome.match_log)) >= {
        "decision_id", "customer_id", "campaign_id", "geofence_id", "shop_id", "trigger", "at", "decided_at",
        "outcome", "reason", "reasons", "detail", "not_before", "expires_at", "tz_used", "tz_source",
        "would_have_sent", "winner_campaign_id", "message_id",
    }  # fmt: skip
    assert set(only(outcome.messages)) >= {
        "message_id", "decision_id", "customer_id", "campaign_id", "channel", "status", "queued_at", "sent_at",
        "expires_at", "text", "reason",
    }  # fmt: skip
    assert outcome.counted("outcomes") == {"send": 1}
    assert outcome.counted("messages") == {"accepted": 1}


def test_d01_missing_accuracy_counts_as_none(tmp_path):
    assert decision(tmp_path, f0(ping(later(NOON, -60), N1000), ping(NOON, N50)))["outcome"] == "send"


def test_d02_the_same_ping_again(tmp_path):
    first = {"ping_id": "p-2", "device_id": "phone"}
    again = [ping(when, N50, accuracy_m=15, recorded_at=NOON, **first) for when in [NOON, *4 * [later(NOON, 5)]]]
    outcome = run(tmp_path, f0(ping(later(NOON, -60), N1000, ping_id="p-1", device_id="phone"), *again))
    assert outcome.verdicts() == ["send"]
    assert len(outcome.messages) == 1
    assert outcome.refused == {"duplicate_ping": 4}


def test_d03_captured_ten_minutes_ago(tmp_path):
    recorded = berlin("2026-06-02 11:50")
    row = decision(tmp_path, f0(ping(later(recorded, -60), N1000), ping(NOON, N50, recorded_at=recorded)))
    assert (row["outcome"], row["reason"]) == ("suppress", "ping_stale")
    assert (row["at"], row["decided_at"]) == (recorded, NOON)


@pytest.mark.parametrize(("age_s", "outcome"), [(300, "send"), (301, "suppress")])
def test_d03_boundary(tmp_path, age_s, outcome):
    recorded = later(NOON, -age_s)
    pings = [ping(later(recorded, -60), N1000), ping(NOON, N50, recorded_at=recorded)]
    assert decision(tmp_path, f0(*pings))["outcome"] == outcome


def test_d03_captured_in_the_future(tmp_path):
    """Refused at the door: counted, and no row."""
    outcome = run(tmp_path, f0(ping(NOON, N50, recorded_at=berlin("2026-06-02 12:10"))))
    assert outcome.match_log == outcome.transitions == []
    assert outcome.refused == {"ping_from_future": 1}


@pytest.mark.parametrize(("ahead_s", "refused"), [(60, {}), (61, {"ping_from_future": 1})])
def test_d03_a_clock_may_run_ahead_by_max_future_s(tmp_path, ahead_s, refused):
    assert run(tmp_path, f0(ping(NOON, N50, recorded_at=later(NOON, ahead_s)))).refused == refused


def test_d04_accuracy_400_m(tmp_path):
    """The visit is entered all the same: only the message is held back."""
    outcome = run(tmp_path, f0(*arrive(accuracy_m=400)))
    assert outcome.verdicts() == ["suppress ping_inaccurate"]
    assert [row["kind"] for row in outcome.transitions] == ["enter"]


@pytest.mark.parametrize(("accuracy_m", "outcome"), [(75, "send"), (75.1, "suppress")])
def test_d04_boundary(tmp_path, accuracy_m, outcome):
    assert decision(tmp_path, f0(*arrive(accuracy_m=accuracy_m)))["outcome"] == outcome


def test_d05_cooldown(tmp_path):
    after = [
        ping(berlin(f"2026-06-02 12:{minute}"), place) for minute, place in [("05", N50), ("06", N500), ("10", N50)]
    ]
    outcome = run(tmp_path, f0(*arrive(), *after))
    assert outcome.verdicts() == ["send", "suppress fence_cooldown"], "12:05 is no transition and leaves no row"
    assert outcome.match_log[1]["at"] == berlin("2026-06-02 12:10")
    assert {"fence_cooldown", "re_eligibility", "cap_min_gap"} <= set(outcome.match_log[1]["reasons"])


@pytest.mark.parametrize(("back", "verdict"), [("17:59:59", "suppress fence_cooldown"), ("18:00:00", "send")])
def test_d05_cooldown_is_over_at_six(tmp_path, back, verdict):
    second = arrive(berlin(f"2026-06-02 {back}"))
    assert run(tmp_path, f0(*arrive(), *second, campaign={"re_eligibility_s": ABSENT})).verdicts() == ["send", verdict]


@pytest.mark.parametrize(("after_s", "verdict"), [(259199, "suppress re_eligibility"), (259200, "send")])
def test_d05_re_eligibility_is_over_after_72_hours(tmp_path, after_s, verdict):
    assert run(tmp_path, f0(*arrive(), *arrive(later(NOON, after_s)))).verdicts() == ["send", verdict]


DWELL: dict[str, Any] = {"campaign": {"trigger": {"on": "dwell"}}, "presence": {"dwell_s": 120}}


def test_d06_dwell_not_met(tmp_path):
    visit = [*arrive(), ping(later(NOON, 40), N50), ping(later(NOON, 70), N500)]
    assert run(tmp_path, f0(*visit, **DWELL)).match_log == []


def test_d06_dwell_met(tmp_path):
    visit = [*arrive(), ping(later(NOON, 40), N50), ping(later(NOON, 150), N50)]
    row = decision(tmp_path, f0(*visit, **DWELL))
    assert (row["outcome"], row["trigger"]) == ("send", "dwell")
    assert (row["at"], row["decided_at"]) == (later(NOON, 120), later(NOON, 150))


def test_d07_no_location_consent(tmp_path):
    """No row and no trace of where the customer was."""
    place = (52.5204123, 13.4050678)
    marketing = [consent("2026-01-01T09:00:00Z", action=action) for action in ("granted", "confirmed")]
    outcome = run(tmp_path, f0(*arrive(position=place), consents=marketing))
    assert outcome.match_log == outcome.transitions == outcome.messages == []
    assert outcome.refused == {"consent_location_missing": 2}
    for file in outcome.folder.iterdir():
        assert b"52.5204" not in file.read_bytes()
        assert b"13.4050" not in file.read_bytes()


def test_d08_marketing_withdrawn(tmp_path):
    withdrawn = consent_event(berlin("2026-06-02 11:59:59"), action="withdrawn")
    row = decision(tmp_path, f0(withdrawn, *arrive()))
    assert (row["outcome"], row["reason"]) == ("suppress", "consent_withdrawn")


def test_d09_double_opt_in_not_clicked(tmp_path):
    ledger = [
        consent("2026-01-01T09:00:00Z", "location.matching", "granted"),
        consent("2026-01-01T09:00:00Z", action="granted"),
    ]
    outcome = run(tmp_path, f0(*arrive(), consents=ledger))
    assert outcome.verdicts() == ["suppress consent_unconfirmed"]
    assert outcome.messages == []


STOP = consent_event(later(NOON, 5), action="withdrawn")


def test_d10_stop_between_queue_and_dispatch(tmp_path):
    outcome = run(tmp_path, f0(*arrive(), STOP, the_end(later(NOON, 60)), dispatch={"delay_s": 7}))
    message = only(outcome.messages)
    assert (message["status"], message["reason"]) == ("cancelled", "cancelled_consent")
    assert (message["queued_at"], message["sent_at"]) == (NOON, None)
    assert outcome.verdicts() == ["send"], "the row is written once; later fate is the message's"


def test_d10_dispatcher_reaches_the_row_seven_seconds_later(tmp_path):
    outcome = run(tmp_path, f0(*arrive(), the_end(later(NOON, 60)), dispatch={"delay_s": 7}))
    assert only(outcome.messages)["sent_at"] == later(NOON, 7)


def test_d10_releases_the_budget(tmp_path):
    second = arrive(later(NOON, 600), customer="cust-0005")
    scenario = f0(
        *arrive(), STOP, *second, the_end(later(NOON, 700)), customers=[CUSTOMER, "cust-0005"],
        campaign={"budget": {"messages": 1}}, dispatch={"delay_s": 7},
    )  # fmt: skip
    assert run(tmp_path, scenario).verdicts() == ["send", "send"]


def test_d10_releases_the_caps(tmp_path):
    again = [
        consent_event(later(NOON, 300), action="granted"),
        consent_event(later(NOON, 301), action="confirmed"),
        *arrive(later(NOON, 600)),
        the_end(later(NOON, 700)),
    ]
    scenario = f0(
        *arrive(), STOP, *again, dispatch={"delay_s": 7},
        campaign={"fence_cooldown_s": ABSENT, "re_eligibility_s": ABSENT},
    )  # fmt: skip
    assert run(tmp_path, scenario).verdicts() == ["send", "send"], "G3 (4 h) does not count the cancelled message"


@pytest.mark.parametrize(("when", "verdict"), [(NOON, "suppress consent_marketing_expired"), (later(NOON, -1), "send")])
def test_d14_valid_until_is_exclusive(tmp_path, when, verdict):
    ledger = [
        consent("2026-01-01T09:00:00Z", "location.matching", "granted"),
        consent("2026-01-01T09:05:00Z", action="confirmed", valid_until=NOON),
    ]
    assert run(tmp_path, f0(*arrive(when), consents=ledger)).verdicts() == [verdict]


@pytest.mark.parametrize(
    ("wall", "verdict"),
    [
        ("2026-06-02 22:30:00", "suppress quiet_hours"),
        ("2026-06-02 20:59:59", "send"),
        ("2026-06-02 21:00:00", "suppress quiet_hours"),
        ("2026-06-02 07:59:59", "suppress quiet_hours"),
        ("2026-06-02 08:00:00", "send"),
    ],
)
def test_d15_quiet_hours(tmp_path, wall, verdict):
    assert run(tmp_path, f0(*arrive(berlin(wall)), campaign=NO_DAYPART)).verdicts() == [verdict]


def deferring(expires_after_s: int) -> Row:
    return {**NO_DAYPART, "on_quiet": "defer", "offer": {"expires_after_s": expires_after_s}}


def test_d16_defer(tmp_path):
    row = decision(tmp_path, f0(*arrive("2026-06-02T20:30:00Z"), campaign=deferring(43200)))
    assert row["outcome"] == "defer"
    assert row["not_before"] == "2026-06-03T06:00:00Z"
    assert row["expires_at"] == "2026-06-03T08:30:00Z"


def test_d16_offer_that_would_not_last(tmp_path):
    outcome = run(tmp_path, f0(*arrive("2026-06-02T20:30:00Z"), campaign=deferring(1200)))
    assert outcome.verdicts() == ["suppress expires_before_quiet_end"]
    assert outcome.messages == []


def test_d17_defer_over_the_night_that_is_an_hour_short(tmp_path):
    opened = {**deferring(43200), "active": {"from": "2026-01-01T00:00:00Z", "until": "2027-01-01T00:00:00Z"}}
    row = decision(tmp_path, f0(*arrive("2026-03-28T21:30:00Z"), campaign=opened))
    assert row["outcome"] == "defer"
    assert row["not_before"] == "2026-03-29T06:00:00Z"


OPEN_SEA = (30.0, -40.0)


@pytest.mark.parametrize(
    ("wall", "verdict"), [("2026-06-02 22:30", "suppress quiet_hours"), ("2026-06-02 12:00", "send")]
)
def test_d21_no_zone_anywhere_is_the_tenants_zone_and_never_skips_the_quiet_check(tmp_path, wall, verdict):
    """Over the open sea there is no civil time zone; the customer has none either."""
    scenario = f0(
        *arrive(berlin(wall), (30.0004, -40.0)),
        campaign=NO_DAYPART,
        customers=[{"id": CUSTOMER}],
        shops=[shop(position=OPEN_SEA)],
        geofences=collection(circle("f1", OPEN_SEA, 150, shop_id="s1")),
    )
    outcome = run(tmp_path, scenario)
    assert outcome.verdicts() == [verdict]
    row = only(outcome.match_log)
    assert (row["tz_source"], row["tz_used"]) == ("tenant_default", "Europe/Berlin")


@pytest.mark.parametrize(
    ("when", "verdict"),
    [("2026-06-08T09:59:59Z", "suppress cap_rolling"), ("2026-06-08T10:00:00Z", "send")],
)
def test_d22_rolling_cap_ages_out_at_the_boundary(tmp_path, when, verdict):
    before = [prior_send(f"2026-06-0{day}T10:00:00Z") for day in (1, 3, 5)]
    assert run(tmp_path, f0(*before, *arrive(when), campaign=NO_DAYPART)).verdicts() == [verdict]


def test_d23_min_gap_over_midnight(tmp_path):
    """Ten past midnight the calendar cap would allow it; seventy minutes are less than four hours."""
    scenario = f0(
        prior_send(berlin("2026-06-02 23:00")),
        *arrive(berlin("2026-06-03 00:10")),
        campaign=NO_DAYPART,
        policy={"quiet_hours": []},
    )
    row = decision(tmp_path, scenario)
    assert (row["outcome"], row["reason"]) == ("suppress", "cap_min_gap")
    assert "cap_calendar" not in row["reasons"]


def test_d25_two_devices_one_slot(tmp_path):
    """One instant, two fences, two campaigns, one G2 slot: one send, and the other finds the cap used up."""
    scenario = f0(
        prior_send("2026-05-30T10:00:00Z"),
        prior_send("2026-05-31T10:00:00Z"),
        ping(later(NOON, -60), N1000, device_id="phone"),
        ping(NOON, N50, device_id="phone", ping_id="p1"),
        ping(NOON, FAR_AWAY, device_id="watch", ping_id="p2"),
        campaign=NO_DAYPART,
        others=[campaign_a(id="camp-8", shop_id="s2", dayparts=[])],
        policy={"caps": [G1, G2]},
        shops=[shop(), shop("s2", FAR_AWAY)],
        geofences=collection(circle("f1", CENTER, 150, shop_id="s1"), circle("f2", FAR_AWAY, 150, shop_id="s2")),
    )
    outcome = run(tmp_path, scenario)
    assert sorted(outcome.verdicts()) == ["send", "suppress cap_rolling"]
    assert len(outcome.sent) == 1
