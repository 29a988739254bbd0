"""The rule book at its boundaries, rule by rule; everything else is as it should be."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from nearcast.domain.campaign import CampaignState, Trigger
from nearcast.domain.consent import ConsentAction, ConsentEvent, in_ledger_order
from nearcast.domain.customer import Shop
from nearcast.domain.opening_hours import OpeningHours
from nearcast.domain.policy import ConsentReminder, PingRules, Policy
from tests.domain.builders import (
    BERLIN,
    CONFIRMED,
    FENCE,
    GRANTED,
    NOON,
    TOKYO,
    WITHDRAWN,
    against,
    campaign,
    candidate,
    consent,
    customer,
    evidence,
    hours,
    hours_ago,
    judged,
    later,
    local,
    location_consent,
    min_gap,
    rolling,
    said,
    send,
    shop,
    until,
    window,
)


def test_nothing_is_against_the_default_case() -> None:
    assert against() == []


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ([], "consent_location_missing"),
        ([location_consent(WITHDRAWN)], "consent_location_missing"),
        ([location_consent(GRANTED, later(1))], "consent_location_missing"),
        ([location_consent(GRANTED, valid_until=NOON)], "consent_location_expired"),
        ([location_consent(GRANTED, valid_until=later(1))], None),
        ([location_consent(GRANTED, sender="s1")], None),
    ],
)
def test_location_consent(events: list[Any], reason: str | None) -> None:
    marketing = consent(CONFIRMED)
    assert against(consents=(marketing, *events)) == said(reason)


DAY_S, REMINDED = 86_400, ConsentAction.REMINDED
TOLD = (location_consent(GRANTED, later(-DAY_S)), consent(CONFIRMED, later(-DAY_S)))


@pytest.mark.parametrize(
    ("every_s", "blocks", "events", "reasons"),
    [
        (DAY_S + 1, True, TOLD, []),
        (DAY_S, False, TOLD, []),
        (DAY_S, True, TOLD, ["consent_location_expired", "consent_marketing_expired"]),
        (DAY_S, True, (*TOLD, consent(REMINDED, later(-1))), ["consent_location_expired"]),
        (DAY_S, True, (*TOLD, consent(WITHDRAWN, later(-1))), ["consent_location_expired", "consent_withdrawn"]),
    ],
)
def test_an_overdue_reminder_blocks_where_a_tenant_says_so(
    every_s: float, blocks: bool, events: tuple[ConsentEvent, ...], reasons: list[str]
) -> None:
    policy = Policy(consent_reminder=ConsentReminder(timedelta(seconds=every_s), blocks))
    assert against(consents=tuple(in_ledger_order(events)), policy=policy) == reasons


def test_when_a_reminder_is_due_is_in_the_detail_only_where_there_is_such_a_rule() -> None:
    policy = Policy(consent_reminder=ConsentReminder(timedelta(days=2)))
    assert judged(consents=TOLD, policy=policy).detail["marketing_consent"]["reminder_due_at"] == later(DAY_S)
    assert "reminder_due_at" not in judged(consents=TOLD).detail["marketing_consent"]


@pytest.mark.parametrize(
    ("age_s", "reason"), [(-60, None), (0, None), (300, None), (300.001, "ping_stale"), (600, "ping_stale")]
)
def test_ping_age(age_s: float, reason: str | None) -> None:
    assert against(candidate(ping=evidence(recorded_at=later(-age_s)))) == said(reason)


@pytest.mark.parametrize(("accuracy_m", "reason"), [(0, None), (75, None), (75.01, "ping_inaccurate")])
def test_ping_accuracy(accuracy_m: float, reason: str | None) -> None:
    assert against(candidate(ping=evidence(accuracy_m=accuracy_m))) == said(reason)


def test_ping_rules_are_the_policys() -> None:
    strict = Policy(ping_rules=PingRules(max_age_s=5, max_accuracy_m=5))
    old_and_coarse = candidate(ping=evidence(recorded_at=later(-6), accuracy_m=6))
    assert against(old_and_coarse, policy=strict) == ["ping_stale", "ping_inaccurate"]


def test_a_run_has_its_own_limit_of_age() -> None:
    stale = evidence(recorded_at=hours_ago(1), accuracy_m=80)
    assert against(candidate(trigger=Trigger.SCHEDULE, ping=stale)) == ["ping_inaccurate"]


def test_without_a_ping_there_is_nothing_wrong_with_it() -> None:
    assert against(candidate(ping=None)) == []


@pytest.mark.parametrize("state", CampaignState)
def test_only_an_active_campaign_sends(state: CampaignState) -> None:
    expected = None if state is CampaignState.ACTIVE else "campaign_inactive"
    assert against(candidate(campaign(state=state))) == said(expected)


@pytest.mark.parametrize(
    ("dates", "reason"),
    [
        ({"active_from": NOON}, None),
        ({"active_from": later(1)}, "outside_window"),
        ({"active_until": later(1)}, None),
        ({"active_until": NOON}, "outside_window"),
        ({"active_from": NOON, "active_until": later(1)}, None),
    ],
)
def test_campaign_window(dates: dict[str, datetime], reason: str | None) -> None:
    assert against(candidate(campaign(**dates))) == said(reason)


def test_a_campaign_that_is_to_come_says_when() -> None:
    assert until(candidate(campaign(active_from=later(60)))) == [later(60)]
    assert until(candidate(campaign(active_until=NOON))) == [None]
    assert until(candidate(campaign(active_from=hours_ago(1), active_until=NOON))) == [None]


@pytest.mark.parametrize(
    ("wall", "reason"),
    [
        ("2026-06-02 09:59:59", "outside_daypart"),
        ("2026-06-02 10:00", None),
        ("2026-06-02 19:59:59", None),
        ("2026-06-02 20:00", "outside_daypart"),
        ("2026-06-06 12:00", "outside_daypart"),
    ],
)
def test_dayparts_are_read_by_the_shops_clock(wall: str, reason: str | None) -> None:
    weekdays = campaign(dayparts=hours(window("10:00-20:00", "mon tue wed thu fri")))
    for zone in (BERLIN, TOKYO):
        at = local(wall, zone)
        assert against(candidate(weekdays, ping=None, shop=shop(zone=zone)), now=at) == said(reason)


def test_outside_the_daypart_the_next_one_is_told() -> None:
    weekdays = campaign(dayparts=hours(window("10:00-20:00", "mon tue wed thu fri")))
    for zone in (BERLIN, TOKYO):
        visit = candidate(weekdays, ping=None, shop=shop(zone=zone))
        assert until(visit, now=local("2026-06-05 20:00", zone)) == [local("2026-06-08 10:00", zone)]


@pytest.mark.parametrize(
    ("of", "wall", "opens"),
    [
        (shop(), "2026-06-07 03:00", "open"),
        (shop(opening_hours=OpeningHours.parse("Mo-Sa 08:00-20:00")), "2026-06-02 08:00", "open"),
        (shop(opening_hours=OpeningHours.parse("Mo-Sa 08:00-20:00")), "2026-06-02 20:00", "2026-06-03 08:00"),
        (shop(opening_hours=OpeningHours.parse("Mo-Sa 08:00-20:00")), "2026-06-06 20:00", "2026-06-08 08:00"),
        (shop(closed_on=frozenset({date(2026, 6, 2)})), "2026-06-02 12:00", "2026-06-03 00:00"),
        (shop(closed_on=frozenset({date(2026, 6, 2)})), "2026-06-03 00:00", "open"),
        (shop(opening_hours=OpeningHours.parse("off")), "2026-06-02 12:00", None),
    ],
)
@pytest.mark.parametrize("zone", [BERLIN, TOKYO])
def test_opening_hours_are_read_by_the_shops_clock(of: Shop, wall: str, opens: str | None, zone: ZoneInfo) -> None:
    expected = [] if opens == "open" else [opens and local(opens, zone)]
    visit, now = candidate(shop=replace(of, zone=zone), ping=None), local(wall, zone)
    assert until(visit, now=now) == expected
    assert against(visit, now=now) == ["shop_closed"] * len(expected)


@pytest.mark.parametrize(("channels", "reason"), [({"sms"}, "suppressed_address"), ({"email"}, None)])
def test_a_suppressed_address(channels: set[str], reason: str | None) -> None:
    assert against(customer=customer(suppressed=frozenset(channels))) == said(reason)


@pytest.mark.parametrize(
    ("channels", "reason"),
    [(None, None), ({"sms", "email"}, None), ({"email"}, "no_address"), (set(), "no_address")],
)
def test_an_address_on_the_campaigns_channel(channels: set[str] | None, reason: str | None) -> None:
    """None: nobody asks for addresses, as in a replay."""
    reachable = None if channels is None else frozenset(channels)
    assert against(customer=customer(reachable=reachable)) == said(reason)


def test_an_address_that_is_there_is_told_as_one_that_nobody_asks_for() -> None:
    asked, unasked = (judged(customer=customer(reachable=channels)) for channels in (frozenset({"sms"}), None))
    assert asked.detail == unasked.detail


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ([], "consent_marketing_missing"),
        ([consent(GRANTED)], "consent_unconfirmed"),
        ([consent(CONFIRMED, valid_until=NOON)], "consent_marketing_expired"),
        ([consent(CONFIRMED), consent(WITHDRAWN, NOON)], "consent_withdrawn"),
        ([consent(CONFIRMED, NOON)], None),
        ([consent(CONFIRMED, channel="email")], "consent_marketing_missing"),
        ([consent(CONFIRMED, sender="s1")], "consent_marketing_missing"),
    ],
)
def test_marketing_consent(events: list[Any], reason: str | None) -> None:
    assert against(consents=(location_consent(), *events)) == said(reason)


def test_the_lines_that_consent_rests_on_are_told() -> None:
    detail = judged().detail
    assert detail["location_consent"]["event_ids"] == ("location",)
    assert detail["marketing_consent"]["event_ids"] == ("marketing",)


@pytest.mark.parametrize(
    ("audience", "tags", "fits"),
    [
        ({}, "", True),
        ({"audience_any": "vip local"}, "vip", True),
        ({"audience_any": "vip local"}, "new", False),
        ({"audience_all": "vip local"}, "vip", False),
        ({"audience_all": "vip local"}, "vip local new", True),
        ({"audience_none": "staff"}, "staff vip", False),
        ({"audience_none": "staff"}, "", True),
        ({"audience_any": "vip", "audience_all": "local", "audience_none": "staff"}, "vip local", True),
        ({"audience_any": "vip", "audience_all": "local", "audience_none": "staff"}, "vip local staff", False),
    ],
)
def test_audience(audience: dict[str, str], tags: str, fits: bool) -> None:
    of = candidate(campaign(**{rule: frozenset(words.split()) for rule, words in audience.items()}))
    assert against(of, customer=customer(tags=frozenset(tags.split()))) == said(None if fits else "not_in_audience")


@pytest.mark.parametrize(("age_s", "reason"), [(21_599, "fence_cooldown"), (21_600, None)])
def test_fence_cooldown(age_s: float, reason: str | None) -> None:
    of = candidate(campaign(fence_cooldown_s=21_600))
    assert against(of, sends=(send(later(-age_s), geofence_id=FENCE),)) == said(reason)
    assert against(of, sends=(send(later(-age_s), "camp-7", geofence_id="elsewhere"),)) == []


@pytest.mark.parametrize(
    ("rests", "sent", "now", "until"),
    [
        # came at half past eight, comes at eight the next day: too early by the hour, not by the day
        ({"re_eligibility_s": 86_400.0}, "2026-06-01 08:30", "2026-06-02 08:00", "2026-06-02 08:30"),
        ({"re_eligibility_days": 1}, "2026-06-01 08:30", "2026-06-02 08:00", None),
        ({"re_eligibility_days": 1}, "2026-06-01 08:30", "2026-06-01 23:59:59", "2026-06-02 00:00"),
        ({"re_eligibility_days": 1}, "2026-06-01 23:59:59", "2026-06-02 00:00", None),
        ({"re_eligibility_days": 7}, "2026-06-01 12:00", "2026-06-07 12:00", "2026-06-08 00:00"),
        ({"re_eligibility_days": 1}, "2026-10-25 00:30", "2026-10-25 23:59:59", "2026-10-26 00:00"),  # 25 hours
        (
            {"re_eligibility_days": 1, "re_eligibility_s": 43_200.0},
            "2026-06-01 23:00",
            "2026-06-02 10:59",
            "2026-06-02 11:00",
        ),
        (
            {"re_eligibility_days": 1, "re_eligibility_s": 43_200.0},
            "2026-06-01 08:00",
            "2026-06-01 21:00",
            "2026-06-02 00:00",
        ),
    ],
)
def test_re_eligibility_by_the_hour_and_by_the_day(
    rests: dict[str, Any], sent: str, now: str, until: str | None
) -> None:
    of, at = candidate(campaign(**rests), ping=None), local(now)
    verdict = judged(of, now=at, sends=(send(local(sent), "camp-7"),))
    assert [(f.reason, f.until) for f in verdict.findings if f.reason] == (
        [("re_eligibility", local(until))] if until else []
    )


@pytest.mark.parametrize(("age_s", "reason"), [(259_199, "re_eligibility"), (259_200, None)])
def test_re_eligibility(age_s: float, reason: str | None) -> None:
    of = candidate(campaign(re_eligibility_s=259_200))
    assert against(of, sends=(send(later(-age_s), "camp-7"),)) == said(reason)
    assert against(of, sends=(send(later(-age_s), "camp-8", geofence_id=FENCE),)) == []


def test_rest_is_measured_from_the_last_message() -> None:
    of = candidate(campaign(fence_cooldown_s=3600, re_eligibility_s=7200))
    sends = tuple(send(hours_ago(age), "camp-7", geofence_id=FENCE) for age in (0.5, 1.5))
    assert until(of, sends=sends) == [later(1800), later(5400)]


def test_every_rule_says_what_it_saw() -> None:
    rules = [finding.rule for finding in judged(policy=Policy(caps=(rolling(1, 60), min_gap(60)))).findings]
    assert rules == [
        "location_consent",
        "ping_age",
        "ping_accuracy",
        "spatial",
        "place_policy",
        "campaign_state",
        "campaign_window",
        "daypart",
        "shop_open",
        "suppression",
        "marketing_consent",
        "address",
        "audience",
        "fence_cooldown",
        "re_eligibility",
        "quiet_hours",
        "cap R",
        "cap G",
        "budget",
    ]
