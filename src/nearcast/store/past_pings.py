"""Pings of the past, as files brought them in."""

import math
from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeAlias

import numpy as np
from sqlalchemy import Connection, delete, select

from nearcast.domain.ids import CustomerId, TenantId
from nearcast.geo.batch import PingBatch
from nearcast.services.instants import as_instant
from nearcast.store.dialect import insert_missing
from nearcast.store.history_tables import past_ping
from nearcast.store.page import chunks
from nearcast.store.pruning import delete_some

_Moment: TypeAlias = tuple[str, int, str, float, float]
"""Customer, instant, device, latitude, longitude."""
_COLUMNS: dict[str, type] = {
    "customer_id": object,
    "recorded_at_us": np.int64,
    "lat_deg": np.float64,
    "lon_deg": np.float64,
    "accuracy_m": np.float64,
    "speed_mps": np.float64,
    "ping_id": object,
    "device_id": object,
}


class PastPings:
    """One tenant's pings of the past: a place, a device and an instant of a customer are kept once."""

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        self._connection, self._tenant = connection, tenant

    def add(self, batch: PingBatch, at: datetime) -> int:
        """Keep pings that are taken in at an instant; how many of them were not there yet."""
        if not len(batch):
            return 0
        standing = self._standing(batch)
        rows: list[dict[str, Any]] = []
        for n, moment in enumerate(_moments(batch)):
            if moment in standing:
                continue
            standing.add(moment)
            customer_id, recorded_at_us, device_id, lat_deg, lon_deg = moment
            rows.append(
                {
                    "tenant_id": self._tenant,
                    "customer_id": customer_id,
                    "recorded_at_us": recorded_at_us,
                    "device_id": device_id,
                    "lat_deg": lat_deg,
                    "lon_deg": lon_deg,
                    "accuracy_m": _known(batch.accuracy_m[n]),
                    "speed_mps": _known(batch.speed_mps[n]),
                    "ping_id": batch.ping_id[n],
                    "taken_at": at,
                }
            )
        if rows:
            insert_missing(self._connection, past_ping, rows)
        return len(rows)

    def of(self, customer_id: CustomerId) -> list[dict[str, Any]]:
        """A customer's pings in the order in which they were recorded."""
        here = past_ping.c
        theirs = select(past_ping).where(here.tenant_id == self._tenant, here.customer_id == customer_id)
        return [
            {
                "recorded_at": as_instant(row.recorded_at_us),
                "lat": row.lat_deg,
                "lon": row.lon_deg,
                "accuracy_m": row.accuracy_m,
                "speed_mps": row.speed_mps,
                "ping_id": row.ping_id,
                "device_id": row.device_id or None,
                "taken_at": row.taken_at,
            }
            for row in self._connection.execute(theirs.order_by(here.recorded_at_us, here.device_id))
        ]

    def batch(self, customer_ids: Iterable[CustomerId]) -> PingBatch:
        """Pings of customers, by customer and then in the order in which they were recorded."""
        here, rows = past_ping.c, list[Any]()
        for ids in chunks(sorted(set(customer_ids))):
            theirs = select(past_ping).where(here.tenant_id == self._tenant, here.customer_id.in_(ids))
            rows += self._connection.execute(theirs)
        rows.sort(key=lambda row: (row.customer_id, row.recorded_at_us, row.device_id))
        columns = {name: [getattr(row, name) for row in rows] for name in _COLUMNS}
        columns["device_id"] = [name or None for name in columns["device_id"]]
        arrays: dict[str, Any] = {name: np.array(column, dtype=_COLUMNS[name]) for name, column in columns.items()}
        return PingBatch(received_at_us=arrays["recorded_at_us"], **arrays)

    def customers(self) -> list[CustomerId]:
        """Whose pings there are, by id."""
        here = past_ping.c
        whose = select(here.customer_id).where(here.tenant_id == self._tenant).distinct().order_by(here.customer_id)
        return [CustomerId(key) for key in self._connection.scalars(whose)]

    def forget(self, customer_ids: Iterable[CustomerId]) -> int:
        """Delete all pings of customers; how many."""
        here, gone = past_ping.c, 0
        for ids in chunks(sorted(set(customer_ids))):
            theirs = delete(past_ping).where(here.tenant_id == self._tenant, here.customer_id.in_(ids))
            gone += self._connection.execute(theirs).rowcount
        return gone

    def prune(self, before: datetime, *, limit: int) -> int:
        """Delete pings that were taken in before an instant, at most `limit`; how many."""
        old = past_ping.c.tenant_id == self._tenant, past_ping.c.taken_at < before
        return delete_some(self._connection, past_ping, *old, limit=limit)

    def _standing(self, batch: PingBatch) -> set[_Moment]:
        """What is there already of these customers in the time of these pings."""
        here, found = past_ping.c, set[_Moment]()
        first_us, last_us = int(batch.recorded_at_us.min()), int(batch.recorded_at_us.max())
        for ids in chunks(sorted(set(batch.customer_id))):
            there = select(here.customer_id, here.recorded_at_us, here.device_id, here.lat_deg, here.lon_deg).where(
                here.tenant_id == self._tenant,
                here.customer_id.in_(ids),
                here.recorded_at_us.between(first_us, last_us),
            )
            found |= {tuple(row) for row in self._connection.execute(there)}
        return found


def _moments(batch: PingBatch) -> Iterable[_Moment]:
    devices = [device or "" for device in batch.device_id]
    columns = batch.recorded_at_us.tolist(), devices, batch.lat_deg.tolist(), batch.lon_deg.tolist()
    return zip(batch.customer_id, *columns, strict=True)


def _known(number: float) -> float | None:
    return None if math.isnan(number) else float(number)
