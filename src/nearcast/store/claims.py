"""Which messages leave next, and who sends them: claims, their rescue, and the end of what came too late.

No statement here waits for a message that another transaction holds, and of a customer one message is in flight at a
time: whoever claims holds the customer, and looks again.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, case, exists, literal, not_, null, or_, select, update

from nearcast.domain.ids import CampaignId, TenantId
from nearcast.domain.message import MessageStatus
from nearcast.domain.reason import Reason
from nearcast.domain.throttle import Quota, Throttle
from nearcast.services.ports import Claim
from nearcast.store.dialect import among, free_names
from nearcast.store.message_rows import MessageRows
from nearcast.store.tables import message
from nearcast.store.throttles import hold_quota, keep_quota

QUEUED, CLAIMED, SENDING = (s.value for s in (MessageStatus.QUEUED, MessageStatus.CLAIMED, MessageStatus.SENDING))
EXPIRED, UNKNOWN = MessageStatus.EXPIRED.value, MessageStatus.UNKNOWN.value
NO_LEASE: dict[str, Any] = {"lease_owner": None, "lease_until": None}
_EXPIRED_AT_ONCE = 500
_here, _other = message.c, message.alias("other")
_IN_ORDER = (_here.priority.desc(), _here.not_before, _here.seq)
_IS_ALONE = not_(
    exists().where(
        _other.c.tenant_id == _here.tenant_id,
        _other.c.customer_id == _here.customer_id,
        _other.c.status.in_([CLAIMED, SENDING]),
    )
)


def claim(
    connection: Connection,
    of: MessageRows,
    now: datetime,
    *,
    owner: str,
    lease_s: float,
    limit: int,
    throttles: Sequence[Throttle] = (),
    between: tuple[datetime, datetime] | None = None,
) -> list[Claim]:
    """Take messages that may go at `now`: by priority, then the longest due first, one of each customer, and no more
    than the throttles let through `between` two instants, both included; at `now` where none are given.
    """
    tenant, (first, last) = of.tenant, between or (now, now)
    quota = hold_quota(connection, tenant, throttles, first, last)
    next_ones = connection.execute(_next(tenant, now, limit, quota.exhausted)).all()
    alone = _first_of_each(connection, tenant, next_ones)
    turns = {row.seq: quota.take(row.channel, row.sender) for row in alone}
    passed = [row for row in alone if turns[row.seq] is not None]
    keep_quota(connection, tenant, quota)
    if quota.exhausted:
        _say_why(connection, tenant, now, limit, quota)
    if not passed:
        return []
    until = now + timedelta(seconds=lease_s)
    claimed = {"status": CLAIMED, "lease_owner": owner, "lease_until": until, "attempt": _here.attempt + 1}
    mine = among(_here.seq, [row.seq for row in passed]) & (_here.status == QUEUED) & _IS_ALONE
    taken = connection.execute(update(message).where(mine).values(claimed).returning(message)).all()
    return [
        Claim(
            message=of.message(row),
            owner=owner,
            attempt=row.attempt,
            until=until,
            begins_at=None if quota.is_open(row.channel, row.sender) else turns[row.seq],
        )
        for row in sorted(taken, key=lambda row: (-row.priority, row.not_before, row.seq))
    ]


def expire(connection: Connection, tenant: TenantId, now: datetime) -> list[tuple[CampaignId, bool]]:
    """End queued messages whose offers are over by `now`, some of them if there are many; their campaigns, and whether
    they free what they took. What may have left in an attempt before is unknown and does not.
    """
    late = _queued(tenant).with_only_columns(_here.seq).where(_here.expires_at <= now).order_by(_here.expires_at)
    some = late.limit(_EXPIRED_AT_ONCE).with_for_update(skip_locked=True)
    may_have_left = _here.repeat_until.is_not(None)
    ended = {
        "status": case((may_have_left, UNKNOWN), else_=EXPIRED),
        "reason": case((may_have_left, null()), else_=Reason.EXPIRED.value),
        "freed_at": case((may_have_left, null()), else_=literal(now, _here.freed_at.type)),
    }
    written = update(message).where(_here.seq.in_(some)).values(ended).returning(_here.campaign_id, _here.status)
    return [(CampaignId(row.campaign_id), row.status == EXPIRED) for row in connection.execute(written)]


def stop(connection: Connection, tenant: TenantId, campaign_id: CampaignId, now: datetime) -> int:
    """Cancel what is queued of a campaign and cannot have left; how many."""
    waiting = _queued(tenant).with_only_columns(_here.seq)
    some = waiting.where(_here.campaign_id == campaign_id, _here.repeat_until.is_(None)).with_for_update(
        skip_locked=True
    )
    ended = {"status": MessageStatus.CANCELLED.value, "reason": Reason.CANCELLED_CAMPAIGN.value, "freed_at": now}
    return connection.execute(update(message).where(_here.seq.in_(some)).values(ended)).rowcount


def rescue(connection: Connection, tenant: TenantId, now: datetime) -> dict[MessageStatus, list[str]]:
    """End the leases that have run out by `now`: what was claimed is queued again; so is what was being sent through a
    channel that still knows the attempt, and the rest of that is unknown.
    """
    found: dict[MessageStatus, list[str]] = {MessageStatus.QUEUED: [], MessageStatus.UNKNOWN: []}
    again = or_(_here.status == CLAIMED, and_(_here.status == SENDING, _here.repeat_until > now))
    for which, after in ((again, MessageStatus.QUEUED), (_here.status == SENDING, MessageStatus.UNKNOWN)):
        late = select(_here.seq).where(_here.tenant_id == tenant, _here.lease_until <= now, which)
        some = late.with_for_update(skip_locked=True)  # one that is held is being written by who has sent it
        ended = update(message).where(_here.seq.in_(some)).values(status=after.value, **NO_LEASE).returning(_here.id)
        found[after] = sorted(connection.scalars(ended))
    return found


def _next(tenant: TenantId, now: datetime, limit: int, exhausted: Sequence[Throttle]) -> Select[Any]:
    due = _due(tenant, now).where(_IS_ALONE, *(not_(_through(one)) for one in exhausted))
    return due.order_by(*_IN_ORDER).limit(limit).with_for_update(of=message, skip_locked=True)


def _first_of_each(connection: Connection, tenant: TenantId, rows: Sequence[Row[Any]]) -> list[Row[Any]]:
    """The first message of each customer of whom nobody else is claiming one at this moment."""
    first = {row.customer_id: row for row in reversed(rows)}
    names = {f"claim {tenant} {key}": key for key in first}
    ours = {first[names[name]].seq for name in free_names(connection, names)}
    return [row for row in rows if row.seq in ours]


def _say_why(connection: Connection, tenant: TenantId, now: datetime, limit: int, quota: Quota) -> None:
    """Write down what those wait for that would be next."""
    held = _due(tenant, now).where(or_(*(_through(one) for one in quota.exhausted))).order_by(*_IN_ORDER).limit(limit)
    rows = connection.execute(held.with_for_update(of=message, skip_locked=True)).all()
    untold = [row.seq for row in rows if row.reason != Reason.RATE_LIMITED]
    if untold:
        connection.execute(update(message).where(among(_here.seq, untold)).values(reason=Reason.RATE_LIMITED.value))


def _due(tenant: TenantId, now: datetime) -> Select[Any]:
    asked = (_here.seq, _here.customer_id, _here.channel, _here.sender, _here.reason)
    return _queued(tenant).with_only_columns(*asked).where(_here.not_before <= now, _here.expires_at > now)


def _queued(tenant: TenantId) -> Select[Any]:
    return select(message).where(_here.tenant_id == tenant, _here.status == QUEUED)


def _through(throttle: Throttle) -> Any:
    channel = _here.channel == throttle.channel
    return channel if throttle.sender is None else and_(channel, _here.sender == throttle.sender)
