"""Campaigns: their life, their offer, and what they may not say."""

import math

import pytest

from nearcast.domain.campaign import CampaignState, Offer, Schedule, Trigger
from nearcast.domain.errors import InvalidInput
from nearcast.domain.ids import GeofenceId, ShopId
from tests.domain.builders import BERLIN, NOON, campaign, later

DRAFT, ACTIVE, PAUSED, ENDED = CampaignState.DRAFT, CampaignState.ACTIVE, CampaignState.PAUSED, CampaignState.ENDED

LIFECYCLE = {
    (DRAFT, "activate"): ACTIVE,
    (DRAFT, "pause"): None,
    (DRAFT, "end"): ENDED,
    (ACTIVE, "activate"): ACTIVE,
    (ACTIVE, "pause"): PAUSED,
    (ACTIVE, "end"): ENDED,
    (PAUSED, "activate"): ACTIVE,
    (PAUSED, "pause"): PAUSED,
    (PAUSED, "end"): ENDED,
    (ENDED, "activate"): None,
    (ENDED, "pause"): None,
    (ENDED, "end"): ENDED,
}


@pytest.mark.parametrize(("before", "action"), LIFECYCLE)
def test_lifecycle(before: CampaignState, action: str) -> None:
    after = LIFECYCLE[before, action]
    if after is None:
        with pytest.raises(InvalidInput, match=f"campaign camp-7 is {before.value} and cannot {action}"):
            campaign(state=before).after(action)
    else:
        assert campaign(state=before).after(action) == campaign(state=after)


def test_an_action_that_there_is_none_of() -> None:
    with pytest.raises(InvalidInput, match="'resume' is none of activate, pause, end"):
        campaign().after("resume")


VALUES = {"expires_at": "12:20", "shop.name": "Café Central", "customer.first_name": "Zoë"}


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("Coffee −20 %", "Coffee −20 %"),
        ("Until {expires_at}", "Until 12:20"),
        ("{customer.first_name}, to {shop.name} until {expires_at}!", "Zoë, to Café Central until 12:20!"),
        ("{expires_at}{expires_at}", "12:2012:20"),
        ("Dear {customer.nickname},", "Dear ,"),
        ("Set {braces", "Set {braces"),
        ("{}", "{}"),
        ("", ""),
    ],
)
def test_an_offer_is_rendered(text: str, rendered: str) -> None:
    assert Offer(text=text).render(VALUES) == rendered


def test_a_value_is_not_rendered_again() -> None:
    assert Offer(text="{customer.name}").render({"customer.name": "{expires_at}"}) == "{expires_at}"


@pytest.mark.parametrize(
    "name", ["price", "shop", "shop.address", "customer", "expires_at.hour", "Expires_at", "tenant.id"]
)
def test_a_placeholder_that_nothing_fills_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Offer(text=f"Coffee for {{{name}}}")
    assert f"{{{name}}} is none of expires_at, shop.name, customer.…" in str(refused.value)


@pytest.mark.parametrize("key", ["address_2", "first-name", "größe"])
def test_every_attribute_of_a_customer_is_filled_in(key: str) -> None:
    assert Offer(text=f"To {{customer.{key}}}").render({f"customer.{key}": "you"}) == "To you"


@pytest.mark.parametrize("expires_after_s", [0.0, -1.0])
def test_an_offer_holds_for_some_time(expires_after_s: float) -> None:
    with pytest.raises(InvalidInput, match="is not above 0"):
        Offer(text="Coffee", expires_after_s=expires_after_s)


@pytest.mark.parametrize(("opens_s", "closes_s"), [(0, 0), (60, 0), (1, -math.pi)])
def test_a_campaign_ends_after_it_begins(opens_s: float, closes_s: float) -> None:
    with pytest.raises(InvalidInput, match="campaign camp-7: active until is not after active from"):
        campaign(active_from=later(opens_s), active_until=later(closes_s))


def test_a_campaign_may_be_open_at_either_end() -> None:
    for dates in ({}, {"active_from": NOON}, {"active_until": NOON}, {"active_from": NOON, "active_until": later(1)}):
        assert campaign(**dates).state is ACTIVE


def test_a_scheduled_campaign_has_a_schedule() -> None:
    with pytest.raises(InvalidInput, match="trigger schedule needs a schedule"):
        campaign(trigger=Trigger.SCHEDULE)
    rule = Schedule(cron="30 11 * * *", zone=BERLIN)
    assert campaign(trigger=Trigger.SCHEDULE, schedule=rule).schedule == rule


@pytest.mark.parametrize(
    ("geofence_ids", "geofence", "shop", "is_target"),
    [
        (None, "f1", "s1", True),
        (None, "f2", "s1", True),
        (None, "f1", "s2", False),
        (None, "f1", None, False),
        ({"f1"}, "f1", "s1", True),
        ({"f1"}, "f1", "s2", True),  # named by itself, whoever's it is
        ({"f1"}, "f2", "s1", False),
    ],
)
def test_a_campaign_targets_its_shops_geofences_or_those_it_names(
    geofence_ids: set[str] | None, geofence: str, shop: str | None, is_target: bool
) -> None:
    of = campaign(geofence_ids=geofence_ids and frozenset(geofence_ids))
    assert of.targets(GeofenceId(geofence), ShopId(shop) if shop else None) is is_target
