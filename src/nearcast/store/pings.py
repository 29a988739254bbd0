"""The ping log: accepted pings in the order of their arrival, in 16 partitions, each read from its own position."""

import math
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import datetime
from itertools import takewhile
from typing import Any, TypeAlias

import numpy as np
from sqlalchemy import Connection, delete, insert, select, update

from nearcast.domain.ids import CustomerId, TenantId
from nearcast.geo.batch import PingBatch
from nearcast.services.instants import as_instant, as_us
from nearcast.services.ports import PingSlice
from nearcast.store.dialect import free_names, insert_into, its_now, lock_names, upsert
from nearcast.store.page import chunks
from nearcast.store.partitions import leased, tokens_of
from nearcast.store.pruning import delete_some
from nearcast.store.tables import PARTITIONS, log_position, ping_log, ping_seen

SeenPing: TypeAlias = tuple[CustomerId, str | None, str]
"""Customer, device, ping id."""

_COLUMNS = tuple(field.name for field in fields(PingBatch))
_FLOATS = ("lat_deg", "lon_deg", "accuracy_m", "speed_mps")
_INTS = ("recorded_at_us", "received_at_us")


def partition_of(customer_id: str) -> int:
    """The same for a customer for ever."""
    return zlib.crc32(customer_id.encode()) % PARTITIONS


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
        """Add pings in their order. Whoever appends to a partition waits for the one before it to commit: numbers
        become visible in their order, so that a reader's position never passes a ping still to come.
        """
        columns = {name: _plain(getattr(batch, name)) for name in _COLUMNS}
        rows_of: dict[int, list[dict[str, Any]]] = {}
        for values in zip(*columns.values(), strict=True):
            row = dict(zip(_COLUMNS, values, strict=True))
            rows_of.setdefault(partition_of(row["customer_id"]), []).append(row)
        if not rows_of:
            return
        rows: list[dict[str, Any]] = []
        for partition, first in self._take_numbers({partition: len(mine) for partition, mine in rows_of.items()}):
            key = {"tenant_id": self._tenant, "partition": partition}
            rows += [{**key, "seq": first + n, **row} for n, row in enumerate(rows_of[partition])]
        self._connection.execute(insert(ping_log), rows)

    def borrow(self, partitions: Iterable[int]) -> dict[int, int]:
        """The tokens of those partitions that are neither leased nor borrowed by anybody else; until the transaction
        ends nobody else borrows them.
        """
        taken = leased(self._connection, its_now(self._connection))
        named = {f"pings {self._tenant} {number}": number for number in partitions if number not in taken}
        return tokens_of(self._connection, dict.fromkeys(named[name] for name in free_names(self._connection, named)))

    def read(self, partitions: Iterable[int], *, limit: int) -> PingSlice:
        """The next pings of partitions after their positions, in order within each; at most `limit` of all."""
        here, after = log_position.c, log_position.c.position
        waiting = (
            select(ping_log, after.label("after"))
            .join(log_position, (here.tenant_id == ping_log.c.tenant_id) & (here.partition == ping_log.c.partition))
            .where(here.tenant_id == self._tenant, here.partition.in_(list(partitions)))
            .where(ping_log.c.seq > after, ping_log.c.seq <= after + limit)  # no database sorts more than it must
            .order_by(here.partition, ping_log.c.seq)  # by the small table's column: SQLite begins with that one
            .limit(limit)
        )
        rows = self._connection.execute(waiting).all()
        return PingSlice(moves={row.partition: (row.after, row.seq) for row in rows}, batch=_batch(rows))

    def move(self, moves: Mapping[int, tuple[int, int]], tokens: Mapping[int, int]) -> bool:
        """Move positions on from the one to the other, in the transaction of their pings' effects. False where one is
        not where it was, or a partition's token is another one: somebody else has consumed these pings or has taken
        them over, and nothing may be committed. Nobody takes them over between this and the commit.
        """
        if tokens_of(self._connection, moves, hold=True) != {partition: tokens[partition] for partition in moves}:
            return False
        for partition, (after, until) in sorted(moves.items()):
            here = log_position.c.tenant_id == self._tenant, log_position.c.partition == partition
            moved = update(log_position).where(*here, log_position.c.position == after).values(position=until)
            if self._connection.execute(moved).rowcount != 1:
                return False
        return True

    def waiting(self) -> dict[int, int]:
        """How many pings are to be consumed, by partition; those that have none are left out."""
        left = (log_position.c.head - log_position.c.position).label("left")
        mine = select(log_position.c.partition, left).where(log_position.c.tenant_id == self._tenant, left > 0)
        return {row.partition: row.left for row in self._connection.execute(mine.order_by(log_position.c.partition))}

    def waiting_since(self, customer_ids: Iterable[CustomerId]) -> dict[CustomerId, datetime]:
        """When the first of the pings arrived that wait in a customer's partition, before which all of theirs are
        consumed; those of partitions in which none waits are left out.
        """
        here = log_position.c
        first = select(ping_log.c.received_at_us).where(
            ping_log.c.tenant_id == self._tenant,
            ping_log.c.partition == here.partition,
            ping_log.c.seq == here.position + 1,
        )
        since = select(here.partition, first.scalar_subquery()).where(here.tenant_id == self._tenant)
        found = self._connection.execute(since).all()
        arrived = {partition: as_instant(us) for partition, us in found if us is not None}
        return {key: arrived[at] for key in customer_ids if (at := partition_of(key)) in arrived}

    def of(self, customer_id: CustomerId) -> list[dict[str, Any]]:
        """A customer's pings that are still kept, consumed or not, in the order of their arrival."""
        here = ping_log.c.tenant_id == self._tenant, ping_log.c.partition == partition_of(customer_id)
        theirs = select(ping_log).where(*here, ping_log.c.customer_id == customer_id).order_by(ping_log.c.seq)
        return [
            {
                "recorded_at": as_instant(row.recorded_at_us),
                "received_at": as_instant(row.received_at_us),
                "lat": row.lat_deg,
                "lon": row.lon_deg,
                "accuracy_m": row.accuracy_m,
                "speed_mps": row.speed_mps,
                "ping_id": row.ping_id,
                "device_id": row.device_id,
            }
            for row in self._connection.execute(theirs)
        ]

    def prune(self, before: datetime, *, limit: int) -> int:
        """Delete consumed pings from the beginning of the log that were received before an instant, at most `limit`;
        how many.
        """
        positions = select(log_position).where(log_position.c.tenant_id == self._tenant)
        left = limit
        for at in self._connection.execute(positions.order_by(log_position.c.partition)).all():
            here = ping_log.c.tenant_id == self._tenant, ping_log.c.partition == at.partition
            first_ones = select(ping_log.c.seq, ping_log.c.received_at_us).where(*here, ping_log.c.seq <= at.position)
            found = self._connection.execute(first_ones.order_by(ping_log.c.seq).limit(left)).all()
            old = list(takewhile(lambda row: row.received_at_us < as_us(before), found))
            if old:
                self._connection.execute(delete(ping_log).where(*here, ping_log.c.seq <= old[-1].seq))
                left -= len(old)
        return limit - left

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

    def _take_numbers(self, counts: Mapping[int, int]) -> list[tuple[int, int]]:
        """The first of so many new numbers for each partition; partitions are taken in their order."""
        rows = [
            {"tenant_id": self._tenant, "partition": partition, "head": count, "position": 0}
            for partition, count in sorted(counts.items())
        ]
        insert_head = insert_into(self._connection, log_position).values(rows)
        heads = self._connection.execute(
            insert_head.on_conflict_do_update(
                index_elements=["tenant_id", "partition"],
                set_={"head": log_position.c.head + insert_head.excluded.head},
            ).returning(log_position.c.partition, log_position.c.head)
        )
        return [(row.partition, row.head - counts[row.partition] + 1) for row in heads]


def _plain(column: Any) -> list[Any]:
    values: list[Any] = column.tolist()
    return [None if isinstance(value, float) and math.isnan(value) else value for value in values]


def _batch(rows: Any) -> PingBatch:
    columns: dict[str, Any] = {}
    for name in _COLUMNS:
        values = [getattr(row, name) for row in rows]
        if name in _FLOATS:
            columns[name] = np.array([math.nan if v is None else v for v in values], dtype=np.float64)
        elif name in _INTS:
            columns[name] = np.array(values, dtype=np.int64)
        else:
            columns[name] = np.empty(len(values), dtype=object)
            columns[name][:] = values
    return PingBatch(**columns)
