"""Between the queue and the recorder: deferral, holding, and the second look at dispatch."""

import pytest

from tests.scenarios.harness import (
    ABSENT,
    CENTER,
    N50,
    N500,
    N1000,
    NOON,
    Row,
    arrive,
    bare,
    berlin,
    circle,
    collection,
    consent,
    consent_event,
    later,
    only,
    ping,
    prior_send,
    run,
    the_end,
)

EVENING = "2026-06-02T20:30:00Z"  # 22:30 in Berlin
MORNING = "2026-06-03T06:00:00Z"  # 08:00, where the quiet hours end
NIGHT = {"quiet_hours": [{"from": "21:00", "until": "08:00"}]}
DEFERRING = {"on_quiet": "defer", "offer": {"expires_after_s": 43200}}


def deferred(*after: Row, **more) -> Row:
    return bare(*arrive(EVENING), *after, the_end("2026-06-03T10:00:00Z"), campaign=DEFERRING, policy=NIGHT, **more)


# --- deferred by quiet hours


def test_a_deferred_message_goes_out_when_the_quiet_hours_end(tmp_path):
    """The visit is still open. Its ping is old by then, which does not count."""
    outcome = run(tmp_path, deferred())
    message = only(outcome.messages)
    assert (message["status"], message["sent_at"]) == ("accepted", MORNING)
    row = only(outcome.match_log)
    assert (row["outcome"], row["not_before"]) == ("defer", MORNING)


def test_a_deferred_message_waits_for_its_instant(tmp_path):
    """The clock stops one second before."""
    scenario = bare(*arrive(EVENING), the_end(later(MORNING, -1)), campaign=DEFERRING, policy=NIGHT)
    assert run(tmp_path, scenario).sent == []


def test_a_deferred_message_is_cancelled_when_the_visit_ended(tmp_path):
    message = only(run(tmp_path, deferred(ping(later(EVENING, 3600), N1000))).messages)
    assert (message["status"], message["reason"], message["sent_at"]) == ("cancelled", "cancelled_left", None)


def test_a_deferred_message_is_cancelled_when_a_gap_ended_the_visit(tmp_path):
    message = only(run(tmp_path, deferred(presence={"gap_s": 3600})).messages)
    assert (message["status"], message["reason"], message["sent_at"]) == ("cancelled", "cancelled_left", None)


def test_a_deferred_message_is_cancelled_when_its_fence_was_deleted(tmp_path):
    elsewhere = circle("elsewhere", (52.6, 13.5), 100, shop_id="s1")
    fences = collection(circle("f1", CENTER, 150, shop_id="s1"), elsewhere)
    scenario = deferred({"at": later(EVENING, 600), "geofence_delete": "f1"}, geofences=fences)
    message = only(run(tmp_path, scenario).messages)
    assert (message["status"], message["sent_at"]) == ("cancelled", None)


def test_a_deferred_message_is_cancelled_by_withdrawal(tmp_path):
    message = only(run(tmp_path, deferred(consent_event(later(EVENING, 600), action="withdrawn"))).messages)
    assert (message["status"], message["reason"], message["sent_at"]) == ("cancelled", "cancelled_consent", None)


def test_a_withdrawal_at_the_very_instant_of_dispatch_wins(tmp_path):
    message = only(run(tmp_path, deferred(consent_event(MORNING, action="withdrawn"))).messages)
    assert (message["status"], message["reason"], message["sent_at"]) == ("cancelled", "cancelled_consent", None)


def test_leaving_at_the_very_instant_of_dispatch_is_too_late_to_stop_it(tmp_path):
    """At one instant due work comes before pings."""
    assert only(run(tmp_path, deferred(ping(MORNING, N1000))).messages)["sent_at"] == MORNING


@pytest.mark.parametrize(("expires_after_s", "outcome"), [(34200, "suppress"), (34201, "defer")])
def test_an_offer_must_outlast_the_quiet_hours(tmp_path, expires_after_s, outcome):
    """From 22:30 to 08:00 are 34,200 s; `expires_at <= quiet_end` is too short."""
    campaign = {"on_quiet": "defer", "offer": {"expires_after_s": expires_after_s}}
    scenario = bare(*arrive(EVENING), campaign=campaign, policy=NIGHT)
    assert only(run(tmp_path, scenario).match_log)["outcome"] == outcome


# --- held by a cap

GAP = {"id": "G3", "scope": "customer", "kind": "min_gap", "window_s": 14400}
FREE_AT = "2026-06-02T13:00:00Z"


