"""The outbox: messages from queueing to their last status, and who is sending which right now.

A claim is a lease with a fencing token, the attempt: what its holder writes after the lease was taken away is refused.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, or_, select, update

from nearcast.domain.ids import CampaignId, CustomerId, GeofenceId, MessageId, TenantId
from nearcast.domain.message import Message, MessageStatus
from nearcast.domain.throttle import Throttle
from nearcast.services.ports import Claim, MessageFilter, Page
from nearcast.services.secret_ports import Sealing
from nearcast.store.budgets import Budgets
from nearcast.store.claims import CLAIMED, NO_LEASE, QUEUED, SENDING, claim, expire, rescue, stop
from nearcast.store.dialect import among, insert_all, listed, update_all
from nearcast.store.message_rows import NOT_SEALED, MessageRows
from nearcast.store.page import as_seq, chunks, page_of
from nearcast.store.pruning import delete_some
from nearcast.store.tables import message
from nearcast.store.theirs import is_in, mine, rows_of, theirs
from nearcast.store.throttles import free_at

_FREE = (MessageStatus.CANCELLED, MessageStatus.EXPIRED, MessageStatus.FAILED)
_here = message.c
_IN_ORDER = select(message).order_by(_here.seq)
_ALL = _IN_ORDER.where(theirs(message))
_TAKES_SLOT = or_(
    is_in(_here.status, *(status for status in MessageStatus if status not in _FREE)),
    is_in(_here.status, MessageStatus.FAILED) & _here.sent_at.is_not(None),
)
_PLACE = func.row_number().over(
    partition_by=(_here.customer_id, _here.campaign_id, _here.shop_id, _here.geofence_id),
    order_by=(_TAKES_SLOT.desc(), func.coalesce(_here.sent_at, _here.queued_at).desc(), _here.seq.desc()),
)
_RANKED = select(message, _PLACE.label("place")).where(theirs(message)).subquery()
_RECENT = (
    select(*(_RANKED.c[column.name] for column in message.c))
    .where(
        or_(
            is_in(_RANKED.c.status, MessageStatus.QUEUED, MessageStatus.CLAIMED),
            func.coalesce(_RANKED.c.sent_at, _RANKED.c.queued_at) >= bindparam("since"),
            _RANKED.c.place == 1,
        )
    )
    .order_by(_RANKED.c.seq)
)
_HELD = (
    select(_here.id, _here.status, _here.lease_owner, _here.attempt)
    .where(mine(message), listed(_here.id, "messages"))
    .order_by(_here.id)
    .with_for_update()
)
_UNSENT = _HELD.where(is_in(_here.status, MessageStatus.QUEUED, MessageStatus.CLAIMED))
_IN_HAND = _HELD.where(is_in(_here.status, MessageStatus.CLAIMED, MessageStatus.SENDING))
_NEXT_DUE = select(func.min(_here.not_before)).where(mine(message), is_in(_here.status, MessageStatus.QUEUED))
WITH_MESSAGES_DUE = select(_here.tenant_id).where(
    is_in(_here.status, MessageStatus.QUEUED), _here.not_before <= bindparam("due_by")
)
"""The tenants of queued messages that may go by then."""

ALL = MessageFilter()


def count_queued() -> Select[int]:
    """How many messages of all tenants have not left."""
    return select(func.count()).select_from(message).where(message.c.status == QUEUED)


class Outbox:
    """One tenant's messages."""

    def __init__(
        self, connection: Connection, tenant: TenantId, budgets: Budgets, sealing: Sealing = NOT_SEALED
    ) -> None:
        self._connection, self._tenant, self._budgets = connection, tenant, budgets
        self._rows = MessageRows(tenant, sealing)

    def insert(self, messages: Iterable[Message]) -> None:
        """Add new messages, in their order."""
        new = list(messages)
        self._budgets.take(item.campaign_id for item in new if item.takes_slot)
        rows = [{**self._rows.row(item), "attempt": 0} for item in new]
        insert_all(self._connection, message, rows)

    def update(self, messages: Iterable[Message]) -> list[MessageId]:
        """Write what became of messages that had not left; a claim on one ends. Those that had left are not changed:
        their ids.
        """
        changed = {item.id: item for item in messages}
        if not changed:
            return []
        there = {row.id for row in self._held(_UNSENT, changed)}
        written = [item for key, item in changed.items() if key in there]
        if written:
            self._write({**self._rows.changes(item), **NO_LEASE, "id": item.id} for item in written)
        self._give_back(written)
        return [key for key in changed if key not in there]

    def claim_due(
        self,
        now: datetime,
        *,
        owner: str,
        lease_s: float,
        limit: int,
        throttles: Sequence[Throttle] = (),
        between: tuple[datetime, datetime] | None = None,
    ) -> list[Claim]:
        """Take queued messages that may go by `now`, one of each customer at a time: by priority, then the longest due
        first, as many as the throttles let through `between` two instants; without these at `now`. Nobody else gets
        them before the lease ends. Commit before sending.
        """
        return claim(
            self._connection,
            self._rows,
            now,
            owner=owner,
            lease_s=lease_s,
            limit=limit,
            throttles=throttles,
            between=between,
        )

    def free_at(self, throttles: Sequence[Throttle], now: datetime) -> datetime | None:
        """When the first throttle that lets nothing through at `now` does again; None where all do."""
        return free_at(self._connection, self._tenant, throttles, now)

    def expire(self, now: datetime) -> int:
        """End queued messages whose offers are over, some of them if there are many; how many."""
        ended = expire(self._connection, self._tenant, now)
        self._budgets.give_back(campaign_id for campaign_id, is_free in ended if is_free)
        return len(ended)

    def stop(self, campaign_id: CampaignId, now: datetime) -> int:
        """End the queued messages of a campaign that is paused or has ended; how many. What may have left in an attempt
        before, or is in a dispatcher's hands, ends there.
        """
        ended = stop(self._connection, self._tenant, campaign_id, now)
        self._budgets.give_back([campaign_id] * ended)
        return ended

    def proceed(self, claims: Iterable[Claim]) -> set[MessageId]:
        """Write how messages go on; a claim has its message as it is from now on. One that is being sent is held until
        then, and was claimed before; the claims on the others end. Whose claims were not gone: nothing is written of
        the others.
        """
        ours = self._ours(claims)
        if ours:
            self._write(self._after(claim) for claim in ours.values())
        self._give_back(claim.message for claim in ours.values())
        return set(ours)

    def rescue(self, now: datetime) -> dict[MessageStatus, list[MessageId]]:
        """End the leases that have run out by `now`: what was claimed is queued again, and what was being sent, where
        the channel would recognise it; the rest of that is unknown.
        """
        ended = rescue(self._connection, self._tenant, now)
        return {status: [MessageId(key) for key in keys] for status, keys in ended.items()}

    def prune(self, before: datetime, *, limit: int) -> int:
        """Delete messages that came to their end and were last touched before an instant, at most `limit`; how many.
        What they took from budgets stays taken.
        """
        ended = message.c.status.not_in([QUEUED, CLAIMED, SENDING])
        touched_at = func.coalesce(message.c.freed_at, message.c.sent_at, message.c.queued_at)
        old = message.c.tenant_id == self._tenant, ended, touched_at < before
        return delete_some(self._connection, message, *old, limit=limit)

    def of(self, customer_ids: Iterable[CustomerId]) -> dict[CustomerId, list[Message]]:
        """All messages of customers in the order of queueing; those without any are left out."""
        found: dict[CustomerId, list[Message]] = {}
        for row in rows_of(self._connection, _ALL, self._tenant, customer_ids):
            found.setdefault(row.customer_id, []).append(self._rows.message(row))
        return found

    def recent(self, customer_ids: Iterable[CustomerId], since: datetime) -> dict[CustomerId, list[Message]]:
        """As `of`, but of what came before `since` only what has not left, and the newest that takes a slot of each
        campaign at each fence: what rules look at that ask for the last one, however long ago.
        """
        found: dict[CustomerId, list[Message]] = {}
        for row in rows_of(self._connection, _RECENT, self._tenant, customer_ids, since=since):
            found.setdefault(row.customer_id, []).append(self._rows.message(row))
        return found

    def taken_at(self, campaign_id: CampaignId, at: datetime) -> int:
        """How many messages took from a campaign's budget at that instant."""
        c = message.c
        counted = select(func.count()).where(c.tenant_id == self._tenant, c.campaign_id == campaign_id)
        counted = counted.where(c.queued_at <= at, c.freed_at.is_(None) | (c.freed_at > at))
        return self._connection.execute(counted).scalar_one()

    def get(self, message_id: MessageId) -> Message | None:
        return next(iter(self._messages(self._mine().where(message.c.id == message_id))), None)

    def named(self, provider_ids: Iterable[str]) -> dict[str, MessageId]:
        """Our names for messages by their providers'; those that no message of ours has are left out."""
        by_index = {self._rows.index(name): name for name in provider_ids}
        found: dict[str, MessageId] = {}
        for indexes in chunks(sorted(by_index)):
            named = self._mine().where(among(message.c.provider_index, indexes))
            for row in self._connection.execute(named.with_only_columns(message.c.id, message.c.provider_index)):
                found[by_index[row.provider_index]] = MessageId(row.id)
        return found

    def hold(self, message_ids: Iterable[MessageId]) -> dict[MessageId, Message]:
        """Messages, which nobody else changes before the transaction ends; those that do not exist are left out."""
        found: dict[MessageId, Message] = {}
        for ids in chunks(sorted(set(message_ids))):
            held = self._mine().where(among(message.c.id, ids)).order_by(message.c.id).with_for_update(of=message)
            found |= {item.id: item for item in self._messages(held)}
        return found

    def report(self, messages: Iterable[tuple[Message, Message]]) -> None:
        """Write what became of messages that are held: each as it was, and as it is. A claim on one ends."""
        changed = [(before, after) for before, after in messages if before != after]
        if not changed:
            return
        self._write({**self._rows.changes(after), **NO_LEASE, "id": after.id} for _, after in changed)
        self._budgets.take(after.campaign_id for before, after in changed if after.takes_slot > before.takes_slot)
        self._budgets.give_back(after.campaign_id for before, after in changed if after.takes_slot < before.takes_slot)

    def queued_for_geofence(self, geofence_id: GeofenceId) -> list[CustomerId]:
        """Customers for whom something is queued about that geofence, by id."""
        waiting = self._mine().where(message.c.status == QUEUED, message.c.geofence_id == geofence_id)
        ids = waiting.with_only_columns(message.c.customer_id).distinct().order_by(message.c.customer_id)
        return [CustomerId(key) for key in self._connection.scalars(ids)]

    def next_due(self) -> datetime | None:
        """When the next queued message may go."""
        found: datetime | None = self._connection.scalar(_NEXT_DUE, {"tenant": self._tenant})
        return found

    def prune_texts(self, before: datetime, *, limit: int) -> int:
        """Forget the texts of messages queued before an instant whose fate is known, at most `limit`; how many."""
        has_text = or_(message.c.text != "", message.c.content.is_not(None))
        some = select(message.c.seq).where(*self._over(before), has_text).limit(limit)
        emptied = update(message).where(message.c.seq.in_(some)).values(text="", content=None)
        return self._connection.execute(emptied).rowcount

    def reseal(self, *, after: int, limit: int, is_bare: bool) -> tuple[int, int]:
        """Seal with today's key, in the order of queueing after a place and at most `limit`, what of messages is sealed
        with another or not at all; where `is_bare` only texts that were written before any were sealed. How many, and
        the place of the last.
        """
        c, other_key = message.c, f"%.{self._rows.key_id}.%"
        other = c.text != ""
        if not is_bare:
            other = or_(other, c.content.not_like(other_key), c.provider_id.not_like(other_key))
        found = self._mine().where(other, c.seq > after).order_by(c.seq).limit(limit).with_for_update(of=message)
        rows = list(self._connection.execute(found))
        if rows:
            anew = [{"of_seq": row.seq, **self._rows.secrets(self._rows.message(row)), "text": ""} for row in rows]
            here = update(message).where(c.tenant_id == self._tenant, c.seq == bindparam("of_seq"))
            self._connection.execute(here, anew)
        return len(rows), rows[-1].seq if rows else after

    def _over(self, before: datetime) -> tuple[Any, ...]:
        is_over = message.c.status.not_in([QUEUED, CLAIMED, SENDING])
        return message.c.tenant_id == self._tenant, message.c.queued_at < before, is_over

    def page(
        self, wanted: MessageFilter = ALL, *, cursor: str | None = None, limit: int = 100, newest_first: bool = True
    ) -> Page[Message]:
        """Messages that the filter takes in the order of queueing."""
        seq = message.c.seq
        found = self._mine().order_by(seq.desc() if newest_first else seq).limit(limit + 1)
        for name in ("campaign_id", "customer_id", "status"):
            if (value := getattr(wanted, name)) is not None:
                found = found.where(message.c[name] == str(value))
        if wanted.shop_ids is not None:
            found = found.where(among(message.c.shop_id, wanted.shop_ids))
        if cursor is not None:
            found = found.where(seq < as_seq(cursor) if newest_first else seq > as_seq(cursor))
        rows = self._connection.execute(found)
        return page_of([(str(row.seq), self._rows.message(row)) for row in rows], limit)

    def _ours(self, claims: Iterable[Claim]) -> dict[MessageId, Claim]:
        """The claims that have not been taken away, of messages that can go on so."""
        asked = {claim.message.id: claim for claim in claims}
        held = ((row, asked[row.id]) for row in self._held(_IN_HAND, asked))
        return {
            claim.message.id: claim
            for row, claim in held
            if (row.lease_owner, row.attempt) == (claim.owner, claim.attempt)
            and (row.status == CLAIMED or claim.message.status is not MessageStatus.SENDING)
        }

    def _held(self, which: Select[Any], message_ids: Iterable[MessageId]) -> Sequence[Row[Any]]:
        """Those of the messages that are `which`, and stay so until the transaction ends."""
        return self._connection.execute(which, {"tenant": self._tenant, "messages": sorted(message_ids)}).all()

    def _write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Change the messages of those ids, of each the same columns."""
        changed = [{**row, "tenant_id": self._tenant} for row in rows]
        update_all(self._connection, message, changed, by=("tenant_id", "id"))

    def _give_back(self, items: Iterable[Message]) -> None:
        """What messages have freed goes back to their budgets."""
        self._budgets.give_back(item.campaign_id for item in items if not item.takes_slot)

    def _mine(self) -> Select[Any]:
        return select(message).where(message.c.tenant_id == self._tenant)

    def _messages(self, statement: Select[Any]) -> list[Message]:
        return [self._rows.message(row) for row in self._connection.execute(statement)]

    def _after(self, claim: Claim) -> dict[str, Any]:
        is_held = claim.message.status is MessageStatus.SENDING
        lease = {"lease_owner": claim.owner, "lease_until": claim.until} if is_held else NO_LEASE
        return {**self._rows.changes(claim.message), **lease, "id": claim.message.id}
