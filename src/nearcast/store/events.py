"""Events for webhooks: written with the transitions they tell of, claimed in order for each customer, kept a while."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, exists, func, not_, select, update

from nearcast.domain.ids import CustomerId, TenantId, VisitId
from nearcast.domain.visit import TransitionKind
from nearcast.domain.webhook import DeliveryStatus
from nearcast.services.event_ports import Delivery, NewEvent, Settled
from nearcast.services.events import event_id
from nearcast.store.dialect import insert_missing
from nearcast.store.event_tables import event_delivery
from nearcast.store.page import as_seq, chunks, page_of
from nearcast.store.pruning import delete_some
from nearcast.store.theirs import is_in

_QUEUED = DeliveryStatus.QUEUED.value
_here, _older = event_delivery.c, event_delivery.alias("older")
# whoever is late with one event of a customer keeps the next ones waiting: they come in order
_IS_NEXT = not_(
    exists().where(
        _older.c.tenant_id == _here.tenant_id,
        _older.c.webhook_id == _here.webhook_id,
        _older.c.customer_id == _here.customer_id,
        _older.c.status == _QUEUED,
        _older.c.seq < _here.seq,
    )
)
WITH_EVENTS_DUE = select(_here.tenant_id).where(
    is_in(_here.status, _QUEUED), _here.next_attempt_at <= bindparam("due_by")
)
"""The tenants of whom an event may go by then."""


class Events:
    """One tenant's events."""

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        self._connection, self._tenant = connection, tenant

    def append(self, events: Iterable[NewEvent]) -> None:
        """Write events to be delivered; one that is there already stays as it is."""
        rows = [
            {
                "tenant_id": self._tenant,
                "webhook_id": event.webhook_id,
                "event_id": event.event_id,
                "customer_id": event.customer_id,
                "doc": dict(event.doc),
                "status": _QUEUED,
                "attempts": 0,
                "next_attempt_at": event.at,
                "created_at": event.at,
            }
            for event in events
        ]
        if rows:
            insert_missing(self._connection, event_delivery, rows)

    def take_back(self, keys: Iterable[tuple[VisitId, TransitionKind]]) -> None:
        """Forget what was not told yet of transitions that were none."""
        for ids in chunks([event_id(*key) for key in keys]):
            gone = _here.event_id.in_(ids), _here.status == _QUEUED, _here.attempts == 0
            self._connection.execute(delete(event_delivery).where(self._mine, *gone))

    def claim(self, now: datetime, *, until: datetime, limit: int) -> list[Delivery]:
        """Take events that may go at `now`, the oldest first, one of each customer and webhook. Until `until` they are
        nobody else's; whoever is not heard of again by then has lost them.
        """
        due = self._read().where(_here.status == _QUEUED, _here.next_attempt_at <= now, _IS_NEXT)
        found = self._connection.execute(
            due.order_by(_here.seq).limit(limit).with_for_update(skip_locked=True, of=event_delivery)
        ).all()
        if found:
            mine = _here.seq.in_([row.seq for row in found])
            taken = {"attempts": _here.attempts + 1, "next_attempt_at": until}
            self._connection.execute(update(event_delivery).where(mine).values(taken))
        return [_delivery(row, attempts=row.attempts + 1) for row in found]

    def settle(self, settled: Iterable[Settled], at: datetime) -> None:
        """Write what attempts came to; of one that was taken by somebody else meanwhile nothing is written."""
        for each in settled:
            is_over = each.status is not DeliveryStatus.QUEUED
            changes: dict[str, Any] = {
                "status": each.status.value,
                "answer": each.answer,
                "next_attempt_at": each.again_at,
                "ended_at": at if is_over else None,
            }
            if each.status in (DeliveryStatus.DELIVERED, DeliveryStatus.CANCELLED):
                changes["doc"] = None
            ours = _here.seq == int(each.delivery.id), _here.attempts == each.delivery.attempts
            self._connection.execute(
                update(event_delivery).where(self._mine, *ours, _here.status == _QUEUED).values(changes)
            )

    def of(self, customer_id: CustomerId) -> list[Delivery]:
        """All events about a customer, the oldest first."""
        about = self._read().where(_here.customer_id == customer_id).order_by(_here.seq)
        return [_delivery(row) for row in self._connection.execute(about)]

    def page(
        self, webhook_id: str, status: DeliveryStatus | None, *, cursor: str | None, limit: int
    ) -> tuple[list[Delivery], str | None]:
        """The events of a webhook, the newest first."""
        found = self._read().where(_here.webhook_id == webhook_id).order_by(_here.seq.desc()).limit(limit + 1)
        if status is not None:
            found = found.where(_here.status == status.value)
        if cursor is not None:
            found = found.where(_here.seq < as_seq(cursor))
        page = page_of([(str(row.seq), _delivery(row)) for row in self._connection.execute(found)], limit)
        return page.items, page.next_cursor

    def requeue(self, webhook_id: str, delivery_id: str, at: datetime) -> Delivery | None:
        """Deliver a dead event again from its first attempt on; None where there is none."""
        if not (delivery_id.isascii() and delivery_id.isdecimal() and len(delivery_id) < 19):
            return None
        dead = _here.seq == int(delivery_id), _here.webhook_id == webhook_id, _here.status == DeliveryStatus.DEAD.value
        again = {"status": _QUEUED, "attempts": 0, "next_attempt_at": at, "ended_at": None}
        changed = update(event_delivery).where(self._mine, *dead).values(again).returning(event_delivery)
        row = self._connection.execute(changed).one_or_none()
        return None if row is None else _delivery(row)

    def cancel(self, webhook_id: str, at: datetime) -> int:
        """End what waits for a webhook that is no more; how many events."""
        waiting = self._mine, _here.webhook_id == webhook_id, _here.status == _QUEUED
        ended = {"status": DeliveryStatus.CANCELLED.value, "doc": None, "next_attempt_at": None, "ended_at": at}
        return self._connection.execute(update(event_delivery).where(*waiting).values(ended)).rowcount

    def forget(self, customer_ids: Iterable[CustomerId], at: datetime) -> int:
        """End what waits about customers, and what was never taken: nobody is told of it any more; how many events."""
        untold = self._mine, _here.status.in_([_QUEUED, DeliveryStatus.DEAD.value])
        ended = {"status": DeliveryStatus.CANCELLED.value, "doc": None, "next_attempt_at": None, "ended_at": at}
        forgotten = 0
        for ids in chunks(sorted(set(customer_ids))):
            theirs = select(_here.seq).where(*untold, _here.customer_id.in_(ids)).order_by(_here.seq)
            # in this order, which is that of whoever delivers: else each could wait for the other
            for some in chunks(self._connection.scalars(theirs.with_for_update()).all()):
                mine = update(event_delivery).where(self._mine, _here.seq.in_(some))
                forgotten += self._connection.execute(mine.values(ended)).rowcount
        return forgotten

    def prune(self, before: datetime, *, limit: int) -> int:
        """Delete events that came to their end before an instant, at most `limit`; how many."""
        return delete_some(self._connection, event_delivery, self._mine, _here.ended_at < before, limit=limit)

    @property
    def _mine(self) -> Any:
        return _here.tenant_id == self._tenant

    def _read(self) -> Select[Any]:
        return select(event_delivery).where(self._mine)


def count_events(status: DeliveryStatus) -> Select[int]:
    """How many events of all tenants are in that status."""
    return select(func.count()).select_from(event_delivery).where(_here.status == status.value)


def _delivery(row: Row[Any], *, attempts: int | None = None) -> Delivery:
    return Delivery(
        id=str(row.seq),
        webhook_id=row.webhook_id,
        event_id=row.event_id,
        customer_id=CustomerId(row.customer_id),
        doc=row.doc,
        status=DeliveryStatus(row.status),
        attempts=row.attempts if attempts is None else attempts,
        next_attempt_at=row.next_attempt_at,
        created_at=row.created_at,
        ended_at=row.ended_at,
        answer=row.answer,
    )
