"""What is left of campaigns' budgets: read without waiting for anybody, and counted once more when a step commits."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Protocol

from nearcast.domain.campaign import Spent
from nearcast.domain.ids import CampaignId
from nearcast.domain.message import Message


class Budgets(Protocol):
    """How many messages take from the budgets of a tenant's campaigns, whether these have a limit or not."""

    def used(self, campaign_ids: Iterable[CampaignId] | None = None) -> dict[CampaignId, int]:
        """By campaign, of these or of all, as it is now and with what this transaction changes; those that nothing was
        taken from are left out.
        """

    def spent(self) -> dict[CampaignId, Spent]:
        """What was booked of each campaign's messages in the currency of its budget; those without are left out."""

    def book(self, amounts: Mapping[CampaignId, Spent]) -> None:
        """So many messages more, and so much for them."""

    def limit(self, limits: Mapping[CampaignId, int]) -> None:
        """Overtaken at the commit, where this transaction has taken from one of these more than was left."""

    def hold(self, campaign_ids: Iterable[CampaignId]) -> None:
        """Keep others from taking until the transaction ends. After the customers, never before them."""


class Share(Counter[CampaignId]):
    """What is taken from the budgets of campaigns."""

    def of(self, campaign_ids: Iterable[CampaignId]) -> dict[CampaignId, int]:
        return {key: self[key] for key in campaign_ids}


class OthersShare(Share):
    """What everybody but those at hand takes, read when it is asked for first: most steps ask for none, and hardly any
    for many of those that a tenant may have. `own` are the messages at hand, whose campaigns are read together.
    """

    def __init__(self, budgets: Budgets, limits: Mapping[CampaignId, int], own: Iterable[Message]) -> None:
        super().__init__()
        self._budgets, self._limits = budgets, limits
        self._own = Counter(message.campaign_id for message in own if message.takes_slot)

    def of(self, campaign_ids: Iterable[CampaignId]) -> dict[CampaignId, int]:
        ids = list(campaign_ids)
        self._read(ids)
        return super().of(ids)

    def __missing__(self, campaign_id: CampaignId) -> int:
        self._read([campaign_id])
        return self.get(campaign_id, 0)

    def _read(self, campaign_ids: Iterable[CampaignId]) -> None:
        if self._unread(campaign_ids):
            self._budgets.limit(self._limits)
            wanted = self._unread((*campaign_ids, *self._own))
            used = self._budgets.used(wanted)
            for key in wanted:
                self[key] = used.get(key, 0) - self._own[key]

    def _unread(self, campaign_ids: Iterable[CampaignId]) -> set[CampaignId]:
        return {key for key in campaign_ids if key in self._limits and key not in self}
