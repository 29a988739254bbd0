"""Which of a customer's campaigns may have the opportunity: a total order without chance, so that replays are exact.

class (service, loyalty, promo) → rank of the shop → priority → nearer shop → least recently served shop → campaign id.
Class and rank are the operator's to give. Where priorities hold within a shop, they stand behind the shop in the order:
no shop gets past another by a higher number. Source: campaigns reference §5.4.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from nearcast.domain.campaign import Campaign
from nearcast.domain.case import Case
from nearcast.domain.customer import Shop
from nearcast.domain.ids import CampaignId
from nearcast.domain.policy import PriorityScope


def place_of(case: Case) -> tuple[Any, ...]:
    """Where a candidate stands among its rivals: the lowest wins. Ghosts count as served for whoever is held out."""
    candidate, campaign = case.candidate, case.campaign
    served = max((send.at for send in case.sends if send.shop_id == campaign.shop_id), default=None)
    whole_mm = float("inf") if candidate.distance_m is None else round(candidate.distance_m * 1000)
    in_shop = case.policy.priorities is PriorityScope.WITHIN_SHOP
    return (
        campaign.klass.place,
        -candidate.shop.rank,
        0 if in_shop else -campaign.priority,
        whole_mm,
        served.timestamp() if served else float("-inf"),
        campaign.shop_id if in_shop else "",
        -campaign.priority if in_shop else 0,
        campaign.id,
        candidate.geofence_id or "",
        candidate.opportunity_id,
    )


class DecidedBy(StrEnum):
    """Where in the order two campaigns part."""

    KLASS = "klass"
    RANK = "rank"
    PRIORITY = "priority"
    DISTANCE = "distance"
    CAMPAIGN_ID = "campaign_id"


@dataclass(frozen=True, slots=True)
class Entry:
    """A campaign with its shop."""

    campaign: Campaign
    shop: Shop


def foreseen(one: Entry, other: Entry, priorities: PriorityScope) -> tuple[CampaignId | None, DecidedBy]:
    """Who of two campaigns would win wherever they meet, and by what; None where the customer's place and past decide:
    then it is the nearer shop, and at one distance the one less recently served.
    """
    same_shop = one.shop.id == other.shop.id
    numbers_count = same_shop or priorities is PriorityScope.ACROSS_SHOPS
    steps: list[tuple[DecidedBy, Callable[[Entry], int]]] = [
        (DecidedBy.KLASS, lambda each: each.campaign.klass.place),
        (DecidedBy.RANK, lambda each: -each.shop.rank),
        (DecidedBy.PRIORITY, lambda each: -each.campaign.priority if numbers_count else 0),
    ]
    for by, number in steps:
        if number(one) != number(other):
            return min(one, other, key=number).campaign.id, by
    if not same_shop:
        return None, DecidedBy.DISTANCE
    return min(one.campaign.id, other.campaign.id), DecidedBy.CAMPAIGN_ID
