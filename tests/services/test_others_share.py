"""What others take from budgets is read of the few campaigns that are asked for, not of all that a tenant has."""

from collections.abc import Iterable, Mapping

import pytest

from nearcast.domain.campaign import Spent
from nearcast.domain.ids import CampaignId
from nearcast.domain.message import MessageStatus
from nearcast.services.budgets import OthersShare
from tests.store.values import message

CAMPAIGNS = [CampaignId(f"camp-{n}") for n in range(30)]
LIMITS = dict.fromkeys(CAMPAIGNS[:20], 100)


class Ledger:
    """Budgets of which each has lost its number, and what was asked of them."""

    def __init__(self) -> None:
        self.asked: list[set[CampaignId] | None] = []
        self.limits: list[Mapping[CampaignId, int]] = []

    def used(self, campaign_ids: Iterable[CampaignId] | None = None) -> dict[CampaignId, int]:
        self.asked.append(None if campaign_ids is None else set(campaign_ids))
        return {key: n for n, key in enumerate(CAMPAIGNS) if n and (campaign_ids is None or key in campaign_ids)}

    def spent(self) -> dict[CampaignId, Spent]:
        return {}

    def book(self, amounts: Mapping[CampaignId, Spent]) -> None: ...

    def limit(self, limits: Mapping[CampaignId, int]) -> None:
        self.limits.append(limits)

    def hold(self, campaign_ids: Iterable[CampaignId]) -> None: ...


@pytest.mark.parametrize("count", [0, 1, 20])
def test_each_is_asked_for_once_and_those_that_are_wanted_together_at_once(count: int) -> None:
    ledger = Ledger()
    share, wanted = OthersShare(ledger, LIMITS, []), CAMPAIGNS[:count]
    assert [share.of(wanted) for _ in range(2)] == [dict(zip(wanted, range(count), strict=True))] * 2
    assert ledger.asked == ([set(wanted)] if count else [])
    assert share.of(CAMPAIGNS[19:22]) == {CAMPAIGNS[19]: 19, CAMPAIGNS[20]: 0, CAMPAIGNS[21]: 0}
    assert ledger.asked[1 if count else 0 :] == ([] if count == 20 else [{CAMPAIGNS[19]}])
    assert ledger.limits == [LIMITS] * len(ledger.asked)


def test_those_without_a_limit_are_never_asked_for() -> None:
    ledger = Ledger()
    share = OthersShare(ledger, LIMITS, [])
    assert (share[CAMPAIGNS[25]], share.of(CAMPAIGNS[25:26])) == (0, {CAMPAIGNS[25]: 0})
    assert ledger.asked == []


def test_those_of_the_messages_at_hand_are_asked_for_together_and_without_these() -> None:
    ledger = Ledger()
    at_hand = [message(n, campaign_id=CAMPAIGNS[n]) for n in range(1, 8)]
    unlimited = message(8, campaign_id=CAMPAIGNS[25])
    freed = message(9, campaign_id=CAMPAIGNS[12], status=MessageStatus.CANCELLED)
    share = OthersShare(ledger, LIMITS, [*at_hand, at_hand[2], unlimited, freed])
    assert [share[key] for key in CAMPAIGNS[:8]] == [0, 0, 1, 1, 3, 4, 5, 6]
    assert ledger.asked == [set(CAMPAIGNS[:8])]


def test_what_was_added_meanwhile_stays() -> None:
    share = OthersShare(Ledger(), LIMITS, [])
    share[CAMPAIGNS[3]] += 1
    assert sum(share[key] for key in CAMPAIGNS[:20]) == sum(range(20)) + 1
    assert share[CAMPAIGNS[3]] == 4