def held(*after: Row) -> Row:
    """A message at 11:00 in Berlin; at noon the 4 h gap has three hours to go, and the offer is valid for six."""
    return bare(
        prior_send("2026-06-02T09:00:00Z"),
        *arrive(),
        *after,
        the_end("2026-06-02T18:00:00Z"),
        campaign={"on_cap": "hold", "offer": {"expires_after_s": 21600}},
        policy={"caps": [GAP]},
    )


def test_on_cap_hold_sends_when_the_cap_is_free(tmp_path):
    outcome = run(tmp_path, held())
    row = only(outcome.match_log)
    assert (row["outcome"], row["reason"], row["not_before"]) == ("defer", "cap_min_gap", FREE_AT)
    message = only(outcome.messages)
    assert (message["status"], message["sent_at"]) == ("accepted", FREE_AT)


def test_on_cap_hold_is_cancelled_when_the_visit_ended(tmp_path):
    message = only(run(tmp_path, held(ping(later(NOON, 3600), N500))).messages)
    assert (message["status"], message["reason"], message["sent_at"]) == ("cancelled", "cancelled_left", None)


def test_on_cap_drop_is_the_default(tmp_path):
    scenario = held()
    del scenario["campaigns"][0]["on_cap"]
    outcome = run(tmp_path, scenario)
    assert outcome.verdicts() == ["suppress cap_min_gap"]
    assert outcome.messages == []


def test_on_quiet_drop_is_the_default(tmp_path):
    scenario = bare(*arrive(EVENING), campaign={"offer": {"expires_after_s": 43200}}, policy=NIGHT)
    outcome = run(tmp_path, scenario)
    assert outcome.verdicts() == ["suppress quiet_hours"]
    assert outcome.messages == []


# --- the dispatcher comes seven seconds later


def dispatched(*after: Row, when: str = NOON, **more) -> Row:
    return bare(*arrive(when), *after, the_end(later(when, 600)), dispatch={"delay_s": 7}, **more)


def campaign_event(when: str, action: str) -> Row:
    return {"at": when, "campaign": {"id": "camp-7", "action": action}}


@pytest.mark.parametrize("action", ["pause", "end"])
def test_campaign_stopped_between_queue_and_dispatch(tmp_path, action):
    message = only(run(tmp_path, dispatched(campaign_event(later(NOON, 3), action))).messages)
    assert (message["status"], message["reason"], message["sent_at"]) == ("cancelled", "cancelled_campaign", None)


def test_campaign_paused_and_activated_again_before_dispatch(tmp_path):
    events = [campaign_event(later(NOON, 3), "pause"), campaign_event(later(NOON, 5), "activate")]
    assert only(run(tmp_path, dispatched(*events)).messages)["sent_at"] == later(NOON, 7)


def test_a_paused_campaign_leaves_a_row_and_no_message(tmp_path):
    outcome = run(tmp_path, bare(campaign_event(later(NOON, -30), "pause"), *arrive()))
    assert outcome.verdicts() == ["suppress campaign_inactive"]
    assert outcome.messages == []


def test_location_consent_withdrawn_between_queue_and_dispatch(tmp_path):
    withdrawn = consent_event(later(NOON, 3), "location.matching", "withdrawn")
    message = only(run(tmp_path, dispatched(withdrawn)).messages)
    assert (message["status"], message["reason"], message["sent_at"]) == ("cancelled", "cancelled_consent", None)


def test_quiet_hours_began_between_queue_and_dispatch(tmp_path):
    when = berlin("2026-06-02 20:59:55")
    message = only(run(tmp_path, dispatched(when=when, policy=NIGHT)).messages)
    assert (message["status"], message["reason"], message["sent_at"]) == ("cancelled", "cancelled_quiet", None)


@pytest.mark.parametrize(("expires_after_s", "sent"), [(7, False), (8, True)])
def test_offer_expired_between_queue_and_dispatch(tmp_path, expires_after_s, sent):
    """At `expires_at` itself it is too late."""
    scenario = dispatched(campaign={"offer": {"expires_after_s": expires_after_s}})
    message = only(run(tmp_path, scenario).messages)
    assert message["status"] == ("accepted" if sent else "expired")
    assert (message["sent_at"] is not None) is sent


def test_an_unchanged_world_lets_the_message_pass_its_own_cap_and_budget(tmp_path):
    """The second look does not count the message's own reservation."""
    cap = {"id": "once", "scope": "customer", "kind": "rolling", "window_s": 86400, "limit": 1}
    rules = {"budget": {"messages": 1}, "re_eligibility_s": 259200, "fence_cooldown_s": 21600}
    message = only(run(tmp_path, dispatched(policy={"caps": [cap, GAP]}, campaign=rules)).messages)
    assert (message["status"], message["sent_at"]) == ("accepted", later(NOON, 7))


