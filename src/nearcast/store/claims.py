"""Which messages leave next, and who sends them: claims, their rescue, and the end of what came too late.

No statement here waits for a message that another transaction holds, and of a customer one message is in flight at a
time: whoever claims holds the customer, and looks again.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    case,
    exists,
    not_,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from nearcast.domain.ids import CampaignId, TenantId
from nearcast.domain.message import MessageStatus
from nearcast.domain.reason import Reason
from nearcast.domain.throttle import Quota, Throttle
from nearcast.services.ports import Claim
from nearcast.store.dialect import free_names, listed
from nearcast.store.message_rows import MessageRows
from nearcast.store.tables import message
from nearcast.store.theirs import is_in, mine
from nearcast.store.throttles import hold_quota, keep_quota

_Place: TypeAlias = tuple[str, str | None]
"""A channel and a sender, or all of the channel's."""

QUEUED, CLAIMED, SENDING = (s.value for s in (MessageStatus.QUEUED, MessageStatus.CLAIMED, MessageStatus.SENDING))
EXPIRED, UNKNOWN = MessageStatus.EXPIRED.value, MessageStatus.UNKNOWN.value
NO_LEASE: dict[str, Any] = {"lease_owner": None, "lease_until": None}
_EXPIRED_AT_ONCE = 500
_here, _other = message.c, message.alias("other")
_IS_ALONE = not_(
    exists().where(
        _other.c.tenant_id == _here.tenant_id,
        _other.c.customer_id == _here.customer_id,
        is_in(_other.c.status, CLAIMED, SENDING),
    )
)
_WAITS, _IS_CLAIMED, _IS_SENT = (is_in(_here.status, status) for status in (QUEUED, CLAIMED, SENDING))
_NOW = bindparam("now", type_=_here.not_before.type)
_DUE = (
    select(_here.seq, _here.customer_id, _here.channel, _here.sender, _here.reason)
    .where(mine(message), _WAITS, _here.not_before <= _NOW, _here.expires_at > _NOW)
    .order_by(_here.priority.desc(), _here.not_before, _here.seq)
    .limit(bindparam("limit"))
    .with_for_update(of=message, skip_locked=True)
)
_CLAIM = (
    update(message)
    .where(listed(_here.seq, "seqs"), _WAITS, _IS_ALONE)
    .values(status=CLAIMED, lease_owner=bindparam("owner"), lease_until=bindparam("until"), attempt=_here.attempt + 1)
    .returning(message)
)
_SAY_WHY = update(message).where(listed(_here.seq, "seqs")).values(reason=Reason.RATE_LIMITED.value)
_QUEUED = select(_here.seq).where(mine(message), _WAITS).with_for_update(skip_locked=True)
_LATE = _QUEUED.where(_here.expires_at <= _NOW).order_by(_here.expires_at).limit(_EXPIRED_AT_ONCE)
_MAY_HAVE_LEFT = _here.repeat_until.is_not(None)
_EXPIRE = (
    update(message)
    .where(_here.seq.in_(_LATE))
    .values(
        status=case((_MAY_HAVE_LEFT, UNKNOWN), else_=EXPIRED),
        reason=case((_MAY_HAVE_LEFT, null()), else_=Reason.EXPIRED.value),
        freed_at=case((_MAY_HAVE_LEFT, null()), else_=_NOW),
    )
    .returning(_here.campaign_id, _here.status)
)
_STOP = (
    update(message)
    .where(_here.seq.in_(_QUEUED.where(_here.campaign_id == bindparam("campaign"), _here.repeat_until.is_(None))))
    .values(status=MessageStatus.CANCELLED.value, reason=Reason.CANCELLED_CAMPAIGN.value, freed_at=_NOW)
)


def _ended(which: ColumnElement[bool], after: MessageStatus) -> ReturningUpdate[str]:
    late = select(_here.seq).where(mine(message), _here.lease_until <= _NOW, which)
    some = late.with_for_update(skip_locked=True)  # one that is held is being written by who has sent it
    return update(message).where(_here.seq.in_(some)).values(status=after.value, **NO_LEASE).returning(_here.id)


_RESCUE = {
    MessageStatus.QUEUED: _ended(or_(_IS_CLAIMED, and_(_IS_SENT, _here.repeat_until > _NOW)), MessageStatus.QUEUED),
    MessageStatus.UNKNOWN: _ended(_IS_SENT, MessageStatus.UNKNOWN),
}


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
    asked = {"tenant": tenant, "now": now, "limit": limit}
    next_ones = connection.execute(_next(_places(quota.exhausted)), asked).all()
    alone = _first_of_each(connection, tenant, next_ones)
    turns = {row.seq: quota.take(row.channel, row.sender) for row in alone}
    passed = [row for row in alone if turns[row.seq] is not None]
    keep_quota(connection, tenant, quota)
    if quota.exhausted:
        _say_why(connection, asked, quota)
    if not passed:
        return []
    until = now + timedelta(seconds=lease_s)
    said = {"seqs": [row.seq for row in passed], "owner": owner, "until": until}
    taken = connection.execute(_CLAIM, said).all()
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
    ended = connection.execute(_EXPIRE, {"tenant": tenant, "now": now})
    return [(CampaignId(campaign_id), status == EXPIRED) for campaign_id, status in ended]


def stop(connection: Connection, tenant: TenantId, campaign_id: CampaignId, now: datetime) -> int:
    """Cancel what is queued of a campaign and cannot have left; how many."""
    return connection.execute(_STOP, {"tenant": tenant, "campaign": campaign_id, "now": now}).rowcount


def rescue(connection: Connection, tenant: TenantId, now: datetime) -> dict[MessageStatus, list[str]]:
    """End the leases that have run out by `now`: what was claimed is queued again; so is what was being sent through a
    channel that still knows the attempt, and the rest of that is unknown.
    """
    said = {"tenant": tenant, "now": now}
    return {after: sorted(connection.scalars(ended, said)) for after, ended in _RESCUE.items()}


@lru_cache
def _next(exhausted: tuple[_Place, ...]) -> Select[Any]:
    return _DUE.where(_IS_ALONE, *(not_(_through(*place)) for place in exhausted))


def _first_of_each(connection: Connection, tenant: TenantId, rows: Sequence[Row[Any]]) -> list[Row[Any]]:
    """The first message of each customer of whom nobody else is claiming one at this moment."""
    first = {row.customer_id: row for row in reversed(rows)}
    names = {f"claim {tenant} {key}": key for key in first}
    ours = {first[names[name]].seq for name in free_names(connection, names)}
    return [row for row in rows if row.seq in ours]


def _say_why(connection: Connection, asked: Mapping[str, Any], quota: Quota) -> None:
    """Write down what those wait for that would be next."""
    rows = connection.execute(_held_by(_places(quota.exhausted)), asked).all()
    untold = [row.seq for row in rows if row.reason != Reason.RATE_LIMITED]
    if untold:
        connection.execute(_SAY_WHY, {"seqs": untold})


@lru_cache
def _held_by(exhausted: tuple[_Place, ...]) -> Select[Any]:
    return _DUE.where(or_(*(_through(*place) for place in exhausted)))


def _places(throttles: Iterable[Throttle]) -> tuple[_Place, ...]:
    return tuple((one.channel, one.sender) for one in throttles)


def _through(channel: str, sender: str | None) -> ColumnElement[bool]:
    through = _here.channel == channel
    return through if sender is None else and_(through, _here.sender == sender)
