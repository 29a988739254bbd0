"""Sends that count against caps but are no messages here: what others sent before, and ghosts of the held out."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select

from nearcast.domain.case import Send
from nearcast.domain.ids import CampaignId, CustomerId, GeofenceId, ShopId, TenantId
from nearcast.store.budgets import Budgets
from nearcast.store.dialect import among, insert_all
from nearcast.store.page import chunks
from nearcast.store.pruning import delete_some
from nearcast.store.tables import other_send
from nearcast.store.theirs import rows_of, theirs

_here = other_send.c
_ALL = select(other_send).where(theirs(other_send)).order_by(_here.seq)
_PLACE = func.row_number().over(
    partition_by=(_here.customer_id, _here.campaign_id, _here.shop_id, _here.geofence_id, _here.is_ghost),
    order_by=(_here.at.desc(), _here.seq.desc()),
)
_RANKED = select(other_send, _PLACE.label("place")).where(theirs(other_send)).subquery()
_RECENT = (
    select(*(_RANKED.c[column.name] for column in other_send.c))
    .where((_RANKED.c.at >= bindparam("since")) | (_RANKED.c.place == 1))
    .order_by(_RANKED.c.seq)
)


class Sends:
    """One tenant's other sends. They have no message, and none is waiting."""

    def __init__(self, connection: Connection, tenant: TenantId, budgets: Budgets) -> None:
        self._connection, self._tenant, self._budgets = connection, tenant, budgets

    def append(self, sends: Iterable[tuple[CustomerId, Send]]) -> None:
        """Add sends; all but ghosts take from the budgets of their campaigns."""
        added = list(sends)
        self._budgets.take(send.campaign_id for _, send in added if not send.is_ghost)
        rows = [
            {
                "tenant_id": self._tenant,
                "customer_id": customer_id,
                "campaign_id": send.campaign_id,
                "at": send.at,
                "shop_id": send.shop_id,
                "geofence_id": send.geofence_id,
                "channel": send.channel,
                "is_ghost": send.is_ghost,
                "decided_at": send.decided_at,
            }
            for customer_id, send in added
        ]
        insert_all(self._connection, other_send, rows)

    def of(self, customer_ids: Iterable[CustomerId]) -> dict[CustomerId, list[Send]]:
        """The sends of customers in the order of adding; those without any are left out."""
        found: dict[CustomerId, list[Send]] = {}
        for row in rows_of(self._connection, _ALL, self._tenant, customer_ids):
            found.setdefault(CustomerId(row.customer_id), []).append(_send(row))
        return found

    def recent(self, customer_ids: Iterable[CustomerId], since: datetime) -> dict[CustomerId, list[Send]]:
        """As `of`, but of what came before `since` only the newest of each campaign at each fence, ghosts apart."""
        found: dict[CustomerId, list[Send]] = {}
        for row in rows_of(self._connection, _RECENT, self._tenant, customer_ids, since=since):
            found.setdefault(CustomerId(row.customer_id), []).append(_send(row))
        return found

    def prune(self, before: datetime, *, limit: int) -> int:
        """Delete sends from before an instant, at most `limit`; how many."""
        old = other_send.c.tenant_id == self._tenant, other_send.c.at < before
        return delete_some(self._connection, other_send, *old, limit=limit)

    def budget_used(self, campaign_ids: Iterable[CampaignId]) -> dict[CampaignId, int]:
        """How many take from the budgets of campaigns; ghosts take nothing."""
        found: dict[CampaignId, int] = {}
        for ids in chunks(sorted(set(campaign_ids))):
            counted = (
                select(other_send.c.campaign_id, func.count())
                .where(other_send.c.tenant_id == self._tenant, among(other_send.c.campaign_id, ids))
                .where(other_send.c.is_ghost.is_(False))
                .group_by(other_send.c.campaign_id)
            )
            found |= {CampaignId(key): count for key, count in self._connection.execute(counted)}
        return found


def _send(row: Row[Any]) -> Send:
    return Send(
        campaign_id=CampaignId(row.campaign_id),
        at=row.at,
        shop_id=None if row.shop_id is None else ShopId(row.shop_id),
        geofence_id=None if row.geofence_id is None else GeofenceId(row.geofence_id),
        channel=row.channel,
        is_ghost=row.is_ghost,
        decided_at=row.decided_at,
    )
