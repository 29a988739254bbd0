"""The ping log: accepted pings in the order of their arrival, in 16 partitions, each read from its own position."""

import math
import zlib
from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime
from typing import Any, TypeAlias

import numpy as np
from sqlalchemy import Connection, delete, insert, select, update

from nearcast.domain.ids import CustomerId, TenantId
from nearcast.geo.batch import PingBatch
from nearcast.services.ingest import as_us
from nearcast.services.ports import PingSlice
from nearcast.store.dialect import insert_into, upsert
from nearcast.store.page import chunks
from nearcast.store.tables import PARTITIONS, log_position, ping_log, ping_seen

SeenPing: TypeAlias = tuple[CustomerId, str | None, str]
"""Customer, device, ping id."""

_COLUMNS = tuple(field.name for field in fields(PingBatch))
_FLOATS = ("lat_deg", "lon_deg", "accuracy_m", "speed_mps")
_INTS = ("recorded_at_us", "received_at_us")


def partition_of(customer_id: str) -> int:
    """The same for a customer for ever."""
    return zlib.crc32(customer_id.encode()) % PARTITIONS


class Pings:
    """One tenant's ping log."""

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        self._connection, self._tenant = connection, tenant

    def append(self, batch: PingBatch) -> None:
        """Add pings in their order. Whoever appends to a partition waits for the one before it to commit: numbers
        become visible in their order, so that a reader's position never passes a ping still to come.
        """
        columns = {name: _plain(getattr(batch, name)) for name in _COLUMNS}
        rows_of: dict[int, list[dict[str, Any]]] = {}
        for values in zip(*columns.values(), strict=True):
            row = dict(zip(_COLUMNS, values, strict=True))
            rows_of.setdefault(partition_of(row["customer_id"]), []).append(row)
        rows: list[dict[str, Any]] = []
        for partition, mine in sorted(rows_of.items()):
            first = self._take_numbers(partition, len(mine))
            key = {"tenant_id": self._tenant, "partition": partition}
            rows += [{**key, "seq": first + n, **row} for n, row in enumerate(mine)]
        if rows:
            self._connection.execute(insert(ping_log), rows)

    def read(self, partition: int, *, limit: int) -> PingSlice:
        """The next pings after the partition's position; none where all are consumed."""
        after = self.position(partition)
        wanted = (
            select(ping_log)
            .where(ping_log.c.tenant_id == self._tenant, ping_log.c.partition == partition, ping_log.c.seq > after)
            .order_by(ping_log.c.seq)
            .limit(limit)
        )
        rows = self._connection.execute(wanted).all()
        return PingSlice(partition=partition, until=rows[-1].seq if rows else after, batch=_batch(rows))

    def position(self, partition: int) -> int:
        """The number of the last ping consumed; 0 before the first."""
        found = self._connection.scalar(select(log_position.c.position).where(*self._at(partition)))
        return found or 0

    def set_position(self, partition: int, *, after: int, until: int) -> bool:
        """Move a position on, in the transaction of its pings' effects; False where it is not at `after` any more:
        somebody else has consumed these pings, and nothing may be committed.
        """
        moved = update(log_position).where(*self._at(partition), log_position.c.position == after)
        return self._connection.execute(moved.values(position=until)).rowcount == 1

    def waiting(self) -> dict[int, int]:
        """How many pings are to be consumed, by partition; those that have none are left out."""
        left = (log_position.c.head - log_position.c.position).label("left")
        mine = select(log_position.c.partition, left).where(log_position.c.tenant_id == self._tenant, left > 0)
        return {row.partition: row.left for row in self._connection.execute(mine.order_by(log_position.c.partition))}

    def prune(self, before: datetime) -> int:
        """Delete consumed pings received before an instant; how many."""
        consumed = (
            select(log_position.c.position)
            .where(log_position.c.tenant_id == ping_log.c.tenant_id, log_position.c.partition == ping_log.c.partition)
            .scalar_subquery()
        )
        old = (ping_log.c.tenant_id == self._tenant) & (ping_log.c.received_at_us < as_us(before))
        return self._connection.execute(delete(ping_log).where(old, ping_log.c.seq <= consumed)).rowcount

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

    def prune_seen(self, before: datetime) -> int:
        """Forget ping ids that came in before an instant; how many."""
        old = (ping_seen.c.tenant_id == self._tenant) & (ping_seen.c.at < before)
        return self._connection.execute(delete(ping_seen).where(old)).rowcount

    def _take_numbers(self, partition: int, count: int) -> int:
        row = {"tenant_id": self._tenant, "partition": partition, "head": count, "position": 0}
        insert_head = insert_into(self._connection, log_position).values(row)
        head: int = self._connection.execute(
            insert_head.on_conflict_do_update(
                index_elements=["tenant_id", "partition"],
                set_={"head": log_position.c.head + insert_head.excluded.head},
            ).returning(log_position.c.head)
        ).scalar_one()
        return head - count + 1

    def _at(self, partition: int) -> tuple[Any, ...]:
        return log_position.c.tenant_id == self._tenant, log_position.c.partition == partition


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
