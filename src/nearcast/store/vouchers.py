"""Vouchers by the keyed hashes of their codes. A code is taken in one statement, which holds for one of many tills."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, exists, func, select, update

from nearcast.domain.ids import CampaignId, CustomerId, MessageId, ShopId, TenantId
from nearcast.domain.message import MessageStatus
from nearcast.domain.voucher import Voucher
from nearcast.store.dialect import among, insert_all
from nearcast.store.page import chunks
from nearcast.store.pruning import delete_some
from nearcast.store.tables import message
from nearcast.store.voucher_tables import voucher

_ENDED = [MessageStatus.CANCELLED.value, MessageStatus.EXPIRED.value, MessageStatus.FAILED.value]
_IS_VOID = exists().where(
    message.c.tenant_id == voucher.c.tenant_id, message.c.id == voucher.c.message_id, message.c.status.in_(_ENDED)
)


class Vouchers:
    """One tenant's vouchers. One is void as long as its message stands as cancelled, expired or failed."""

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        self._connection, self._tenant = connection, tenant

    def insert(self, vouchers: Iterable[Voucher]) -> None:
        """Add new ones."""
        insert_all(self._connection, voucher, [self._row(each) for each in vouchers])

    def get(self, voucher_id: str) -> Voucher | None:
        return next(self._found(voucher.c.id == voucher_id), None)

    def redeem(self, voucher_id: str, at: datetime, *, by: str) -> bool:
        """Take a code at `at`; False for one that was taken before, has run out, is void, or is none."""
        mine = voucher.c.tenant_id == self._tenant, voucher.c.id == voucher_id
        is_open = voucher.c.redeemed_at.is_(None), voucher.c.expires_at > at, ~_IS_VOID
        taken = update(voucher).where(*mine, *is_open).values(redeemed_at=at, redeemed_by=by)
        return self._connection.execute(taken).rowcount == 1

    def redeemed(self, message_ids: Iterable[MessageId]) -> dict[MessageId, datetime]:
        """When the codes of these messages were taken; those that were not are left out."""
        found: dict[MessageId, datetime] = {}
        for ids in chunks(message_ids):
            taken = select(voucher.c.message_id, voucher.c.redeemed_at).where(voucher.c.redeemed_at.is_not(None))
            mine = taken.where(voucher.c.tenant_id == self._tenant, among(voucher.c.message_id, ids))
            found |= {MessageId(row.message_id): row.redeemed_at for row in self._connection.execute(mine)}
        return found

    def count_redeemed(self, shop_id: ShopId, since: datetime, until: datetime) -> int:
        """How many of a shop's codes were taken from an instant on and before another."""
        c = voucher.c
        mine = c.tenant_id == self._tenant, c.shop_id == shop_id
        taken = select(func.count()).where(*mine, c.redeemed_at >= since, c.redeemed_at < until)
        return self._connection.scalar(taken) or 0

    def of(self, customer_id: CustomerId) -> list[Voucher]:
        """A customer's, oldest first."""
        return list(self._found(voucher.c.customer_id == customer_id))

    def prune(self, before: datetime, *, limit: int) -> int:
        """Delete vouchers that ran out before an instant, at most `limit`; how many."""
        old = voucher.c.tenant_id == self._tenant, voucher.c.expires_at < before
        return delete_some(self._connection, voucher, *old, limit=limit)

    def _found(self, which: Any) -> Any:
        mine: Select[Any] = select(voucher, _IS_VOID.label("is_void")).where(voucher.c.tenant_id == self._tenant, which)
        found = self._connection.execute(mine.order_by(voucher.c.issued_at, voucher.c.id))
        return (_voucher(row) for row in found)

    def _row(self, made: Voucher) -> dict[str, Any]:
        kept = {name: each for name, each in asdict(made).items() if name in voucher.c}
        return {**kept, "tenant_id": self._tenant}


def tenant_of(connection: Connection, voucher_id: str) -> TenantId | None:
    """Whose voucher that is: a customer who holds one knows nothing of tenants."""
    found = connection.scalar(select(voucher.c.tenant_id).where(voucher.c.id == voucher_id))
    return None if found is None else TenantId(found)


def _voucher(row: Row[Any]) -> Voucher:
    return Voucher(
        id=row.id,
        message_id=MessageId(row.message_id),
        customer_id=CustomerId(row.customer_id),
        campaign_id=CampaignId(row.campaign_id),
        shop_id=ShopId(row.shop_id),
        title=row.title,
        terms=row.terms,
        issued_at=row.issued_at,
        expires_at=row.expires_at,
        redeemed_at=row.redeemed_at,
        redeemed_by=row.redeemed_by,
        is_void=bool(row.is_void),
    )
