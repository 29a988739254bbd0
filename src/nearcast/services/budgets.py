"""What is left of campaigns' budgets: read without waiting for anybody, and counted once more when a step commits."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Protocol

from nearcast.domain.campaign import Spent
from nearcast.domain.ids import CampaignId
from nearcast.domain.message import Message


class Budgets(Protocol):
    """How many messages take from the budgets of a tenant's campaigns, whether these have a limit or not."""

    def used(self) -> dict[CampaignId, int]:
        """By campaign, as it is now and with what this transaction changes; those that nothing was taken from are left
        out.
        """

    def spent(self) -> dict[CampaignId, Spent]:
        """What was booked of each campaign's messages in the currency of its budget; those without are left out."""

    def book(self, amounts: Mapping[CampaignId, Spent]) -> None:
        """So many messages more, and so much for them."""

    def limit(self, limits: Mapping[CampaignId, int]) -> None:
        """Overtaken at the commit, where this transaction has taken from one of these more than was left."""

    def hold(self, campaign_ids: Iterable[CampaignId]) -> None:
        """Keep others from taking until the transaction ends. After the customers, never before them."""


class OthersShare(Counter[CampaignId]):
    """What everybody but those at hand takes from the budgets of campaigns, read when it is asked for first: most steps
    ask for none. `own` are the messages at hand.
    """

    def __init__(self, budgets: Budgets, limits: Mapping[CampaignId, int], own: Iterable[Message]) -> None:
        super().__init__()
        self._budgets, self._limits = budgets, limits
        self._own = Counter(message.campaign_id for message in own if message.takes_slot)
        self._used: Mapping[CampaignId, int] | None = None

    def __missing__(self, campaign_id: CampaignId) -> int:
        if campaign_id not in self._limits:
            return 0
        if self._used is None:
            self._used = self._budgets.used()
            self._budgets.limit(self._limits)
        self[campaign_id] = self._used.get(campaign_id, 0) - self._own[campaign_id]
        return self[campaign_id]
