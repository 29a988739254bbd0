"""The cost ledger: a row for each message that a provider has taken."""

from collections.abc import Collection, Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Row, and_, case, exists, func, or_, select
from sqlalchemy.sql.dml import ReturningInsert

from nearcast.domain.ids import CampaignId, MessageId, ShopId, TenantId
from nearcast.domain.message import MessageStatus
from nearcast.domain.price import Money
from nearcast.services.cost_ports import Cost, UsageLine
from nearcast.store.cost_tables import message_cost
from nearcast.store.dialect import insert_into, insert_missing, listed, spoken
from nearcast.store.page import chunks
from nearcast.store.tables import message
from nearcast.store.theirs import mine

_KEY = ["tenant_id", "message_id"]
_BOOKED = ("category", "currency", "expected_micros", "booked_micros", "booked_at")
_NEVER_ARRIVED = [each.value for each in (MessageStatus.FAILED, MessageStatus.CANCELLED, MessageStatus.EXPIRED)]

_OF = select(message_cost).where(mine(message_cost), listed(message_cost.c.message_id, "messages"))


class Costs:
    """One tenant's cost ledger."""

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        self._connection, self._tenant = connection, tenant

    def of(self, message_ids: Collection[MessageId]) -> dict[MessageId, Cost]:
        """What these messages cost; those of which nothing is known are left out."""
        found: dict[MessageId, Cost] = {}
        for ids in chunks(sorted(message_ids)):
            rows = self._connection.execute(_OF, {"tenant": self._tenant, "messages": ids})
            found |= {MessageId(row.message_id): _cost(row) for row in rows}
        return found

    def expect(self, costs: Iterable[Cost]) -> None:
        """Write down what messages should cost; what is there already stays."""
        insert_missing(self._connection, message_cost, [self._row(each) for each in costs])

    def book(self, costs: Iterable[Cost]) -> set[MessageId]:
        """Write down what messages did cost; those that were not booked before."""
        rows = [self._row(each) for each in sorted(costs, key=lambda each: each.message_id)]
        if not rows:
            return set()
        booked = self._connection.scalars(_booking(spoken(self._connection)), rows)
        return {MessageId(key) for key in booked}

    def usage(self, shop_id: ShopId, since: datetime, until: datetime) -> list[UsageLine]:
        """A shop's messages from an instant on and before another, by when they were booked, else taken. What was taken
        and failed before anything was booked costs nothing.
        """
        c = message_cost.c
        is_booked = c.booked_at.is_not(None)
        lost = exists().where(
            message.c.tenant_id == c.tenant_id, message.c.id == c.message_id, message.c.status.in_(_NEVER_ARRIVED)
        )
        in_time = or_(
            and_(is_booked, c.booked_at >= since, c.booked_at < until),
            and_(c.booked_at.is_(None), c.at >= since, c.at < until, ~lost),
        )
        kind = (c.channel, c.category, c.currency)
        counted = select(
            *kind,
            func.count().label("messages"),
            func.sum(case((is_booked, 1), else_=0)).label("booked"),
            func.sum(func.coalesce(c.booked_micros, c.expected_micros, 0)).label("micros"),
        ).where(c.tenant_id == self._tenant, c.shop_id == shop_id, in_time)
        return [
            UsageLine(
                channel=row.channel,
                category=row.category,
                currency=row.currency,
                messages=row.messages,
                booked=int(row.booked),
                micros=int(row.micros),
            )
            for row in self._connection.execute(counted.group_by(*kind).order_by(*kind))
        ]

    def _row(self, cost: Cost) -> dict[str, Any]:
        amount = cost.amount
        return {
            "tenant_id": self._tenant,
            "message_id": cost.message_id,
            "campaign_id": cost.campaign_id,
            "shop_id": cost.shop_id,
            "channel": cost.channel,
            "category": cost.category,
            "market": cost.market,
            "currency": None if amount is None else amount.currency,
            "expected_micros": None if cost.expected is None else cost.expected.micros,
            "booked_micros": None if cost.booked is None else cost.booked.micros,
            "at": cost.at,
            "booked_at": cost.booked_at,
        }


@lru_cache
def _booking(dialect: str) -> ReturningInsert[Any]:
    statement = insert_into(dialect, message_cost)
    new, here = statement.excluded, message_cost.c
    booked = {name: new[name] for name in _BOOKED}
    written = statement.on_conflict_do_update(index_elements=_KEY, set_=booked, where=here.booked_at.is_(None))
    return written.returning(here.message_id)


def _cost(row: Row[Any]) -> Cost:
    def money(micros: int | None) -> Money | None:
        return None if micros is None else Money(micros, row.currency)

    return Cost(
        message_id=MessageId(row.message_id),
        campaign_id=CampaignId(row.campaign_id),
        shop_id=ShopId(row.shop_id),
        channel=row.channel,
        category=row.category,
        market=row.market,
        at=row.at,
        expected=money(row.expected_micros),
        booked=money(row.booked_micros),
        booked_at=row.booked_at,
    )
