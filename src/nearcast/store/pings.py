"""The ping log: accepted pings in the order of their arrival, in 16 partitions, each read from its own position.

Pings are numbered within their partition; a row holds those of one commit, under the number of the last of them.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeAlias

import numpy as np
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    Update,
    bindparam,
    delete,
    func,
    select,
    update,
)

from nearcast.domain.ids import CustomerId, TenantId
from nearcast.geo.batch import Ints, PingBatch, Texts, joined
from nearcast.services.instants import as_instant, as_us
from nearcast.services.ping_ports import LogPosition, PingSlice
from nearcast.store.dialect import free_names, has_in_it, insert_with_bytes, its_now, lock_names, upsert
from nearcast.store.page import chunks
from nearcast.store.partitions import leased, tokens_of
from nearcast.store.ping_blocks import blanked, pack, pack_parts, rows_of, unpack
from nearcast.store.pruning import delete_some
from nearcast.store.tables import PARTITIONS, log_position, ping_log, ping_seen

SeenPing: TypeAlias = tuple[CustomerId, str | None, str]
"""Customer, device, ping id."""

_here = ping_log.c
_LAST_US = (
    select(_here.received_at_us)
    .where(_here.tenant_id == log_position.c.tenant_id, _here.partition == log_position.c.partition)
    .order_by(_here.seq.desc())
    .limit(1)
    .scalar_subquery()
)
_at = log_position.c
_MINE = _at.tenant_id == bindparam("tenant")
_HEADS = select(_at.partition, _at.head, _LAST_US).where(_MINE)
_POSITIONS = select(log_position).where(_MINE).order_by(_at.partition)


def _between(after: ColumnElement[int], until: ColumnElement[int]) -> Select[Any]:
    limit = bindparam("limit", type_=BigInteger)
    return (
        select(ping_log, after.label("after"), until.label("until"), _at.settled)
        .join(log_position, (_at.tenant_id == _here.tenant_id) & (_at.partition == _here.partition))
        .where(_MINE, _at.partition.in_(bindparam("partitions", expanding=True)), after < until)
        # no database sorts, and no row is read, more than it must
        .where(_here.seq > after, _here.seq - _here.pings < after + limit, _here.seq - _here.pings < until)
        .order_by(_at.partition, _here.seq)  # by the small table's column: SQLite begins with that one
        .limit(limit)
    )


def _moved_on(columns: Sequence[str], *found: ColumnElement[int]) -> Update:
    is_there = (column == bindparam("after", type_=BigInteger) for column in found)
    one = update(log_position).where(_MINE, _at.partition == bindparam("of_partition"), *is_there)
    return one.values(dict.fromkeys(columns, bindparam("until", type_=BigInteger)))


_READ, _READ_AGAIN = _between(_at.position, _at.head), _between(_at.settled, _at.position)
_MOVE, _SETTLE = _moved_on(["position"], _at.position), _moved_on(["settled"], _at.settled)
_MOVE_SETTLED = _moved_on(["position", "settled"], _at.position, _at.settled)


def partition_of(customer_id: str) -> int:
    """The same for a customer for ever."""
    return zlib.crc32(customer_id.encode()) % PARTITIONS


def partitions_of(customer_ids: Texts) -> Ints:
    """`partition_of` each."""
    sums: Ints = np.fromiter(map(zlib.crc32, map(str.encode, customer_ids)), dtype=np.int64, count=len(customer_ids))
    return sums % PARTITIONS


def door(tenant: TenantId) -> str:
    """The name that whoever takes pings in holds with others, and whoever erases a customer alone."""
    return f"door {tenant}"


class Pings:
    """One tenant's ping log."""

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        self._connection, self._tenant = connection, tenant

    def admit(self) -> None:
        """Come in, beside others: until the transaction ends no customer is erased. Before consents are asked for."""
        lock_names(self._connection, [door(self._tenant)], shared=True)

    def append(self, batch: PingBatch) -> None:
        """Add pings, by arrival, then by `recorded_at`. Whoever appends to a partition waits for the one before it to
        commit: numbers become visible in their order, so that a reader's position never passes a ping still to come.
        None arrived before what its partition has: machines' clocks differ, and the order of the log is the true one.
        """
        if not len(batch):
            return
        partitions = partitions_of(batch.customer_id)
        counts = np.bincount(partitions, minlength=PARTITIONS)
        taken = np.flatnonzero(counts).tolist()
        heads, arrived_us = self._take_numbers({partition: int(counts[partition]) for partition in taken})
        received_at_us = np.maximum(batch.received_at_us, arrived_us[partitions])
        order = np.lexsort((batch.recorded_at_us, received_at_us, partitions))
        batch = replace(batch, received_at_us=received_at_us).take(order)
        stops = np.cumsum(counts[taken]).tolist()
        rows = [
            {
                "tenant_id": self._tenant,
                "partition": partition,
                "seq": heads[partition],
                "pings": int(counts[partition]),
                "received_at_us": int(batch.received_at_us[stop - 1]),
                "block": block,
            }
            for partition, stop, block in zip(taken, stops, pack_parts(batch, stops), strict=True)
        ]
        insert_with_bytes(self._connection, ping_log, rows, "block")

    def borrow(self, partitions: Iterable[int]) -> dict[int, int]:
        """The tokens of those partitions that are neither leased nor borrowed by anybody else; until the transaction
        ends nobody else borrows them.
        """
        taken = leased(self._connection, its_now(self._connection))
        named = {f"pings {self._tenant} {number}": number for number in partitions if number not in taken}
        return tokens_of(self._connection, dict.fromkeys(named[name] for name in free_names(self._connection, named)))

    def read(self, partitions: Iterable[int], *, limit: int, again: bool = False) -> PingSlice:
        """The next pings of partitions after their positions, in order within each; at most `limit` of all. With
        `again` those before their positions of which not everything is written down.
        """
        asked = {"tenant": self._tenant, "partitions": sorted(partitions), "limit": limit}
        moves: dict[int, tuple[int, int]] = {}
        settled: dict[int, int] = {}
        found: list[PingBatch] = []
        seqs, numbers = list[Ints](), list[Ints]()
        left = limit
        for row in self._connection.execute(_READ_AGAIN if again else _READ, asked):
            if not left:
                break
            begun_at, reached = moves.get(row.partition, (row.after, row.after))
            first = reached - (row.seq - row.pings)  # those before were read with the position in the midst of a row
            last = min(row.pings, first + left, row.until - (row.seq - row.pings))
            some = unpack(row.block).take(np.arange(first, last))
            moves[row.partition] = (begun_at, reached + len(some))
            settled[row.partition] = row.settled
            found.append(some)
            seqs.append(np.arange(reached + 1, reached + 1 + len(some)))
            numbers.append(np.full(len(some), row.partition))
            left -= len(some)
        return PingSlice(moves=moves, settled=settled, batch=joined(found), seq=_one(seqs), partition=_one(numbers))

    def move(self, moves: Mapping[int, tuple[int, int]], tokens: Mapping[int, int], *, is_settled: bool = True) -> bool:
        """Move positions on from the one to the other, in the transaction of their pings' effects. False where one is
        not where it was, or a partition's token is another one: somebody else has consumed these pings or has taken
        them over, and nothing may be committed. Nobody takes them over between this and the commit.

        Unless it `is_settled`, some of the effects are still to be written down, and `settle` says when they are.
        """
        return self._moved(moves, tokens, _MOVE_SETTLED if is_settled else _MOVE)

    def settle(self, moves: Mapping[int, tuple[int, int]], tokens: Mapping[int, int]) -> bool:
        """All effects of the pings between are written down, in this transaction at the latest. False as `move`."""
        return self._moved(moves, tokens, _SETTLE)

    def _moved(self, moves: Mapping[int, tuple[int, int]], tokens: Mapping[int, int], moved: Update) -> bool:
        if tokens_of(self._connection, moves, hold=True) != {partition: tokens[partition] for partition in moves}:
            return False
        rows = [
            {"tenant": self._tenant, "of_partition": partition, "after": after, "until": until}
            for partition, (after, until) in sorted(moves.items())
        ]
        return not rows or self._connection.execute(moved, rows).rowcount == len(rows)

    def positions(self) -> dict[int, LogPosition]:
        """How far each partition has been consumed, and how many pings it has."""
        return {
            row.partition: LogPosition(settled=row.settled, position=row.position, head=row.head)
            for row in self._connection.execute(_POSITIONS, {"tenant": self._tenant})
        }

    def waiting(self) -> dict[int, int]:
        """How many pings are to be consumed, by partition; those that have none are left out."""
        left = (log_position.c.head - log_position.c.position).label("left")
        mine = select(log_position.c.partition, left).where(log_position.c.tenant_id == self._tenant, left > 0)
        return {row.partition: row.left for row in self._connection.execute(mine.order_by(log_position.c.partition))}

    def waiting_since(self, customer_ids: Iterable[CustomerId]) -> dict[CustomerId, datetime]:
        """When the first of the pings arrived that wait in a customer's partition, before which all that any gave is
        written down; those of partitions in which none waits are left out.
        """
        here = log_position.c
        first = (_here.tenant_id == here.tenant_id) & (_here.partition == here.partition)
        first &= (_here.seq > here.settled) & (_here.seq - _here.pings <= here.settled)
        since = select(here.partition, here.settled, _here.seq, _here.pings, _here.block).join(ping_log, first)
        at_stake = {partition_of(key) for key in customer_ids}
        mine = since.where(here.tenant_id == self._tenant, here.partition.in_(sorted(at_stake)))
        arrived = {
            row.partition: as_instant(int(unpack(row.block).received_at_us[row.settled - (row.seq - row.pings)]))
            for row in self._connection.execute(mine)
        }
        return {key: arrived[at] for key in customer_ids if (at := partition_of(key)) in arrived}

    def of(self, customer_id: CustomerId) -> list[dict[str, Any]]:
        """A customer's pings that are still kept, consumed or not, in the order of their arrival."""
        mine = select(_here.block).where(*self._may_name(customer_id)).order_by(_here.seq)
        return [
            shown
            for block in self._connection.scalars(mine)
            for batch in [unpack(block)]
            for shown in _shown(batch.take(rows_of(batch, customer_id)))
        ]

    def forget(self, customer_id: CustomerId, subject: str) -> int:
        """Put a subject who was nowhere in the place of a customer; of how many pings. Positions stay what they are: a
        worker on its way through them finds nobody who agreed to anything. Nobody appends meanwhile.
        """
        count = 0
        blocks = select(_here.partition, _here.seq, _here.block).where(*self._may_name(customer_id))
        for row in self._connection.execute(blocks).all():
            batch = unpack(row.block)
            is_theirs = batch.customer_id == customer_id
            if is_theirs.any():
                count += int(is_theirs.sum())
                this = _here.tenant_id == self._tenant, _here.partition == row.partition, _here.seq == row.seq
                nameless = update(ping_log).where(*this).values(block=pack(blanked(batch, is_theirs, subject)))
                self._connection.execute(nameless)
        return count

    def _may_name(self, customer_id: CustomerId) -> tuple[ColumnElement[bool], ...]:
        mine = _here.tenant_id == self._tenant, _here.partition == partition_of(customer_id)
        return (*mine, has_in_it(self._connection, _here.block, customer_id.encode()))

    def prune(self, before: datetime, *, limit: int) -> int:
        """Delete rows from the beginning of the log all of whose pings are settled, and the last of them received
        before an instant: as many as it takes for `limit` pings. How many pings.
        """
        positions = select(log_position).where(log_position.c.tenant_id == self._tenant)
        pruned = 0
        for at in self._connection.execute(positions.order_by(log_position.c.partition)).all():
            here = _here.tenant_id == self._tenant, _here.partition == at.partition
            first_ones = select(_here.seq, _here.pings, _here.received_at_us).where(*here, _here.seq <= at.settled)
            last = None
            for row in self._connection.execute(first_ones.order_by(_here.seq).limit(limit)).all():
                if pruned >= limit or row.received_at_us >= as_us(before):
                    break
                last, pruned = row.seq, pruned + row.pings
            if last is not None:
                self._connection.execute(delete(ping_log).where(*here, _here.seq <= last))
        return pruned

    def seen(self, pings: Iterable[SeenPing]) -> set[SeenPing]:
        """Which of these ping ids have come in before."""
        asked = set(pings)
        found: set[SeenPing] = set()
        for ids in chunks(sorted({customer_id for customer_id, _, _ in asked})):
            mine = (ping_seen.c.tenant_id == self._tenant) & ping_seen.c.customer_id.in_(ids)
            for some in chunks(sorted({ping_id for _, _, ping_id in asked})):
                there = select(ping_seen).where(mine, ping_seen.c.ping_id.in_(some))
                found |= {
                    (CustomerId(row.customer_id), row.device_id or None, row.ping_id)
                    for row in self._connection.execute(there)
                }
        return found & asked

    def remember(self, pings: Iterable[SeenPing], at: datetime) -> None:
        """Note ping ids that have come in."""
        rows = [
            {"tenant_id": self._tenant, "customer_id": key, "device_id": device_id or "", "ping_id": ping_id, "at": at}
            for key, device_id, ping_id in pings
        ]
        upsert(self._connection, ping_seen, rows, keep=["at"])

    def prune_seen(self, before: datetime, *, limit: int) -> int:
        """Forget ping ids that came in before an instant, at most `limit`; how many."""
        old = ping_seen.c.tenant_id == self._tenant, ping_seen.c.at < before
        return delete_some(self._connection, ping_seen, *old, limit=limit)

    def _take_numbers(self, counts: Mapping[int, int]) -> tuple[dict[int, int], Ints]:
        """The last of so many new numbers of each partition, which are taken in their order; and by partition when the
        last ping before them arrived.
        """
        rows = [
            {"tenant_id": self._tenant, "partition": partition, "head": count, "position": 0, "settled": 0}
            for partition, count in sorted(counts.items())
        ]
        upsert(self._connection, log_position, rows, keep=["position", "settled"], add_up=["head"])
        heads: dict[int, int] = {}
        arrived_us: Ints = np.full(PARTITIONS, np.iinfo(np.int64).min)
        for partition, head, last_us in self._connection.execute(_HEADS, {"tenant": self._tenant}):
            heads[partition] = head
            if last_us is not None:
                arrived_us[partition] = last_us
        return heads, arrived_us


def _one(columns: list[Ints]) -> Ints:
    return np.concatenate(columns) if columns else np.empty(0, dtype=np.int64)


def _shown(batch: PingBatch) -> list[dict[str, Any]]:
    return [
        {
            "recorded_at": as_instant(int(batch.recorded_at_us[row])),
            "received_at": as_instant(int(batch.received_at_us[row])),
            "lat": float(batch.lat_deg[row]),
            "lon": float(batch.lon_deg[row]),
            "accuracy_m": _known(batch.accuracy_m[row]),
            "speed_mps": _known(batch.speed_mps[row]),
            "ping_id": batch.ping_id[row],
            "device_id": batch.device_id[row],
        }
        for row in range(len(batch))
    ]


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def waiting_by_partition(connection: Connection) -> dict[int, int]:
    """Pings of all tenants that are to be consumed, by partition; those that have none are left out."""
    here = log_position.c
    left = func.sum(here.head - here.position)
    found = select(here.partition, left.label("left")).where(here.head > here.position).group_by(here.partition)
    return {row.partition: int(row.left) for row in connection.execute(found.order_by(here.partition))}
