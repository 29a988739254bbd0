"""Frequency caps by kind, scope and what counts; budget."""

from typing import Any

import pytest

from nearcast.domain.errors import InvalidInput
from tests.scenarios.harness import (
    ABSENT,
    CENTER,
    CUSTOMER,
    NOON,
    Position,
    Row,
    arrive,
    bare,
    campaign_a,
    circle,
    collection,
    later,
    opted_in,
    prior_send,
    rows,
    run,
    shop,
)

NORTH: Position = (52.5500, 13.4050)
ONCE = {"id": "once", "kind": "rolling", "window_s": 86400, "limit": 1}


def capped(cap: Row, *events: Row, **more: Any) -> Row:
    return bare(*events, policy={"caps": [cap]}, **more)


# --- kinds


@pytest.mark.parametrize(
    ("unit", "before", "verdict"),
    [
        ("day", "2026-06-01T21:59:59Z", "send"),
        ("day", "2026-06-01T22:00:00Z", "suppress cap_calendar"),
        ("week", "2026-05-31T21:59:59Z", "send"),  # Sunday
        ("week", "2026-05-31T22:00:00Z", "suppress cap_calendar"),  # Monday
        ("month", "2026-05-31T21:59:59Z", "send"),
        ("month", "2026-05-31T22:00:00Z", "suppress cap_calendar"),
    ],
)
def test_calendar_caps_count_from_local_midnight(tmp_path, unit, before, verdict):
    """Tuesday 2026-06-02 in Berlin: the day, the ISO week and the month so far."""
    cap = {"id": "c", "scope": "customer", "kind": "calendar", "unit": unit, "limit": 1}
    assert run(tmp_path, capped(cap, prior_send(before), *arrive())).verdicts() == [verdict]


@pytest.mark.parametrize(
    ("before", "event", "verdict"),
    [
        ("2026-03-28T22:59:59Z", "2026-03-29T10:00:00Z", "send"),
        ("2026-03-28T23:00:00Z", "2026-03-29T21:59:59Z", "suppress cap_calendar"),
        ("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", "send"),
        ("2026-10-24T22:00:00Z", "2026-10-25T22:59:59Z", "suppress cap_calendar"),
        ("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", "send"),
    ],
)
def test_a_calendar_day_has_23_or_25_hours_when_clocks_change(tmp_path, before, event, verdict):
    cap = {"id": "c", "scope": "customer", "kind": "calendar", "unit": "day", "limit": 1}
    assert run(tmp_path, capped(cap, prior_send(before), *arrive(event))).verdicts() == [verdict]


@pytest.mark.parametrize(("age_s", "verdict"), [(86399, "suppress cap_rolling"), (86400, "send")])
def test_a_rolling_cap_counts_what_is_younger_than_its_window(tmp_path, age_s, verdict):
    cap = {**ONCE, "scope": "customer"}
    assert run(tmp_path, capped(cap, prior_send(later(NOON, -age_s)), *arrive())).verdicts() == [verdict]


def test_min_gap(tmp_path):
    cap = {"id": "g", "scope": "customer", "kind": "min_gap", "window_s": 14400}
    assert run(tmp_path, capped(cap, prior_send(later(NOON, -14399)), *arrive())).verdicts() == ["suppress cap_min_gap"]


def test_rules_are_anded(tmp_path):
    caps = [{**ONCE, "scope": "customer", "limit": 9}, {**ONCE, "id": "twice", "scope": "customer", "limit": 1}]
    scenario = bare(prior_send(later(NOON, -600)), *arrive(), policy={"caps": caps})
    assert run(tmp_path, scenario).verdicts() == ["suppress cap_rolling"]


def test_a_campaign_has_caps_of_its_own(tmp_path):
    cap = {**ONCE, "scope": "campaign"}
    scenario = bare(*arrive(), *arrive(later(NOON, 600)), campaign={"caps": [cap]})
    assert run(tmp_path, scenario).verdicts() == ["send", "suppress cap_rolling"]


# --- what counts


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        *[
            (status, "suppress cap_rolling")
            for status in ("accepted", "sent", "delivered", "read", "bounced", "unknown")
        ],
        *[(status, "send") for status in ("cancelled", "expired", "transactional", "ghost")],
    ],
)
def test_what_counts(tmp_path, status, verdict):
    """A message counts from queueing and is freed by what ends it before acceptance; transactional ones never count."""
    cap = {**ONCE, "scope": "customer"}
    assert run(tmp_path, capped(cap, prior_send(later(NOON, -600), status), *arrive())).verdicts() == [verdict]


def test_an_earlier_message_of_the_same_campaign_counts_for_re_eligibility(tmp_path):
    before = prior_send(later(NOON, -3600), campaign_id="camp-7")
    scenario = bare(before, *arrive(), campaign={"re_eligibility_s": 7200})
    assert run(tmp_path, scenario).verdicts() == ["suppress re_eligibility"]


def test_at_one_instant_prior_sends_come_before_pings(tmp_path):
    cap = {**ONCE, "scope": "customer"}
    assert run(tmp_path, capped(cap, *arrive(), prior_send(NOON))).verdicts() == ["suppress cap_rolling"]


def test_somebody_elses_messages_do_not_count(tmp_path):
    cap = {**ONCE, "scope": "customer"}
    scenario = capped(cap, prior_send(later(NOON, -600), customer="stranger"), *arrive())
    assert run(tmp_path, scenario).verdicts() == ["send"]


def test_a_suppressed_candidate_does_not_use_the_cap(tmp_path):
    cap = {**ONCE, "scope": "customer"}
    scenario = capped(cap, *arrive(accuracy_m=400), *arrive(later(NOON, 600)))
    assert run(tmp_path, scenario).verdicts() == ["suppress ping_inaccurate", "send"]


