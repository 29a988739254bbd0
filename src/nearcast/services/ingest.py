"""The door: what is refused before anything is stored, and what is kept of a ping that comes in."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, TypeAlias

import numpy as np

from nearcast.domain.consent import LOCATION, NO_CONSENT, ConsentState, consent_state
from nearcast.domain.ids import CustomerId, GeofenceId
from nearcast.domain.ping import Fix
from nearcast.domain.position import MAX_LON_DEG, Position
from nearcast.domain.reason import Reason
from nearcast.geo.batch import Ints, PingBatch, Texts
from nearcast.services.geofences import GeofenceBook
from nearcast.services.instants import EPOCH, as_instant
from nearcast.services.world import World

_US = 1_000_000
PingKey: TypeAlias = tuple[CustomerId, str | None, str]


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Pings in the order in which they are taken: by arrival, those of one instant by `recorded_at`.

    `fault` is the reason for which the ping's own values refuse it, None where they do not.
    """

    batch: PingBatch
    fault: Texts

    @classmethod
    def of(cls, batch: PingBatch, max_future_s: float) -> "Arrivals":
        """Pings as they stand."""
        return cls(batch, _faults(batch, max_future_s))

    def __len__(self) -> int:
        return len(self.batch)


def in_order_of_arrival(batches: Sequence[PingBatch], max_future_s: float) -> Arrivals:
    """All pings of a replay as one batch, sorted stably, and what is wrong with their values."""
    columns = _joined(batches)
    order: Ints = np.lexsort((columns["recorded_at_us"], columns["received_at_us"]))
    order = _ties_sorted(order, columns)
    batch = PingBatch(**{name: column[order] for name, column in columns.items()})
    return Arrivals.of(batch, max_future_s)


def joined(batches: Sequence[PingBatch]) -> PingBatch:
    """All pings of some batches, one after the other."""
    return PingBatch(**_joined(batches))


def _joined(batches: Sequence[PingBatch]) -> dict[str, Any]:
    return {
        column.name: np.concatenate([getattr(batch, column.name) for batch in batches]) for column in fields(PingBatch)
    }


def _ties_sorted(order: Ints, columns: dict[str, Any]) -> Ints:
    """Pings recorded and received at the same instants, by what they say: the order of a file decides nothing."""
    if not len(order):
        return order
    received_us, recorded_us = columns["received_at_us"][order], columns["recorded_at_us"][order]
    starts = np.flatnonzero(np.diff(received_us, prepend=-1) | np.diff(recorded_us, prepend=-1))
    stops = np.append(starts[1:], len(order))
    tied = stops - starts > 1

    def said(row: int) -> tuple[object, ...]:
        accuracy_m = columns["accuracy_m"][row]
        who = (columns["customer_id"][row], columns["device_id"][row] or "")
        how_exact = 0.0 if np.isnan(accuracy_m) else accuracy_m
        return (*who, how_exact, columns["lat_deg"][row], columns["lon_deg"][row], columns["ping_id"][row] or "")

    settled = order.copy()
    for start, stop in zip(starts[tied].tolist(), stops[tied].tolist(), strict=True):
        settled[start:stop] = sorted(order[start:stop].tolist(), key=said)
    return settled


def _faults(batch: PingBatch, max_future_s: float) -> Texts:
    fault: Texts = np.full(len(batch), None, dtype=object)
    ahead_us = batch.recorded_at_us - batch.received_at_us
    fault[ahead_us > max_future_s * _US] = Reason.PING_FROM_FUTURE
    fault[(batch.lat_deg == 0) & (batch.lon_deg == 0)] = Reason.PING_NULL_ISLAND
    in_range = (np.abs(batch.lat_deg) <= 90) & (np.abs(batch.lon_deg) <= MAX_LON_DEG)
    fault[~in_range] = Reason.PING_OUT_OF_RANGE
    return fault


def ping_keys(batch: PingBatch) -> list[PingKey]:
    """What tells a ping that names itself from all others: customer, device, ping id."""
    named = zip(batch.customer_id, batch.device_id, batch.ping_id, strict=True)
    return [(CustomerId(customer), device, ping_id) for customer, device, ping_id in named if ping_id is not None]


def recorded_at(batch: PingBatch, row: int) -> datetime:
    """The device's time; a clock that runs ahead is taken back to ours."""
    return as_instant(int(min(batch.recorded_at_us[row], batch.received_at_us[row])))


def fix_of(batch: PingBatch, row: int, inside: frozenset[GeofenceId]) -> Fix:
    accuracy_m = float(batch.accuracy_m[row])
    return Fix(
        at=recorded_at(batch, row),
        position=Position(float(batch.lat_deg[row]), float(batch.lon_deg[row])),
        accuracy_m=0.0 if math.isnan(accuracy_m) else accuracy_m,
        inside=inside,
        device_id=batch.device_id[row],
    )


def inside_of(geofences: GeofenceBook, arrivals: Arrivals, rows: Sequence[int]) -> dict[int, frozenset[GeofenceId]]:
    """For those of the rows that lie in any geofence in force at their time: in which."""
    batch, usable = arrivals.batch, np.array([row for row in rows if arrivals.fault[row] is None], dtype=np.int64)
    instants = [recorded_at(batch, row) for row in usable.tolist()]
    found = geofences.inside(batch.lat_deg[usable], batch.lon_deg[usable], instants)
    return {int(usable[n]): ids for n, ids in found.items()}


class Door:
    """Remembers which ping ids have come in, and what a customer's ledger says of location until its next change."""

    def __init__(self, world: World, seen: Iterable[PingKey] = ()) -> None:
        self._world = world
        self._seen: set[PingKey] = set(seen)
        self._known: dict[CustomerId, tuple[datetime, ConsentState]] = {}
        self.turned_away: list[tuple[int, Reason]] = []

    def consent_changed(self, customer_id: CustomerId) -> None:
        self._known.pop(customer_id, None)

    def let_in(self, arrivals: Arrivals, rows: Iterable[int], now: datetime) -> Iterator[int]:
        """The rows that may be stored; the others are counted by reason and forgotten."""
        batch = arrivals.batch
        for row in rows:
            customer_id = CustomerId(batch.customer_id[row])
            reason = arrivals.fault[row]
            if reason is None and not self._may_keep(customer_id, as_instant(int(batch.recorded_at_us[row])), now):
                reason = Reason.CONSENT_LOCATION_MISSING
            if reason is None and batch.ping_id[row] is not None:
                key = (customer_id, batch.device_id[row], batch.ping_id[row])
                if key in self._seen:
                    reason = Reason.DUPLICATE_PING
                self._seen.add(key)
            if reason is None:
                yield row
            else:
                self._world.refused[reason] += 1
                self.turned_away.append((row, reason))

    def _may_keep(self, customer_id: CustomerId, recorded_at: datetime, now: datetime) -> bool:
        """Consent must hold now, and must have held since the ping was recorded."""
        until, state = self._known.get(customer_id, (EPOCH, NO_CONSENT))
        if now >= until:
            events = self._world.consents.get(customer_id, ())
            state = consent_state(events, LOCATION, now=now)
            # a ledger changes at its events and where a consent runs out; between them its answer holds
            changes = [event.at for event in events if event.at > now]
            if state.is_live and state.valid_until is not None:
                changes.append(state.valid_until)
            self._known[customer_id] = (min(changes, default=datetime.max.replace(tzinfo=UTC)), state)
        return state.is_live and state.since is not None and recorded_at >= state.since
