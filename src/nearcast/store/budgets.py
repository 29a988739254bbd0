"""What campaigns' budgets have lost: a number each, so that nobody counts messages.

Every transaction adds up what it takes and gives back, and writes it at its very end, in the order of ids: one that
waits for another there waits for a commit, and never for one that waits for it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, select

from nearcast.domain.campaign import Spent
from nearcast.domain.errors import Overtaken
from nearcast.domain.ids import CampaignId, TenantId
from nearcast.store.dialect import add_up, listed
from nearcast.store.tables import campaign_budget
from nearcast.store.theirs import mine

_here = campaign_budget.c
_USED = select(_here.campaign_id, _here.used).where(mine(campaign_budget))
_USED_OF = _USED.where(listed(_here.campaign_id, "campaigns"))
_SPENT = select(_here.campaign_id, _here.booked, _here.booked_micros).where(mine(campaign_budget), _here.booked > 0)


class Budgets:
    """One tenant's budgets in one transaction."""

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        self._connection, self._tenant = connection, tenant
        self._changes: Counter[CampaignId] = Counter()
        self._booked: Counter[CampaignId] = Counter()
        self._booked_micros: Counter[CampaignId] = Counter()
        self._limits: Mapping[CampaignId, int] = {}

    def used(self, campaign_ids: Iterable[CampaignId] | None = None) -> dict[CampaignId, int]:
        """How many messages take from each campaign's budget now, of these or of all, with what this transaction
        changes.
        """
        if campaign_ids is None:
            rows, changes = self._connection.execute(_USED, {"tenant": self._tenant}), self._changes
        else:
            ids = sorted(campaign_ids)
            rows = self._connection.execute(_USED_OF, {"tenant": self._tenant, "campaigns": ids})
            changes = Counter({key: self._changes[key] for key in ids})
        found = Counter({CampaignId(key): used for key, used in rows})
        found.update(changes)
        return {key: count for key, count in found.items() if count}

    def spent(self) -> dict[CampaignId, Spent]:
        """What was booked of each campaign's messages in the currency of its budget; those without are left out."""
        rows = self._connection.execute(_SPENT, {"tenant": self._tenant})
        return {CampaignId(key): Spent(booked, micros) for key, booked, micros in rows}

    def book(self, amounts: Mapping[CampaignId, Spent]) -> None:
        """So many messages more, and so much for them, once this transaction ends."""
        self._booked.update({key: each.messages for key, each in amounts.items()})
        self._booked_micros.update({key: each.micros for key, each in amounts.items()})

    def limit(self, limits: Mapping[CampaignId, int]) -> None:
        """What these may lose at most, if this transaction takes anything from them."""
        if self._limits is not limits:  # of all campaigns that a tenant has
            self._limits = {**self._limits, **limits} if self._limits else limits

    def hold(self, campaign_ids: Iterable[CampaignId]) -> None:
        """Keep others from taking until the transaction ends."""
        self._add(dict.fromkeys(campaign_ids, 0))

    def take(self, campaign_ids: Iterable[CampaignId]) -> None:
        """A message each, queued for these campaigns."""
        self._changes.update(campaign_ids)

    def give_back(self, campaign_ids: Iterable[CampaignId]) -> None:
        """A message each that was freed."""
        self._changes.subtract(campaign_ids)

    def settle(self) -> None:
        """Write what this transaction changes, as the last before its commit. Overtaken where others have taken
        meanwhile what it took for its own.
        """
        changes = {key: count for key, count in self._changes.items() if count}
        self._changes.clear()
        for key, used in self._add({**dict.fromkeys(self._booked, 0), **changes}).items():
            if changes.get(key, 0) > 0 and used > self._limits.get(key, used):
                raise Overtaken("a budget was used up by others meanwhile")

    def _add(self, changes: Mapping[CampaignId, int]) -> dict[CampaignId, int]:
        if not changes:
            return {}
        rows = [
            {
                "tenant_id": self._tenant,
                "campaign_id": key,
                "used": count,
                "booked": self._booked.pop(key, 0),
                "booked_micros": self._booked_micros.pop(key, 0),
            }
            for key, count in sorted(changes.items())
        ]
        added = ("used", "booked", "booked_micros")
        told = add_up(self._connection, campaign_budget, rows, added, _here.campaign_id, _here.used)
        return {CampaignId(row.campaign_id): row.used for row in told}
