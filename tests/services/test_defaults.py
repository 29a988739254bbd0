"""What an absent or empty key means in a scenario (CONTRACT, "Defaults"): no such rule, but for a few."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from nearcast.domain.campaign import Campaign, CampaignClass, CampaignState, Offer, Schedule, Trigger, WhenHeld
from nearcast.domain.consent import ConsentAction
from nearcast.domain.customer import Customer, Shop
from nearcast.domain.errors import InvalidInput
from nearcast.domain.ids import CampaignId, CustomerId, GeofenceId, ShopId, TenantId
from nearcast.domain.policy import CapScope, PingRules, Policy
from nearcast.domain.visit import FirstSeen, PresenceRules, Profile
from nearcast.services.assembly import assemble, consent_event
from nearcast.services.scenario import ConsentShape, ScenarioShape
from nearcast.services.world import World
from tests.domain.builders import BERLIN, NOON

RAW = {"profile": "raw"}
CAMPAIGN: dict[str, Any] = {
    "id": "c1",
    "shop_id": "s1",
    "trigger": {"on": "enter"},
    "channel": "sms",
    "offer": {"text": "Coffee"},
}


def world(**scenario: Any) -> World:
    base = {"tenant": {"id": "t1", "timezone": "Europe/Berlin"}, "presence": RAW, "shops": [{"id": "s1"}]}
    shape = ScenarioShape.model_validate({**base, **scenario})
    return assemble(shape, Path("scenario.yaml"), no_file, no_note, repair=False)


def no_file(path: Path) -> list[Any]:
    raise AssertionError(path)


def no_note(note: str) -> None:
    raise AssertionError(note)


def campaign(**changes: Any) -> Campaign:
    (found,) = world(campaigns=[CAMPAIGN | changes]).campaigns.by_id.values()
    return found


@pytest.mark.parametrize(
    "policy",
    [None, {}, {"quiet_hours": None, "caps": None, "holdout": None}, {"quiet_hours": [], "caps": []}],
)
def test_without_a_policy_nothing_is_limited(policy: dict[str, Any] | None) -> None:
    said = {} if policy is None else {"policy": policy}
    assert world(**said).tenant.policy == Policy()
    assert not Policy().quiet_hours
    assert Policy().caps == ()
    assert Policy().holdout is None


@pytest.mark.parametrize("ping_rules", [None, {}, {"max_age_s": None}])
def test_ping_rules(ping_rules: dict[str, Any] | None) -> None:
    said = {} if ping_rules is None else {"ping_rules": ping_rules}
    rules = world(**said).tenant.policy.ping_rules
    assert rules == PingRules(max_age_s=300, max_accuracy_m=75, max_future_s=60)


@pytest.mark.parametrize(
    "presence", [RAW, {**RAW, "dwell_s": None, "lateness_s": None, "gap_s": None, "first_seen": None}]
)
def test_profile_raw(presence: dict[str, Any]) -> None:
    expected = PresenceRules(
        dwell_s=None, lateness_s=60, gap_s=None, first_seen=FirstSeen.ENTER, cross_within_s=None, max_speed_mps=70
    )
    assert world(presence=presence).tenant.presence == expected


def test_what_is_said_of_presence_holds() -> None:
    said = {
        "dwell_s": 1,
        "lateness_s": 0,
        "gap_s": 3,
        "first_seen": "suppress",
        "cross_within_s": 5,
        "max_speed_mps": 6,
    }
    assert world(presence=RAW | said).tenant.presence == PresenceRules(
        dwell_s=1, lateness_s=0, gap_s=3, first_seen=FirstSeen.SUPPRESS, cross_within_s=5, max_speed_mps=6
    )


@pytest.mark.parametrize("presence", [{}, {"profile": None}, {"profile": "robust"}, {"dwell_s": None, "gap_s": None}])
def test_the_profile_is_robust(presence: dict[str, Any]) -> None:
    assert world(presence=presence).tenant.presence == PresenceRules(
        profile=Profile.ROBUST,
        dwell_s=120,
        lateness_s=300,
        gap_s=1800,
        first_seen=FirstSeen.ENTER,
        cross_within_s=None,
        max_speed_mps=70,
        exit_margin_m=20,
    )


def test_what_is_said_of_profile_robust_holds() -> None:
    said = {"dwell_s": 1, "lateness_s": 2, "gap_s": 3, "max_speed_mps": 4, "exit_margin_m": 5, "cross_within_s": 6}
    rules = world(presence=said | {"first_seen": "suppress"}).tenant.presence
    assert rules == PresenceRules(profile=Profile.ROBUST, first_seen=FirstSeen.SUPPRESS, **said)


def test_a_tenant() -> None:
    nobody = assemble(ScenarioShape.model_validate({"presence": RAW}), Path("s"), no_file, no_note, repair=False)
    assert (nobody.tenant.id, nobody.tenant.zone.key, nobody.tenant.dispatch_delay_s) == ("tenant", "UTC", 0.0)


def test_a_shop_is_named_by_its_id_and_keeps_the_tenants_time() -> None:
    (shop,) = world(shops=[{"id": "s1"}]).shops.values()
    assert shop == Shop(
        id=ShopId("s1"), name="s1", zone=BERLIN, position=None, opening_hours=None, closed_on=frozenset()
    )


@pytest.mark.parametrize("empty", [{"opening_hours": None, "closed_on": None}, {"opening_hours": "", "closed_on": []}])
def test_a_shop_without_opening_hours_is_always_open(empty: dict[str, Any]) -> None:
    (shop,) = world(shops=[{"id": "s1", **empty}]).shops.values()
    assert all(shop.hours.covers(NOON + timedelta(hours=hour), shop.zone) for hour in range(24 * 7))


def test_a_customer_has_no_zone_of_its_own() -> None:
    (customer,) = world(customers=[{"id": "a"}]).customers.values()
    assert customer == Customer(id=CustomerId("a"), zone=None, tags=frozenset(), attributes={}, suppressed=frozenset())


EMPTY_KEYS: dict[str, Any] = {
    "active": {},
    "dayparts": [],
    "schedule": None,
    "audience": {"tags_any": [], "tags_all": None},
    "priority": None,
    "klass": None,
    "caps": [],
    "budget": {},
    "holdout": None,
    "re_eligibility_s": None,
    "fence_cooldown_s": None,
    "on_cap": None,
    "on_quiet": None,
    "geofence_ids": None,
    "sender": None,
    "state": None,
}


@pytest.mark.parametrize("said", [{}, EMPTY_KEYS, *({key: value} for key, value in EMPTY_KEYS.items())])
def test_a_campaign(said: dict[str, Any]) -> None:
    assert campaign(**said) == Campaign(
        id=CampaignId("c1"),
        shop_id=ShopId("s1"),
        trigger=Trigger.ENTER,
        channel="sms",
        sender="t1",
        offer=Offer(text="Coffee", expires_after_s=1200),
        geofence_ids=None,
        state=CampaignState.ACTIVE,
        active_from=None,
        active_until=None,
        dayparts=None,
        schedule=None,
        audience_any=frozenset(),
        audience_all=frozenset(),
        audience_none=frozenset(),
        priority=0,
        klass=CampaignClass.PROMO,
        re_eligibility_s=0,
        fence_cooldown_s=0,
        caps=(),
        budget_messages=None,
        holdout=None,
        on_cap=WhenHeld.DROP,
        on_quiet=WhenHeld.DROP,
    )


def test_without_geofences_a_campaign_has_every_one_of_its_shop() -> None:
    assert campaign().targets(GeofenceId("any"), ShopId("s1"))


def test_a_schedule_runs_by_the_shops_clock_and_is_not_caught_up_with() -> None:
    tokyo = {"id": "s1", "timezone": "Asia/Tokyo"}
    scheduled = CAMPAIGN | {"trigger": {"on": "schedule"}, "schedule": {"cron": "30 11 * * *"}}
    (found,) = world(shops=[tokyo], campaigns=[scheduled]).campaigns.by_id.values()
    assert found.schedule is not None
    assert found.schedule == Schedule(
        cron="30 11 * * *", zone=found.schedule.zone, seen_within_s=None, within_m=None, catch_up_s=0
    )
    assert found.schedule.zone.key == "Asia/Tokyo"


def test_a_cap_counts_the_customers_messages_or_the_campaigns_own() -> None:
    cap = {"id": "G", "kind": "min_gap", "window_s": 60}
    (of_policy,) = world(policy={"caps": [cap]}).tenant.policy.caps
    (of_campaign,) = campaign(caps=[cap]).caps
    assert (of_policy.scope, of_policy.limit) == (CapScope.CUSTOMER, 1)
    assert of_campaign.scope is CapScope.CAMPAIGN


def test_a_window_without_days_is_every_days() -> None:
    (rule,) = world(policy={"quiet_hours": [{"from": "21:00", "until": "08:00"}]}).tenant.policy.quiet_hours.everywhere
    (window,) = rule.hours.windows
    assert window.days == frozenset(range(7))


@pytest.mark.parametrize(
    ("action", "sender"),
    [(ConsentAction.GRANTED, "t1"), (ConsentAction.CONFIRMED, "t1"), (ConsentAction.WITHDRAWN, None)],
)
def test_consent_is_given_to_the_tenant_and_taken_from_all(action: ConsentAction, sender: str | None) -> None:
    said = {"customer_id": "a", "purpose": "marketing.nearby", "channel": "sms", "action": action, "at": NOON}
    event = consent_event(ConsentShape.model_validate(said), TenantId("t1"), "e1", place="consents[0]")
    assert (event.sender, event.valid_until, event.at) == (sender, None, NOON)


def test_a_consent_of_the_list_has_an_instant() -> None:
    undated = ConsentShape.model_validate({"customer_id": "a", "purpose": "location.matching", "action": "granted"})
    with pytest.raises(InvalidInput, match=r"consents\[0\].at: is missing"):
        consent_event(undated, TenantId("t1"), "e1", place="consents[0]")


def test_an_empty_list_limits_nothing() -> None:
    assert campaign(geofence_ids=[]) == campaign()
    every_day = {"from": "08:00", "until": "20:00"}
    assert campaign(dayparts=[every_day | {"days": []}]) == campaign(dayparts=[every_day])
