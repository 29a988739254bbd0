"""Who lost an opportunity and is a fall-back gets it if the winner's message is cancelled at dispatch (§5.4)."""

from typing import Any

from tests.scenarios.harness import (
    CUSTOMER,
    NOON,
    Outcome,
    Row,
    arrive,
    bare,
    campaign_a,
    later,
    only,
    rows,
    run,
    the_end,
)

FREE = {"active": {}, "dayparts": [], "re_eligibility_s": 0, "fence_cooldown_s": 0, "budget": {}, "holdout": None}
EVERYBODY = {"percent": 100, "salt": "everybody"}


def other(key: str, priority: int, **changes: Any) -> Row:
    return campaign_a(**FREE, id=key, priority=priority) | changes


def paused(key: str, seconds: float = 3) -> Row:
    return {"at": later(NOON, seconds), "campaign": {"id": key, "action": "pause"}}


def stopped(tmp_path: Any, *others: Row, events: tuple[Row, ...] = (), **campaign: Any) -> Outcome:
    """Campaign `first` wins at noon and is paused before its message is reached, seven seconds later."""
    rivals = [other("first", 80), *others]
    mine = {"fallback": True, **campaign}
    happened = (*arrive(), paused("first"), *events, the_end(later(NOON, 60)))
    return run(tmp_path, bare(*happened, campaign=mine, others=rivals, dispatch={"delay_s": 7}))


def told(outcome: Outcome) -> dict[str, str]:
    return {message["campaign_id"]: message["status"] for message in outcome.messages}


def test_a_fall_back_takes_the_place_of_a_winner_that_was_cancelled_at_dispatch(tmp_path):
    outcome = stopped(tmp_path)
    assert told(outcome) == {"first": "cancelled", "camp-7": "accepted"}
    lost = only(rows(outcome.match_log, campaign_id="camp-7"))
    assert (lost["outcome"], lost["reason"], lost["winner_campaign_id"]) == ("suppress", "lost_arbitration", "first")
    assert (lost["detail"]["arbitration"]["fallback"], lost["message_id"]) == (1, None)
    message = only(rows(outcome.messages, campaign_id="camp-7"))
    assert message["decision_id"] == lost["decision_id"]
    assert (message["queued_at"], message["sent_at"]) == (later(NOON, 7), later(NOON, 14))
    assert message["expires_at"] == lost["expires_at"] == later(NOON, 1200)


def test_without_a_fall_back_the_place_stays_empty(tmp_path):
    outcome = stopped(tmp_path, fallback=False)
    assert told(outcome) == {"first": "cancelled"}
    assert only(rows(outcome.match_log, campaign_id="camp-7"))["detail"]["arbitration"] == {
        "winner_campaign_id": "first",
        "reason": "lost_arbitration",
    }


def test_an_offer_that_is_over_does_not_come_back(tmp_path):
    assert told(stopped(tmp_path, offer={"text": "Tea", "expires_after_s": 7})) == {"first": "cancelled"}


def test_whoever_is_held_out_of_the_fall_back_leaves_the_place_empty_for_the_next_one_too(tmp_path):
    outcome = stopped(tmp_path, other("third", 10, fallback=True), holdout=EVERYBODY)
    assert told(outcome) == {"first": "cancelled"}


def test_fall_backs_go_in_the_order_of_their_arbitration_and_each_only_once(tmp_path):
    third = other("third", 60, fallback=True)
    assert told(stopped(tmp_path, third)) == {"first": "cancelled", "third": "accepted"}
    assert told(stopped(tmp_path / "2", third, events=(paused("third"),))) == {
        "first": "cancelled",
        "camp-7": "accepted",
    }
    twice = stopped(tmp_path / "3", third, events=(paused("third", 10),))
    assert told(twice) == {"first": "cancelled", "third": "cancelled", "camp-7": "accepted"}


def test_a_fall_back_is_decided_on_the_facts_of_its_own_instant(tmp_path):
    withdrawn = {"customer_id": CUSTOMER, "purpose": "marketing.nearby", "channel": "sms", "action": "withdrawn"}
    outcome = stopped(tmp_path, events=({"at": later(NOON, 5), "consent": withdrawn},))
    assert told(outcome) == {"first": "cancelled"}
    full = {"id": "gap", "scope": "customer", "kind": "min_gap", "window_s": 3600}
    sent = {"customer_id": CUSTOMER, "campaign_id": "elsewhere", "status": "accepted"}
    outcome = stopped(tmp_path / "2", events=({"at": later(NOON, 5), "prior_send": sent},), caps=[full])
    assert told(outcome) == {"first": "cancelled"}