# --- scopes


@pytest.mark.parametrize(
    ("scope", "verdict"),
    [
        ("customer", "suppress cap_rolling"),
        ("shop", "send"),
        ("campaign", "send"),
        ("geofence", "send"),
        ("channel", "suppress cap_rolling"),
    ],
)
def test_scope_seen_from_another_shops_campaign(tmp_path, scope, verdict):
    """A message at one shop, by SMS; ten minutes later another shop's campaign at its own fence, by SMS too."""
    scenario = capped(
        {**ONCE, "scope": scope},
        *arrive(),
        *arrive(later(NOON, 600), NORTH),
        others=[campaign_b("s2", "sms")],
        shops=[shop(), shop("s2", NORTH)],
        geofences=collection(circle("f1", CENTER, 150, shop_id="s1"), circle("f2", NORTH, 150, shop_id="s2")),
    )
    assert run(tmp_path, scenario).verdicts() == ["send", verdict]


@pytest.mark.parametrize(
    ("scope", "verdict"),
    [
        ("customer", "suppress cap_rolling"),
        ("shop", "suppress cap_rolling"),
        ("campaign", "send"),
        ("geofence", "send"),
        ("channel", "send"),
    ],
)
def test_scope_seen_from_the_same_shops_other_fence_and_channel(tmp_path, scope, verdict):
    """The same shop's second campaign, at the shop's second fence, by e-mail."""
    scenario = capped(
        {**ONCE, "scope": scope},
        *arrive(),
        *arrive(later(NOON, 600), NORTH),
        campaign={"geofence_ids": ["f1"]},
        others=[campaign_b("s1", "email")],
        geofences=collection(circle("f1", CENTER, 150, shop_id="s1"), circle("f2", NORTH, 150, shop_id="s1")),
    )
    scenario["consents"] += opted_in(channel="email")[1:]
    assert run(tmp_path, scenario).verdicts() == ["send", verdict]


@pytest.mark.parametrize("scope", ["customer", "shop", "campaign", "geofence", "channel"])
def test_every_scope_counts_the_same_visit_again(tmp_path, scope):
    scenario = capped({**ONCE, "scope": scope}, *arrive(), *arrive(later(NOON, 600)))
    assert run(tmp_path, scenario).verdicts() == ["send", "suppress cap_rolling"]


def campaign_b(shop_id: str, channel: str) -> Row:
    """Campaign A's rules off, at fence f2."""
    return campaign_a(
        id="camp-b",
        shop_id=shop_id,
        geofence_ids=["f2"],
        channel=channel,
        holdout=ABSENT,
        re_eligibility_s=ABSENT,
        fence_cooldown_s=ABSENT,
    )


# --- budget


def test_budget_exhausted(tmp_path):
    people = [CUSTOMER, "cust-0005", "cust-0100"]
    visits = [event for n, who in enumerate(people) for event in arrive(later(NOON, 60 * n), customer=who)]
    outcome = run(tmp_path, bare(*visits, customers=people, campaign={"budget": {"messages": 2}}))
    assert outcome.verdicts() == ["send", "send", "suppress budget_exhausted"]
    assert [row["customer_id"] for row in rows(outcome.match_log, outcome="send")] == people[:2]


def test_two_customers_at_one_instant_and_one_message_left(tmp_path):
    people = [CUSTOMER, "cust-0005"]
    visits = [event for who in people for event in arrive(customer=who)]
    outcome = run(tmp_path, bare(*visits, customers=people, campaign={"budget": {"messages": 1}}))
    assert sorted(outcome.verdicts()) == ["send", "suppress budget_exhausted"]


def test_budget_in_money_lasts_for_as_many_messages_as_the_dearest_of_them_allows(tmp_path):
    people = [CUSTOMER, "cust-0005", "cust-0100"]
    visits = [event for n, who in enumerate(people) for event in arrive(later(NOON, 60 * n), customer=who)]
    prices = [
        {"channel": "sms", "value": "0.05", "currency": "EUR"},
        {"channel": "sms", "market": "NL", "value": "0.10", "currency": "EUR"},
    ]
    budget = {"amount": {"value": 0.29, "currency": "EUR"}}
    outcome = run(tmp_path, bare(*visits, customers=people, campaign={"budget": budget}, billing={"prices": prices}))
    assert outcome.verdicts() == ["send", "send", "suppress budget_exhausted"]


@pytest.mark.parametrize(
    ("text", "sent"),
    [("Coffee " * 10, 2), ("Coffee " * 30, 1), ("Coffee − " * 12, 1), ("Hello {customer.name}", 0)],
)
def test_budget_in_money_reserves_a_price_for_each_segment_that_a_text_may_have(tmp_path, text: str, sent: int):
    people = [CUSTOMER, "cust-0005", "cust-0100"]
    visits = [event for n, who in enumerate(people) for event in arrive(later(NOON, 60 * n), customer=who)]
    prices = [{"channel": "sms", "value": "0.10", "currency": "EUR"}]
    campaign = {"budget": {"amount": {"value": 0.29, "currency": "EUR"}}, "offer": {"text": text}}
    outcome = run(tmp_path, bare(*visits, customers=people, campaign=campaign, billing={"prices": prices}))
    assert outcome.verdicts() == ["send"] * sent + ["suppress budget_exhausted"] * (3 - sent)


def test_budget_in_money_without_a_price_is_refused(tmp_path):
    budget = {"amount": {"value": "5", "currency": "CHF"}}
    with pytest.raises(InvalidInput, match="no price of channel 'sms' is known in CHF"):
        run(tmp_path, bare(campaign={"budget": budget}))
