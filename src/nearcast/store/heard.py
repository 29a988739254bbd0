"""Events of providers: kept once however often they come, applied later, forgotten after a while."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, bindparam, exists, func, or_, select, update

from nearcast.domain.ids import CustomerId, MessageId, TenantId
from nearcast.services.inbound_ports import EventStatus, KeptEvent, NewEvent, SettledEvent
from nearcast.store.dialect import among, insert_new, insert_unseen
from nearcast.store.inbound_tables import message_event, raw_webhook, reply
from nearcast.store.page import chunks
from nearcast.store.pruning import delete_some
from nearcast.store.tables import message
from nearcast.store.theirs import is_in

_here = message_event.c
_PENDING = EventStatus.PENDING.value
_IS_KNOWN = and_(
    _here.status == EventStatus.ORPHAN.value,
    or_(
        *(
            exists().where(each.c.tenant_id == _here.tenant_id, each.c.provider_index == _here.provider_index)
            for each in (message, reply)
        )
    ),
)
WITH_PENDING_EVENTS = select(_here.tenant_id).where(or_(is_in(_here.status, _PENDING), _IS_KNOWN))
"""The tenants of whom an event is to be applied, or an orphan's message is known by now."""


class MessageEvents:
    """One tenant's events of providers."""

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        self._connection, self._tenant = connection, tenant

    def keep_raw(self, sha256: str, channel: str, sealed: str | None, at: datetime) -> None:
        """Keep the bytes that came, once."""
        row = {"sha256": sha256, "channel": channel, "sealed": sealed, "received_at": at}
        insert_new(self._connection, raw_webhook, {"tenant_id": self._tenant, **row})

    def insert(self, events: Iterable[NewEvent], at: datetime, *, raw_sha256: str | None = None) -> set[str]:
        """Keep events that came at `at`; the indexes of those that had not come before. Waits for whoever is keeping
        the same ones.
        """
        said = {event.event_index: event for event in events}
        rows = [self._row(said[key], at, raw_sha256) for key in sorted(said)]
        new: set[str] = set()
        for some in chunks(rows):
            new |= insert_unseen(self._connection, message_event, some, "event_index")
        return new

    def pending(self, *, limit: int, are_receipts: bool) -> list[KeptEvent]:
        """Events that are to be applied, receipts or all others, oldest first, held until the transaction ends; those
        that somebody else holds are left out.
        """
        is_kind = _here.kind == "receipt" if are_receipts else _here.kind != "receipt"
        due = self._read().where(_here.status == _PENDING, is_kind).order_by(_here.seq).limit(limit)
        return self._events(due.with_for_update(skip_locked=True))

    def settle(self, settled: Iterable[SettledEvent]) -> None:
        """Write what became of events; what they said goes unless it is still needed."""
        done = list(settled)
        for is_kept in (True, False):
            rows = [_settled(each) for each in done if each.keeps_words is is_kept]
            if rows:
                changed: dict[str, Any] = {
                    name: bindparam(f"to_{name}") for name in ("status", "message_id", "customer_id")
                }
                mine = update(message_event).where(_here.seq == bindparam("of_seq"))
                self._connection.execute(mine.values({**changed, **({} if is_kept else {"sealed": None})}), rows)

    def close(self, closed: Mapping[str, CustomerId | None]) -> None:
        """These events, by index, were dealt with as they came, and are about these customers."""
        for index, customer_id in sorted(closed.items()):
            done = {"status": EventStatus.APPLIED.value, "customer_id": customer_id, "sealed": None}
            self._connection.execute(update(message_event).where(self._mine, _here.event_index == index).values(done))

    def messages(self, message_ids: Iterable[MessageId]) -> dict[MessageId, CustomerId]:
        """Those of the messages that are there, with whom they are for."""
        found: dict[MessageId, CustomerId] = {}
        for ids in chunks(sorted(set(message_ids))):
            there = message.c.tenant_id == self._tenant, among(message.c.id, ids)
            for row in self._connection.execute(select(message.c.id, message.c.customer_id).where(*there)):
                found[MessageId(row.id)] = CustomerId(row.customer_id)
        return found

    def last_written(self, customer_id: CustomerId) -> dict[str, datetime]:
        """When a customer last wrote, by channel."""
        theirs = self._mine, _here.customer_id == customer_id, _here.kind == "inbound"
        last = select(_here.channel, func.max(_here.at).label("at")).where(*theirs).group_by(_here.channel)
        return {row.channel: row.at for row in self._connection.execute(last)}

    def wake_orphans(self) -> int:
        """Have orphans looked at again whose messages, or replies, are known by now; how many."""
        woken = update(message_event).where(self._mine, _IS_KNOWN).values(status=_PENDING)
        return self._connection.execute(woken).rowcount

    def of(self, customer_id: CustomerId) -> list[KeptEvent]:
        """Everything that came about a customer, the oldest first."""
        return self._events(self._read().where(_here.customer_id == customer_id).order_by(_here.seq))

    def prune(self, before: datetime, *, limit: int) -> int:
        """Delete events that came before an instant, at most `limit`; how many."""
        return delete_some(self._connection, message_event, self._mine, _here.received_at < before, limit=limit)

    def prune_orphans(self, before: datetime, *, limit: int) -> int:
        """As `prune`, of those alone whose message nobody knows."""
        orphans = self._mine, _here.status == EventStatus.ORPHAN.value, _here.received_at < before
        return delete_some(self._connection, message_event, *orphans, limit=limit)

    def prune_raw(self, before: datetime, *, limit: int) -> int:
        """Delete the bytes of what came before an instant, at most `limit`; how many."""
        old = raw_webhook.c.tenant_id == self._tenant, raw_webhook.c.received_at < before
        return delete_some(self._connection, raw_webhook, *old, limit=limit)

    def _row(self, event: NewEvent, at: datetime, raw_sha256: str | None) -> dict[str, Any]:
        return {
            "tenant_id": self._tenant,
            "event_index": event.event_index,
            "channel": event.channel,
            "kind": event.kind,
            "what": event.what,
            "at": event.at,
            "received_at": at,
            "status": event.status.value,
            "raw_sha256": raw_sha256,
            "provider_index": event.provider_index,
            "message_id": event.message_id,
            "customer_id": event.customer_id,
            "sealed": event.sealed,
        }

    @property
    def _mine(self) -> Any:
        return _here.tenant_id == self._tenant

    def _read(self) -> Select[Any]:
        return select(message_event).where(self._mine)

    def _events(self, statement: Select[Any]) -> list[KeptEvent]:
        return [_event(row) for row in self._connection.execute(statement)]


def _settled(each: SettledEvent) -> dict[str, Any]:
    return {
        "of_seq": each.id,
        "to_status": each.status.value,
        "to_message_id": each.message_id,
        "to_customer_id": each.customer_id,
    }


def _event(row: Row[Any]) -> KeptEvent:
    return KeptEvent(
        id=row.seq,
        event_index=row.event_index,
        channel=row.channel,
        kind=row.kind,
        what=row.what,
        at=row.at,
        received_at=row.received_at,
        status=EventStatus(row.status),
        sealed=row.sealed,
        provider_index=row.provider_index,
        message_id=None if row.message_id is None else MessageId(row.message_id),
        customer_id=None if row.customer_id is None else CustomerId(row.customer_id),
    )
