"""Replies: from queueing to their fate, each sent by one process at a time."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, case, or_, select, update

from nearcast.domain.ids import CustomerId, TenantId
from nearcast.services.inbound_ports import Reply, ReplyStatus
from nearcast.store.dialect import among, insert_new
from nearcast.store.inbound_tables import reply
from nearcast.store.page import chunks
from nearcast.store.pruning import delete_some
from nearcast.store.theirs import is_in

_here = reply.c
_QUEUED, _SENDING = ReplyStatus.QUEUED.value, ReplyStatus.SENDING.value
_UNSETTLED = ReplyStatus.SENDING.value, ReplyStatus.UNKNOWN.value, ReplyStatus.ACCEPTED.value
WITH_REPLIES_DUE = select(_here.tenant_id).where(
    or_(
        is_in(_here.status, _QUEUED) & (_here.not_before <= bindparam("due_by")),
        _here.lease_until <= bindparam("due_by"),
    )
)
"""The tenants of whom a reply may go by then, or was lost by who was sending it."""


class Replies:
    """One tenant's replies."""

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        self._connection, self._tenant = connection, tenant

    def insert(self, made: Reply) -> bool:
        """Queue a reply; False where one of its id is there, whatever became of it."""
        return insert_new(self._connection, reply, {"tenant_id": self._tenant, "id": made.id, **_row(made)})

    def claim(self, now: datetime, *, until: datetime, limit: int) -> list[Reply]:
        """Take replies that may go by `now`, the oldest first. Commit before sending: who is not heard of by `until`
        has lost them, and nobody knows whether they have left.
        """
        due = self._read().where(_here.status == _QUEUED, _here.not_before <= now).order_by(_here.seq).limit(limit)
        rows = self._connection.execute(due.with_for_update(skip_locked=True)).all()
        if rows:
            mine = among(_here.seq, [row.seq for row in rows])
            taken = {"status": _SENDING, "attempt": _here.attempt + 1, "lease_until": until}
            self._connection.execute(update(reply).where(mine).values(taken))
        return [_reply(row, status=ReplyStatus.SENDING, attempt=row.attempt + 1) for row in rows]

    def settle(self, before: Reply, after: Reply, *, provider_index: str | None = None) -> bool:
        """Write what one attempt came to; False where it was taken away meanwhile, and nothing is written."""
        ours = _here.id == before.id, _here.attempt == before.attempt, _here.status == _SENDING
        written = {**_row(after), "lease_until": None, "provider_index": provider_index}
        return self._connection.execute(update(reply).where(self._mine, *ours).values(written)).rowcount == 1

    def rescue(self, now: datetime) -> int:
        """Nobody knows what became of those whose leases have run out: they are unknown, and not sent again; how
        many.
        """
        lost = self._mine, _here.status == _SENDING, _here.lease_until <= now
        ended = {"status": ReplyStatus.UNKNOWN.value, "lease_until": None, "sealed": None}
        return self._connection.execute(update(reply).where(*lost).values(ended)).rowcount

    def report(self, reported: Mapping[str, ReplyStatus]) -> set[str]:
        """Write what the provider said of replies; those of the ids that are replies."""
        found = self.existing(reported)
        failed = [key for key in found if reported[key] is ReplyStatus.FAILED]
        for ids in chunks(sorted(found)):
            said = case((among(_here.id, failed), ReplyStatus.FAILED.value), else_=ReplyStatus.ACCEPTED.value)
            unsettled = among(_here.id, ids), _here.status.in_(_UNSETTLED)
            self._connection.execute(update(reply).where(self._mine, *unsettled).values(status=said, lease_until=None))
        return found

    def named(self, provider_indexes: Iterable[str]) -> dict[str, str]:
        """The ids of the replies that a provider calls by these names, by name."""
        found: dict[str, str] = {}
        for some in chunks(sorted(set(provider_indexes))):
            here = select(_here.provider_index, _here.id).where(self._mine, among(_here.provider_index, some))
            found |= {row.provider_index: row.id for row in self._connection.execute(here)}
        return found

    def existing(self, ids: Iterable[str]) -> set[str]:
        """Those of the ids that are replies."""
        found: set[str] = set()
        for some in chunks(sorted(set(ids))):
            found |= set(self._connection.scalars(select(_here.id).where(self._mine, among(_here.id, some))))
        return found

    def of(self, customer_id: CustomerId) -> list[Reply]:
        """Those to a customer, the oldest first."""
        theirs = self._read().where(_here.customer_id == customer_id).order_by(_here.seq)
        return [_reply(row) for row in self._connection.execute(theirs)]

    def prune(self, before: datetime, *, limit: int) -> int:
        """Delete those that came to their end and were made before an instant, at most `limit`; how many."""
        ended = _here.status.not_in([_QUEUED, _SENDING]), _here.created_at < before
        return delete_some(self._connection, reply, self._mine, *ended, limit=limit)

    @property
    def _mine(self) -> Any:
        return _here.tenant_id == self._tenant

    def _read(self) -> Select[Any]:
        return select(reply).where(self._mine)


def _row(made: Reply) -> dict[str, Any]:
    return {
        "channel": made.channel,
        "customer_id": made.customer_id,
        "sealed": made.sealed,
        "is_asked_for": made.is_asked_for,
        "status": made.status.value,
        "reason": made.reason,
        "created_at": made.created_at,
        "not_before": made.not_before,
        "not_after": made.not_after,
        "attempt": made.attempt,
        "sent_at": made.sent_at,
    }


def _reply(row: Row[Any], *, status: ReplyStatus | None = None, attempt: int | None = None) -> Reply:
    return Reply(
        id=row.id,
        channel=row.channel,
        customer_id=None if row.customer_id is None else CustomerId(row.customer_id),
        sealed=row.sealed,
        is_asked_for=row.is_asked_for,
        status=status or ReplyStatus(row.status),
        created_at=row.created_at,
        not_before=row.not_before,
        not_after=row.not_after,
        attempt=row.attempt if attempt is None else attempt,
        sent_at=row.sent_at,
        reason=row.reason,
    )
