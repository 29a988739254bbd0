"""Messages that wait: for a visit already over, without consent, for one slot; and what a run makes of a ping."""

from typing import Any

import pytest

from tests.scenarios.harness import (
    CENTER,
    N50,
    N500,
    NOON,
    Row,
    arrive,
    bare,
    berlin,
    circle,
    collection,
    consent_event,
    later,
    only,
    ping,
    prior_send,
    rows,
    run,
    the_end,
)

EVENING = "2026-06-02T20:30:00Z"  # 22:30 in Berlin
MORNING = "2026-06-03T06:00:00Z"  # 08:00, where the quiet hours end
NIGHT = {"quiet_hours": [{"from": "21:00", "until": "08:00"}]}
DEFERRING = {"on_quiet": "defer", "offer": {"expires_after_s": 43200}}


def overnight(*events: Row, campaign: Row = DEFERRING, **more: Any) -> Row:
    return bare(*events, the_end("2026-06-03T10:00:00Z"), campaign=campaign, policy=NIGHT, **more)


def fate(message: Row) -> tuple[str, str | None, str | None]:
    return message["status"], message["reason"], message["sent_at"]


LEFT = ("cancelled", "cancelled_left", None)


# --- the visit is over when the message is queued


def in_and_out_at_once(*, listed: int = 1) -> list[Row]:
    """A phone that was offline: in at 22:29:50, out at 22:29:55, both heard of at 22:30."""
    walk = [(later(EVENING, -10), N50), (later(EVENING, -5), N500)]
    return [ping(EVENING, place, recorded_at=recorded) for recorded, place in walk][::listed]


@pytest.mark.parametrize("listed", [1, -1])
def test_a_visit_already_over_when_its_message_is_put_off_is_left(tmp_path, listed):
    outcome = run(tmp_path, overnight(ping(later(EVENING, -60), N500), *in_and_out_at_once(listed=listed)))
    assert [row["kind"] for row in outcome.transitions] == ["enter", "exit"]
    assert outcome.verdicts() == ["defer quiet_hours"]
    assert fate(only(outcome.messages)) == LEFT


def test_a_visit_that_active_hours_ended_before_it_was_heard_of_is_left(tmp_path):
    """Recorded at 22:29:50, received at 22:30:30; the fence closed between the two: ENTER and EXIT in one step."""
    closing = circle("f1", CENTER, 150, shop_id="s1", active_hours="08:00-22:30")
    received = later(EVENING, 30)
    entered = ping(received, N50, recorded_at=later(EVENING, -10))
    outcome = run(tmp_path, overnight(ping(later(EVENING, -60), N500), entered, geofences=collection(closing)))
    assert [(row["kind"], row["at"]) for row in outcome.transitions] == [
        ("enter", later(EVENING, -10)),
        ("exit", EVENING),
    ]
    assert outcome.verdicts() == ["defer quiet_hours"]
    assert fate(only(outcome.messages)) == LEFT


def test_a_held_message_for_a_visit_already_over_is_left(tmp_path):
    """The same by day, for a cap instead of the quiet hours."""
    gap = {"id": "gap", "scope": "customer", "kind": "min_gap", "window_s": 14400}
    both = [ping(NOON, N50, recorded_at=later(NOON, -10)), ping(NOON, N500, recorded_at=later(NOON, -5))]
    scenario = bare(
        prior_send(later(NOON, -10800)),
        *both,
        the_end(later(NOON, 7200)),
        campaign={"on_cap": "hold", "offer": {"expires_after_s": 21600}},
        policy={"caps": [gap]},
    )
    outcome = run(tmp_path, scenario)
    assert outcome.verdicts() == ["defer cap_min_gap"]
    assert fate(only(outcome.messages)) == LEFT


def test_an_offer_for_having_left_outlives_the_visit(tmp_path):
    """The counterpart: who left is to be told of it in the morning."""
    campaign = {**DEFERRING, "trigger": {"on": "exit"}}
    outcome = run(tmp_path, overnight(*in_and_out_at_once(), campaign=campaign))
    assert fate(only(outcome.messages)) == ("accepted", None, MORNING)


def test_coming_back_does_not_bring_the_message_of_the_first_visit_back(tmp_path):
    """Each visit has an offer of its own; the one of the visit that was over stays cancelled."""
    outcome = run(tmp_path, overnight(*in_and_out_at_once(), ping(later(EVENING, 60), N50)))
    over, open_still = outcome.messages
    assert fate(over) == LEFT
    assert (open_still["queued_at"], open_still["sent_at"]) == (later(EVENING, 60), MORNING)


# --- consent to location


@pytest.mark.parametrize("after_s", [1, 3600, 34200])
def test_a_put_off_message_is_cancelled_when_location_consent_is_withdrawn(tmp_path, after_s):
    """Up to the very instant at which it would have gone out."""
    withdrawn = consent_event(later(EVENING, after_s), "location.matching", "withdrawn")
    outcome = run(tmp_path, overnight(*arrive(EVENING), withdrawn))
    assert fate(only(outcome.messages)) == ("cancelled", "cancelled_consent", None)
    assert outcome.transitions[-1]["reason"] == "consent"


