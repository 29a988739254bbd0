"""Quiet hours in every zone that may be the customer's, frequency caps and budgets, before the rule book."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearcast.domain.campaign import NOTHING_SPENT, Campaign, MoneyBudget, Offer, Spent, WhenHeld
from nearcast.domain.case import ZoneSource
from nearcast.domain.policy import CapScope, FrequencyCap, Policy
from nearcast.domain.price import Money
from tests.domain.builders import (
    BERLIN,
    FENCE,
    SHOP,
    TOKYO,
    against,
    calendar,
    campaign,
    candidate,
    case,
    customer,
    evidence,
    facts,
    hours_ago,
    judged,
    later,
    local,
    min_gap,
    quiet,
    rolling,
    said,
    send,
    until,
)

NEW_YORK = ZoneInfo("America/New_York")
NIGHT = Policy(quiet_hours=quiet("21:00-08:00"))


# --- quiet hours and the zones they are read in


@pytest.mark.parametrize(
    ("wall", "quiet_until"),
    [
        ("2026-06-02 20:59:59", None),
        ("2026-06-02 21:00", "2026-06-03 08:00"),
        ("2026-06-03 07:59:59", "2026-06-03 08:00"),
        ("2026-06-03 08:00", None),
        ("2026-03-28 22:30", "2026-03-29 08:00"),
        ("2026-10-24 22:30", "2026-10-25 08:00"),
    ],
)
def test_quiet_hours(wall: str, quiet_until: str | None) -> None:
    visit, at = candidate(ping=None), local(wall)
    assert until(visit, now=at, policy=NIGHT) == ([local(quiet_until)] if quiet_until else [])
    assert against(visit, now=at, policy=NIGHT) == ["quiet_hours"] * bool(quiet_until)


@pytest.mark.parametrize(
    ("ping_zone", "profile", "last", "sources"),
    [
        (TOKYO, BERLIN, NEW_YORK, "ping_location customer_profile"),
        (TOKYO, None, NEW_YORK, "ping_location"),
        (TOKYO, TOKYO, None, "ping_location"),
        (None, BERLIN, NEW_YORK, "customer_profile last_location"),
        (None, BERLIN, BERLIN, "customer_profile"),
        (None, None, NEW_YORK, "last_location"),
        (None, None, None, "tenant_default"),
    ],
)
def test_the_zones_that_may_be_the_customers(
    ping_zone: ZoneInfo | None, profile: ZoneInfo | None, last: ZoneInfo | None, sources: str
) -> None:
    known = facts(customer=customer(zone=profile), last_zone=last)
    zones = case(candidate(ping=evidence(zone=ping_zone)), facts_=known).zones
    assert [source.value for _, source in zones] == sources.split()


@pytest.mark.parametrize(
    ("wall", "zone", "source"),
    [
        ("2026-06-02 15:00", "Asia/Tokyo", ZoneSource.PING_LOCATION),  # 22:00 in Tokyo
        ("2026-06-03 01:30", "Europe/Berlin", ZoneSource.CUSTOMER_PROFILE),  # 08:30 in Tokyo
    ],
)
def test_quiet_in_any_zone_is_quiet_and_that_zone_is_told(wall: str, zone: str, source: ZoneSource) -> None:
    at = local(wall)
    verdict = judged(candidate(ping=evidence(recorded_at=at, zone=TOKYO)), now=at, policy=NIGHT)
    assert (verdict.reason, verdict.timezone, verdict.zone_source) == ("quiet_hours", zone, source)


def test_quiet_hours_end_when_they_have_ended_in_every_zone() -> None:
    in_tokyo = candidate(ping=evidence(recorded_at=local("2026-06-02 15:00"), zone=TOKYO))
    assert until(in_tokyo, now=local("2026-06-02 15:00"), policy=NIGHT) == [local("2026-06-03 08:00")]


@pytest.mark.parametrize(
    ("expires_after_s", "reason", "outcome"),
    [
        (9 * 3600 + 1, "quiet_hours", "defer"),
        (9 * 3600, "expires_before_quiet_end", "suppress"),
        (1200, "expires_before_quiet_end", "suppress"),
    ],
)
def test_an_offer_is_put_off_if_it_outlasts_the_quiet_hours(expires_after_s: float, reason: str, outcome: str) -> None:
    at = local("2026-06-02 23:00")
    of = campaign(on_quiet=WhenHeld.DEFER, offer=Offer(text="Coffee", expires_after_s=expires_after_s))
    verdict = judged(candidate(of, ping=None), now=at, policy=NIGHT)
    assert (verdict.outcome, verdict.reason) == (outcome, reason)
    assert verdict.not_before == (local("2026-06-03 08:00") if outcome == "defer" else None)
    assert verdict.expires_at == at + timedelta(seconds=expires_after_s)


# --- caps and budget


@pytest.mark.parametrize(
    ("cap", "reason", "free_at"),
    [
        (rolling(1, 7200), "cap_rolling", later(3600)),
        (rolling(2, 7200), None, None),
        (rolling(1, 3600), None, None),
        (calendar(1), "cap_calendar", local("2026-06-03 00:00")),
        (calendar(2), None, None),
        (min_gap(7200), "cap_min_gap", later(3600)),
        (min_gap(3600), None, None),
        (rolling(0, 60), "cap_rolling", None),
    ],
)
def test_caps(cap: FrequencyCap, reason: str | None, free_at: datetime | None) -> None:
    an_hour_ago = (send(hours_ago(1)),)
    for policy, of in ((Policy(caps=(cap,)), campaign()), (Policy(), campaign(caps=(cap,)))):
        assert against(candidate(of), policy=policy, sends=an_hour_ago) == said(reason)
        assert until(candidate(of), policy=policy, sends=an_hour_ago) == [free_at] * bool(reason)


SAME: dict[CapScope, dict[str, Any]] = {
    CapScope.CUSTOMER: {},
    CapScope.SHOP: {"shop_id": SHOP},
    CapScope.CAMPAIGN: {"campaign_id": "camp-7"},
    CapScope.GEOFENCE: {"geofence_id": FENCE},
    CapScope.CHANNEL: {"channel": "sms"},
}


@pytest.mark.parametrize("scope", CapScope)
@pytest.mark.parametrize("sent", CapScope)
def test_a_cap_counts_what_is_in_its_scope(scope: CapScope, sent: CapScope) -> None:
    elsewhere = {"campaign_id": "other", "channel": "email"}
    earlier = send(hours_ago(1), **{**elsewhere, **SAME[sent]})
    expected = "cap_rolling" if scope in (CapScope.CUSTOMER, sent) else None
    assert against(policy=Policy(caps=(rolling(1, 7200, scope),)), sends=(earlier,)) == said(expected)


def test_a_run_belongs_to_no_geofence() -> None:
    run = candidate(campaign(fence_cooldown_s=7200), geofence_id=None)
    earlier = (send(hours_ago(1), geofence_id=None),)
    assert against(run, policy=Policy(caps=(rolling(1, 7200, CapScope.GEOFENCE),)), sends=earlier) == []


def test_a_calendar_day_is_that_of_the_best_known_zone() -> None:
    one_a_day = Policy(caps=(calendar(1),))
    at = local("2026-06-02 17:00")  # 00:00 on the 3rd in Tokyo
    earlier = (send(later(-1, at)),)
    assert against(candidate(ping=evidence(recorded_at=at)), now=at, policy=one_a_day, sends=earlier) == [
        "cap_calendar"
    ]
    in_tokyo = candidate(ping=evidence(recorded_at=at, zone=TOKYO))
    assert against(in_tokyo, now=at, policy=one_a_day, sends=earlier) == []


@pytest.mark.parametrize(
    ("free_in_s", "expires_after_s", "outcome"),
    [(3600, 3601, "defer"), (3600, 3600, "suppress"), (3600, 60, "suppress")],
)
def test_an_offer_is_held_if_it_outlasts_the_cap(free_in_s: float, expires_after_s: float, outcome: str) -> None:
    of = campaign(on_cap=WhenHeld.DEFER, offer=Offer(text="Coffee", expires_after_s=expires_after_s))
    one = Policy(caps=(rolling(1, 7200),))
    verdict = judged(candidate(of), policy=one, sends=(send(later(free_in_s - 7200)),))
    assert (verdict.outcome, verdict.reason) == (outcome, "cap_rolling")
    assert verdict.not_before == (later(free_in_s) if outcome == "defer" else None)


@pytest.mark.parametrize(
    ("limit", "used", "reason"),
    [(None, 10**9, None), (1, 0, None), (1, 1, "budget_exhausted"), (0, 0, "budget_exhausted"), (2, 1, None)],
)
def test_budget(limit: int | None, used: int, reason: str | None) -> None:
    of: Campaign = campaign(budget_messages=limit)
    assert against(candidate(of), budget_used={"camp-7": used, "camp-8": 10**9}) == said(reason)


def test_a_budget_that_nobody_has_touched_is_whole() -> None:
    assert against(candidate(campaign(budget_messages=1)), budget_used={}) == []


PRICED = MoneyBudget(Money(1_000_000, "EUR"), Money(160_000, "EUR"))


@pytest.mark.parametrize(
    ("used", "spent", "reason"),
    [
        (5, NOTHING_SPENT, None),
        (6, NOTHING_SPENT, "budget_exhausted"),
        (6, Spent(1, 10_000), None),
        (7, Spent(1, 10_000), "budget_exhausted"),
        (7, Spent(7, 1_000_000), "budget_exhausted"),
        (99, Spent(99, 840_000), None),
    ],
)
def test_a_budget_in_money_counts_what_was_booked_and_the_rest_at_the_highest_price(
    used: int, spent: Spent, reason: str | None
) -> None:
    of: Campaign = campaign(budget_money=PRICED)
    assert against(candidate(of), budget_used={"camp-7": used}, spent={"camp-7": spent}) == said(reason)


@given(
    st.integers(0, 10**7),
    st.integers(0, 10**6),
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=60),
)
def test_a_budget_in_money_is_never_exceeded_whatever_is_booked_when(
    amount: int, highest: int, story: list[tuple[float, bool]]
) -> None:
    budget = MoneyBudget(Money(amount, "EUR"), Money(highest, "EUR"))
    owed, spent = list[int](), NOTHING_SPENT
    for share, is_booked in story:
        most = budget.lasts_for(spent)
        if most is None or spent.messages + len(owed) < most:
            owed.append(int(share * highest))
        if is_booked and owed:
            spent = Spent(spent.messages + 1, spent.micros + owed.pop(0))
        assert spent.micros + sum(owed) <= amount or not highest


def test_the_shorter_of_two_budgets_holds() -> None:
    assert campaign(budget_messages=3, budget_money=PRICED).most_messages() == 3
    assert campaign(budget_messages=30, budget_money=PRICED).most_messages() == 6
    free = MoneyBudget(Money(1, "EUR"), Money(0, "EUR"))
    assert campaign(budget_money=free).most_messages() is None
