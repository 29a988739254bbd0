"""Payments: each dealt with by one process at a time, each event of a provider kept once."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, case, func, select, update

from nearcast.domain.ids import CustomerId, ShopId, TenantId
from nearcast.domain.payment import Amount, Payment, PaymentEvent, PaymentState
from nearcast.services.payment_ports import PaymentFilter, PaymentSum
from nearcast.store.dialect import among, insert_new
from nearcast.store.page import as_seq, page_of
from nearcast.store.payment_tables import payment, payment_event
from nearcast.store.pruning import delete_some

_here = payment.c
_SAME = (
    "description",
    "reservation_id",
    "reason",
    "provider_id",
    "created_at",
    "expires_at",
    "linked_at",
    "closed_at",
    "paid_at",
    "ended_at",
    "refund_wanted_at",
    "refunded_at",
    "due_at",
    "attempts",
)
WITH_PAYMENTS_DUE = select(_here.tenant_id).where(_here.due_at <= bindparam("due_by"))
"""The tenants of whom a payment has to be dealt with by then."""


class Payments:
    """One tenant's payments."""

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        self._connection, self._tenant = connection, tenant

    def insert(self, made: Payment) -> None:
        """Add a new one."""
        self._connection.execute(payment.insert().values(tenant_id=self._tenant, id=made.reference, **_row(made)))

    def get(self, reference: str) -> Payment | None:
        return self._one(self._read().where(_here.id == reference))

    def hold(self, reference: str) -> Payment | None:
        """As `get`, of one that nobody else changes before the transaction ends."""
        return self._one(self._read().where(_here.id == reference).with_for_update())

    def put(self, changed: Payment) -> None:
        """Write how it stands."""
        mine = update(payment).where(self._mine, _here.id == changed.reference)
        self._connection.execute(mine.values(**_row(changed)))

    def claim(self, now: datetime, *, until: datetime, limit: int) -> list[Payment]:
        """Those that are due by `now`, the longest due first. Until `until` they are nobody else's."""
        due = self._read().where(_here.due_at <= now).order_by(_here.due_at, _here.seq).limit(limit)
        rows = self._connection.execute(due.with_for_update(skip_locked=True)).all()
        if rows:
            mine = among(_here.seq, [row.seq for row in rows])
            self._connection.execute(update(payment).where(mine).values(due_at=until))
        return [_payment(row) for row in rows]

    def keep_event(self, event: PaymentEvent, at: datetime) -> bool:
        """Keep what a provider told; False where it was told before."""
        row = {
            "tenant_id": self._tenant,
            "id": event.id,
            "payment_id": event.reference,
            "what": event.what.value,
            "amount_minor": event.amount and event.amount.minor,
            "currency": event.amount and event.amount.currency,
            "at": event.at,
            "received_at": at,
        }
        return insert_new(self._connection, payment_event, row)

    def page(self, wanted: PaymentFilter, *, cursor: str | None, limit: int) -> tuple[list[Payment], str | None]:
        """Payments, the newest first."""
        found = self._read().order_by(_here.seq.desc()).limit(limit + 1)
        if wanted.shop_ids is not None:
            found = found.where(among(_here.shop_id, wanted.shop_ids))
        if wanted.state is not None:
            found = found.where(_here.state == wanted.state.value)
        if cursor is not None:
            found = found.where(_here.seq < as_seq(cursor))
        page = page_of([(str(row.seq), _payment(row)) for row in self._connection.execute(found)], limit)
        return page.items, page.next_cursor

    def of(self, customer_id: CustomerId) -> list[Payment]:
        """A customer's, the oldest first."""
        theirs = self._read().where(_here.customer_id == customer_id).order_by(_here.seq)
        return [_payment(row) for row in self._connection.execute(theirs)]

    def sums(self, shop_id: ShopId, since: datetime, until: datetime) -> list[PaymentSum]:
        """What a shop was paid from an instant on and before another, and what of that was given back since."""
        is_refunded = _here.refunded_at.is_not(None)
        summed = select(
            _here.currency,
            func.count().label("payments"),
            func.sum(_here.amount_minor).label("minor"),
            func.sum(case((is_refunded, 1), else_=0)).label("refunds"),
            func.sum(case((is_refunded, _here.amount_minor), else_=0)).label("refunded_minor"),
        ).where(self._mine, _here.shop_id == shop_id, _here.paid_at >= since, _here.paid_at < until)
        return [
            PaymentSum(
                currency=row.currency,
                payments=row.payments,
                minor=int(row.minor),
                refunds=int(row.refunds),
                refunded_minor=int(row.refunded_minor),
            )
            for row in self._connection.execute(summed.group_by(_here.currency).order_by(_here.currency))
        ]

    def forget_people(self, before: datetime, *, limit: int) -> int:
        """Forget whose payments were that came to their end before an instant, and what for, at most `limit`; how
        many. The amounts stay.
        """
        old = self._mine, _here.customer_id.is_not(None), _here.ended_at < before, _here.due_at.is_(None)
        some = select(_here.seq).where(*old).limit(limit)
        blank = {"customer_id": None, "description": "", "reservation_id": None}
        return self._connection.execute(update(payment).where(_here.seq.in_(some)).values(blank)).rowcount

    def prune_events(self, before: datetime, *, limit: int) -> int:
        """Delete what providers told before an instant, at most `limit`; how many."""
        old = payment_event.c.tenant_id == self._tenant, payment_event.c.received_at < before
        return delete_some(self._connection, payment_event, *old, limit=limit)

    @property
    def _mine(self) -> Any:
        return _here.tenant_id == self._tenant

    def _read(self) -> Select[Any]:
        return select(payment).where(self._mine)

    def _one(self, asked: Select[Any]) -> Payment | None:
        row = self._connection.execute(asked).one_or_none()
        return None if row is None else _payment(row)


def tenant_of_payment(connection: Connection, reference: str) -> TenantId | None:
    """Whose payment that is: its provider knows nothing of tenants."""
    found = connection.scalar(select(_here.tenant_id).where(_here.id == reference))
    return None if found is None else TenantId(found)


def _row(made: Payment) -> dict[str, Any]:
    return {
        **{name: getattr(made, name) for name in _SAME},
        "shop_id": made.shop_id,
        "customer_id": made.customer_id,
        "amount_minor": made.amount.minor,
        "currency": made.amount.currency,
        "odd_minor": made.odd and made.odd.minor,
        "odd_currency": made.odd and made.odd.currency,
        "state": made.state.value,
    }


def _payment(row: Row[Any]) -> Payment:
    return Payment(
        **{name: getattr(row, name) for name in _SAME},
        reference=row.id,
        shop_id=ShopId(row.shop_id),
        customer_id=None if row.customer_id is None else CustomerId(row.customer_id),
        amount=Amount(row.amount_minor, row.currency),
        odd=None if row.odd_minor is None else Amount(row.odd_minor, row.odd_currency),
        state=PaymentState(row.state),
    )