def test_a_message_put_off_for_having_left_needs_location_consent_too(tmp_path):
    """No visit is open that could end; the message is cancelled all the same."""
    withdrawn = consent_event(later(EVENING, 3600), "location.matching", "withdrawn")
    campaign = {**DEFERRING, "trigger": {"on": "exit"}}
    outcome = run(tmp_path, overnight(*in_and_out_at_once(), withdrawn, campaign=campaign))
    assert fate(only(outcome.messages)) == ("cancelled", "cancelled_consent", None)


def test_location_consent_given_again_does_not_revive_a_put_off_message(tmp_path):
    away = consent_event(later(EVENING, 60), "location.matching", "withdrawn")
    back = consent_event(later(EVENING, 120), "location.matching", "granted")
    outcome = run(tmp_path, overnight(*arrive(EVENING), away, back))
    assert fate(only(outcome.messages)) == ("cancelled", "cancelled_consent", None)


# --- two messages for one slot

FREE_AT = later(NOON, 3600)


def two_holds(expires_after_s: float, *, second: str = "camp-8", priority: int = 50) -> Row:
    """The gap of two hours since a message is over at 11:00Z. At 10:10Z the customer comes into the wide fence, at
    10:20Z into the near one as well: both offers wait for the one slot."""
    scenario = bare(
        prior_send(later(FREE_AT, -7200)),
        ping(later(NOON, 600), N500),
        ping(later(NOON, 1200), N50),
        the_end(later(NOON, 36000)),
        campaign={"on_cap": "hold", "offer": {"expires_after_s": expires_after_s}, "geofence_ids": ["wide"]},
        geofences=collection(circle("wide", CENTER, 700, shop_id="s1"), circle("near", CENTER, 150, shop_id="s1")),
        policy={"caps": [{"id": "gap", "scope": "customer", "kind": "min_gap", "window_s": 7200}]},
    )
    near = {**scenario["campaigns"][0], "id": second, "geofence_ids": ["near"], "priority": priority}
    return {**scenario, "campaigns": [*scenario["campaigns"], near]}


@pytest.mark.parametrize("priority", [10, 90])
@pytest.mark.parametrize("second", ["camp-8", "camp-9", "camp-1", "another"])
def test_of_two_held_messages_for_one_slot_the_earlier_is_sent(tmp_path, second, priority):
    """Its reservation came first, whatever the later one is called and however important it is."""
    outcome = run(tmp_path, two_holds(7200, second=second, priority=priority))
    assert outcome.verdicts() == ["defer cap_min_gap", "defer cap_min_gap"]
    message = only(outcome.sent)
    assert (message["campaign_id"], message["sent_at"]) == ("camp-7", FREE_AT)
    later_one = only(rows(outcome.messages, campaign_id=second))
    assert later_one["status"] in {"cancelled", "expired"}


def test_the_later_of_two_held_messages_waits_for_the_next_slot(tmp_path):
    outcome = run(tmp_path, two_holds(28800))
    first, second = outcome.sent
    assert (first["campaign_id"], first["sent_at"]) == ("camp-7", FREE_AT)
    assert (second["campaign_id"], second["sent_at"]) == ("camp-8", later(FREE_AT, 7200))


# --- what a run makes of the last ping

DUE = berlin("2026-06-02 11:30")


def scheduled(*events: Row) -> Row:
    """At 11:30 to whoever was seen near the shop in the last half hour."""
    rule = {"cron": "30 11 * * *", "timezone": "Europe/Berlin", "seen_within_s": 1800, "within_m": 500}
    return bare(*events, the_end(later(DUE, 600)), campaign={"trigger": {"on": "schedule"}, "schedule": rule})


@pytest.mark.parametrize(
    ("earlier_m", "last_m", "expected"),
    [(8, 500, "suppress ping_inaccurate"), (500, 8, "send"), (8, 75, "send"), (8, 75.5, "suppress ping_inaccurate")],
)
def test_a_run_asks_how_exact_the_last_ping_was_and_no_other(tmp_path, earlier_m, last_m, expected):
    pings = [ping(later(DUE, -900), N50, accuracy_m=earlier_m), ping(later(DUE, -600), N50, accuracy_m=last_m)]
    assert run(tmp_path, scheduled(*pings)).verdicts() == [expected]


@pytest.mark.parametrize("held_up_s", [0, 1000])
def test_a_run_does_not_ask_how_old_the_last_ping_was_or_how_late_it_came(tmp_path, held_up_s):
    """`ping_stale` is counted for what arrives late; runs go by `seen_within_s`."""
    seen = ping(later(DUE, held_up_s - 1200), N50, recorded_at=later(DUE, -1200))
    outcome = run(tmp_path, scheduled(seen))
    assert outcome.verdicts() == ["send"]
    assert only(outcome.match_log)["reasons"] == []