def test_leaving_within_seconds_does_not_stop_a_message_that_was_not_deferred(tmp_path):
    """Only a deferred or held message is cancelled for having left."""
    assert only(run(tmp_path, dispatched(ping(later(NOON, 3), N500))).messages)["sent_at"] == later(NOON, 7)


def test_expires_after_s_is_twenty_minutes_by_default(tmp_path):
    scenario = bare(*arrive(), campaign={"offer": {"text": "Hello", "expires_after_s": ABSENT}})
    assert only(run(tmp_path, scenario).messages)["expires_at"] == later(NOON, 1200)


def test_a_message_in_flight_counts_for_the_next_decision(tmp_path):
    """A message counts from queueing: three seconds later, in the other fence, the cap is used up."""
    cap = {"id": "once", "scope": "customer", "kind": "rolling", "window_s": 86400, "limit": 1}
    fences = collection(circle("f1", CENTER, 150, shop_id="s1"), circle("f2", (52.5245, 13.405), 100, shop_id="s1"))
    scenario = dispatched(ping(later(NOON, 3), N500), policy={"caps": [cap]}, geofences=fences)
    outcome = run(tmp_path, scenario)
    assert outcome.verdicts() == ["send", "suppress cap_rolling"]
    assert [row["geofence_id"] for row in outcome.match_log] == ["f1", "f2"]


def test_the_clock_stops_before_the_dispatcher_comes(tmp_path):
    """Nothing was sent; what the file calls it then is not said."""
    outcome = run(tmp_path, bare(*arrive(), ping(later(NOON, 3), N50), dispatch={"delay_s": 7}))
    assert only(outcome.messages)["sent_at"] is None


# --- several at once


def test_deferred_candidates_of_one_instant_compete_too(tmp_path):
    scenario = deferred()
    scenario["campaigns"].append({**scenario["campaigns"][0], "id": "camp-8", "priority": 90})
    outcome = run(tmp_path, scenario)
    assert outcome.verdicts(campaign_id="camp-7") == ["suppress lost_arbitration"]
    assert only(outcome.sent)["campaign_id"] == "camp-8"


def test_a_deferred_message_of_a_paused_campaign(tmp_path):
    pause = {"at": later(EVENING, 60), "campaign": {"id": "camp-7", "action": "pause"}}
    message = only(run(tmp_path, deferred(pause)).messages)
    assert (message["status"], message["reason"], message["sent_at"]) == ("cancelled", "cancelled_campaign", None)


def test_a_withdrawal_dated_before_the_queueing_and_heard_of_after_it(tmp_path):
    heard = consent_event(later(NOON, 5), action="withdrawn")
    heard["consent"]["at"] = later(NOON, -500)
    message = only(run(tmp_path, dispatched(heard)).messages)
    assert (message["status"], message["reason"], message["sent_at"]) == ("cancelled", "cancelled_consent", None)


@pytest.mark.parametrize(("ends_after_s", "sent"), [(7, False), (8, True)])
def test_consent_that_ends_between_queue_and_dispatch(tmp_path, ends_after_s, sent):
    ledger = [
        consent("2026-01-01T09:00:00Z", "location.matching", "granted"),
        consent("2026-01-01T09:00:00Z", valid_until=later(NOON, ends_after_s)),
    ]
    message = only(run(tmp_path, dispatched(consents=ledger)).messages)
    assert (message["sent_at"] is not None) is sent
    assert message["reason"] == (None if sent else "cancelled_consent")


def test_a_cancelled_message_makes_nobody_ineligible(tmp_path):
    """Re-eligibility and cooldown go by what was sent."""
    scenario = dispatched(
        consent_event(later(NOON, 5), action="withdrawn"),
        consent_event(later(NOON, 300), action="granted"),
        consent_event(later(NOON, 301), action="confirmed"),
        *arrive(later(NOON, 500)),
        campaign={"re_eligibility_s": 259200, "fence_cooldown_s": 21600},
    )
    outcome = run(tmp_path, scenario)
    assert outcome.verdicts() == ["send", "send"]
    assert only(outcome.sent)["sent_at"] == later(NOON, 507)


def test_an_expired_message_gives_its_budget_back(tmp_path):
    people = ["cust-0001", "cust-0005"]
    scenario = dispatched(
        *arrive(later(NOON, 300), customer="cust-0005"),
        customers=people,
        campaign={"budget": {"messages": 1}, "offer": {"expires_after_s": 5}},
    )
    assert run(tmp_path, scenario).verdicts() == ["send", "send"]
