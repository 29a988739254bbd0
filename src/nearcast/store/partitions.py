"""Leases on the partitions of the ping log: whose they are, until when, and a fencing token that grows with every
take-over. A partition is one worker's for all tenants.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, or_, select, update

from nearcast.store.dialect import insert_into, insert_missing, spoken
from nearcast.store.tables import PARTITIONS, partition_lease, worker

_here = partition_lease.c
_TOKENS = (
    select(_here.partition, _here.token)
    .where(_here.partition.in_(bindparam("partitions", expanding=True)))
    .order_by(_here.partition)
)
_HELD_TOKENS = _TOKENS.with_for_update(read=True)
_FREE: dict[str, Any] = {"lease_owner": None, "lease_until": None}


def keep_share(connection: Connection, owner: str, now: datetime, *, lease_s: float) -> dict[int, int]:
    """Renew an owner's leases and bring their number to a fair share of all partitions among the workers that live;
    the tokens of those that are held then, by partition.

    Another's lease is taken only where it has ended; what somebody gives back comes with the next call.
    """
    until = now + timedelta(seconds=lease_s)
    _say_alive(connection, owner, now, until)
    renewed = update(partition_lease).where(_here.lease_owner == owner, _here.lease_until > now)
    renewed = renewed.values(lease_until=until).returning(_here.partition, _here.token)
    held = {row.partition: row.token for row in connection.execute(renewed)}
    share = _fair_share(connection, owner, now)
    too_many = sorted(held)[share:]
    if too_many:
        mine = _here.partition.in_(too_many) & (_here.lease_owner == owner)
        connection.execute(update(partition_lease).where(mine).values(_FREE))
    elif len(held) < share:
        held |= _take(connection, owner, now, until, share - len(held))
    return {partition: token for partition, token in held.items() if partition not in too_many}


def end_share(connection: Connection, owner: str) -> None:
    """Give an owner's leases back."""
    connection.execute(delete(worker).where(worker.c.owner == owner))
    connection.execute(update(partition_lease).where(_here.lease_owner == owner).values(_FREE))


def tokens_of(connection: Connection, partitions: Mapping[int, Any], *, hold: bool = False) -> dict[int, int]:
    """The tokens of partitions as they are, 0 where one was never leased; with `hold` nobody takes one over before the
    transaction ends.
    """
    rows = connection.execute(_HELD_TOKENS if hold else _TOKENS, {"partitions": sorted(partitions)})
    return dict.fromkeys(partitions, 0) | {row.partition: row.token for row in rows}


def leased(connection: Connection, now: datetime) -> set[int]:
    """The partitions that are somebody's."""
    return set(connection.scalars(select(_here.partition).where(_here.lease_until > now)))


def _say_alive(connection: Connection, owner: str, now: datetime, until: datetime) -> None:
    alive = insert_into(spoken(connection), worker).values(owner=owner, alive_until=until)
    connection.execute(alive.on_conflict_do_update(index_elements=["owner"], set_={"alive_until": until}))
    dead = select(worker.c.owner).where(worker.c.alive_until <= now).with_for_update(skip_locked=True)
    connection.execute(delete(worker).where(worker.c.owner.in_(dead)))


def _fair_share(connection: Connection, owner: str, now: datetime) -> int:
    """16 among three are 6, 5 and 5."""
    alive = select(worker.c.owner).where(or_(worker.c.alive_until > now, worker.c.owner == owner))
    owners = sorted(connection.scalars(alive))
    each, rest = divmod(PARTITIONS, len(owners))
    return each + (owners.index(owner) < rest)


def _take(connection: Connection, owner: str, now: datetime, until: datetime, count: int) -> dict[int, int]:
    """Some of those that nobody holds, as many as there are up to `count`; waits for nobody."""
    if connection.scalar(select(func.count()).select_from(partition_lease)) != PARTITIONS:
        rows = [{"partition": partition, "token": 0, **_FREE} for partition in range(PARTITIONS)]
        insert_missing(connection, partition_lease, rows)
    ended = or_(_here.lease_until.is_(None), _here.lease_until <= now)
    free = select(_here.partition).where(ended).order_by(_here.partition).limit(count).with_for_update(skip_locked=True)
    # in a statement of its own: within the update PostgreSQL may ask for it again for each row, and take more than that
    chosen = connection.scalars(free).all()
    taken = (
        update(partition_lease)
        .where(_here.partition.in_(chosen), ended)
        .values(lease_owner=owner, lease_until=until, token=_here.token + 1)
        .returning(_here.partition, _here.token)
    )
    return {row.partition: row.token for row in connection.execute(taken)}
