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
from nearcast.store.dialect import add_up
from nearcast.store.tables import campaign_budget


class Budgets:
    """One tenant's budgets in one transaction."""

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        self._connection, self._tenant = connection, tenant
        self._changes: Counter[CampaignId] = Counter()
        self._booked: Counter[CampaignId] = Counter()
        self._booked_micros: Counter[CampaignId] = Counter()
        self._limits: Mapping[CampaignId, int] = {}

    def used(self) -> dict[CampaignId, int]:
        """How many messages take from each campaign's budget now, with what this transaction changes."""
        c = campaign_budget.c
        mine = select(c.campaign_id, c.used).where(c.tenant_id == self._tenant)
        found = Counter({CampaignId(row.campaign_id): row.used for row in self._connection.execute(mine)})
        found.update(self._changes)
        return {key: count for key, count in found.items() if count}

    def spent(self) -> dict[CampaignId, Spent]:
        """What was booked of each campaign's messages in the currency of its budget; those without are left out."""
        c = campaign_budget.c
        mine = select(c.campaign_id, c.booked, c.booked_micros).where(c.tenant_id == self._tenant, c.booked > 0)
        rows = self._connection.execute(mine)
        return {CampaignId(row.campaign_id): Spent(row.booked, row.booked_micros) for row in rows}

    def book(self, amounts: Mapping[CampaignId, Spent]) -> None:
        """So many messages more, and so much for them, once this transaction ends."""
        self._booked.update({key: each.messages for key, each in amounts.items()})
        self._booked_micros.update({key: each.micros for key, each in amounts.items()})

    def limit(self, limits: Mapping[CampaignId, int]) -> None:
        """What these may lose at most, if this transaction takes anything from them."""
        self._limits = {**self._limits, **limits}

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
        here, added = campaign_budget.c, ("used", "booked", "booked_micros")
        told = add_up(self._connection, campaign_budget, rows, added, here.campaign_id, here.used)
        return {CampaignId(row.campaign_id): row.used for row in told}
