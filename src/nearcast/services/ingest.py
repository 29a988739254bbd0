"""The door: what is refused before anything is stored, and what is kept of a ping that comes in."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias

import numpy as np

from nearcast.domain.consent import LOCATION, ConsentEvent, consent_state
from nearcast.domain.ids import CustomerId, GeofenceId
from nearcast.domain.ping import Fix
from nearcast.domain.policy import PingRules
from nearcast.domain.position import MAX_LON_DEG, Position
from nearcast.domain.reason import Reason
from nearcast.geo.batch import Ints, PingBatch, Texts, joined
from nearcast.geo.geodesy import Bools
from nearcast.services.instants import US_PER_S, as_instant, as_us
from nearcast.services.roster import Roster
from nearcast.services.world import World

_UNASKED = np.iinfo(np.int64).min
NEVER = int(np.iinfo(np.int64).max)
"""An instant that does not come."""

PingKey: TypeAlias = tuple[CustomerId, str | None, str]


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Pings in the order in which they are taken: by arrival, those of one instant by `recorded_at`.

    `customer` are the customers' numbers. `fault` is the reason for which the ping's own values refuse it, None where
    they do not.
    """

    batch: PingBatch
    customer: Ints
    fault: Texts

    @classmethod
    def of(cls, batch: PingBatch, rules: PingRules, roster: Roster) -> "Arrivals":
        """Pings as they stand."""
        return cls(batch, roster.numbers_of(batch.customer_id), faults_of(batch, rules))

    def __len__(self) -> int:
        return len(self.batch)


def in_order_of_arrival(batches: Sequence[PingBatch], rules: PingRules, roster: Roster) -> Arrivals:
    """All pings of some batches as one, and what is wrong with their values."""
    together = joined(batches)
    customer = roster.numbers_of(together.customer_id)
    same = customer, together.recorded_at_us, together.received_at_us
    order: Ints = np.lexsort(same)
    order = _ties_sorted(order, together, [column[order] for column in same])
    batch = together.take(order)
    return Arrivals(batch, customer[order], faults_of(batch, rules))


def _ties_sorted(order: Ints, batch: PingBatch, same: Sequence[Ints]) -> Ints:
    """A customer's pings recorded and received at the same instants, by what they say: the order of a file decides
    nothing.
    """
    starts = np.flatnonzero(np.any([np.diff(column, prepend=-1) != 0 for column in same], axis=0))
    stops = np.append(starts[1:], len(order))
    tied = stops - starts > 1

    def said(row: int) -> tuple[object, ...]:
        accuracy_m = batch.accuracy_m[row]
        how_exact = 0.0 if np.isnan(accuracy_m) else accuracy_m
        place = batch.lat_deg[row], batch.lon_deg[row]
        return (batch.device_id[row] or "", how_exact, *place, batch.ping_id[row] or "")

    settled = order.copy()
    for start, stop in zip(starts[tied].tolist(), stops[tied].tolist(), strict=True):
        settled[start:stop] = sorted(order[start:stop].tolist(), key=said)
    return settled


def faults_of(batch: PingBatch, rules: PingRules) -> Texts:
    """The reasons for which n pings' own values refuse them, None where they do not."""
    fault: Texts = np.full(len(batch), None, dtype=object)
    ahead_us = batch.recorded_at_us - batch.received_at_us
    fault[ahead_us > rules.max_future_s * US_PER_S] = Reason.PING_FROM_FUTURE
    fault[(batch.lat_deg == 0) & (batch.lon_deg == 0)] = Reason.PING_NULL_ISLAND
    in_range = (np.abs(batch.lat_deg) <= 90) & (np.abs(batch.lon_deg) <= MAX_LON_DEG)
    fault[~in_range] = Reason.PING_OUT_OF_RANGE
    return fault


def ping_keys(batch: PingBatch) -> list[PingKey]:
    """What tells a ping that names itself from all others: customer, device, ping id."""
    named = zip(batch.customer_id, batch.device_id, batch.ping_id, strict=True)
    return [(CustomerId(customer), device, ping_id) for customer, device, ping_id in named if ping_id is not None]


def by_arrival(batch: PingBatch) -> Ints:
    """The rows as they came in, those of one instant by `recorded_at`."""
    order: Ints = np.lexsort((batch.recorded_at_us, batch.received_at_us))
    return order


def taken_us(batch: PingBatch, rows: Ints) -> Ints:
    """The device's time of n pings; a clock that runs ahead is taken back to ours."""
    return np.minimum(batch.recorded_at_us[rows], batch.received_at_us[rows])


def fix_of(batch: PingBatch, row: int, inside: frozenset[GeofenceId]) -> Fix:
    accuracy_m = float(batch.accuracy_m[row])
    return Fix(
        at=as_instant(int(min(batch.recorded_at_us[row], batch.received_at_us[row]))),
        position=Position(float(batch.lat_deg[row]), float(batch.lon_deg[row])),
        accuracy_m=0.0 if math.isnan(accuracy_m) else accuracy_m,
        inside=inside,
        device_id=batch.device_id[row],
    )


def located_from(events: Sequence[ConsentEvent], now: datetime) -> tuple[int, int]:
    """Since when a customer may be located, as their ledger stands at `now`, and until when that answer holds."""
    state = consent_state(events, LOCATION, now=now)
    is_live = state.is_live and state.since is not None
    # a ledger changes at its events and where a consent runs out; between them its answer holds
    changes = [event.at for event in events if event.at > now]
    if is_live and state.valid_until is not None:
        changes.append(state.valid_until)
    since_us = as_us(state.since) if is_live and state.since is not None else NEVER
    return since_us, as_us(min(changes)) if changes else NEVER


def is_said(column: Texts) -> Bools:
    return np.array([value is not None for value in column.tolist()], dtype=np.bool_)


class LiveSince(Protocol):
    """Tells since when the customers of n rows may be located, asked at n instants; `NEVER` for who may not."""

    def __call__(self, arrivals: Arrivals, rows: Ints, asked_us: Ints) -> Ints: ...


class Ledgers:
    """What a world's ledgers say of location, each read once until its next change."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._live_since_us = self._known_until_us = np.empty(0, dtype=np.int64)  # by customer number

    def changed(self, customer_id: CustomerId) -> None:
        """A customer's ledger has one more line."""
        number = self._world.roster.number_of(customer_id)
        if number < len(self._known_until_us):
            self._known_until_us[number] = _UNASKED

    def __call__(self, arrivals: Arrivals, rows: Ints, asked_us: Ints) -> Ints:
        """As `LiveSince` says."""
        customer = arrivals.customer[rows]
        self._grow(len(self._world.roster))
        since_us: Ints = self._live_since_us[customer]
        for n in np.flatnonzero(asked_us >= self._known_until_us[customer]).tolist():
            number = customer[n]
            if asked_us[n] >= self._known_until_us[number]:
                self._ask(number, arrivals.batch.customer_id[rows[n]], as_instant(int(asked_us[n])))
            since_us[n] = self._live_since_us[number]
        return since_us

    def _ask(self, number: int, customer_id: CustomerId, now: datetime) -> None:
        events = self._world.consents.get(customer_id, ())
        self._live_since_us[number], self._known_until_us[number] = located_from(events, now)

    def _grow(self, size: int) -> None:
        missing = size - len(self._known_until_us)
        if missing > 0:
            room = np.full(missing + size, _UNASKED)
            self._live_since_us = np.concatenate([self._live_since_us, room])
            self._known_until_us = np.concatenate([self._known_until_us, room])


class Door:
    """Remembers which ping ids have come in. Consent must hold when the door is asked, and must have held since a ping
    was recorded.
    """

    def __init__(self, world: World, live_since: LiveSince, seen: Iterable[PingKey] = ()) -> None:
        self._world, self._live_since = world, live_since
        self._seen: set[PingKey] = set(seen)
        self.turned_away: list[tuple[int, Reason]] = []

    def let_in(self, arrivals: Arrivals, rows: Ints, asked_us: Ints) -> Ints:
        """Those of the rows that may be stored, when asked at those instants, which do not go back in time; the others
        are counted by reason and forgotten.
        """
        batch, fault = arrivals.batch, arrivals.fault[rows]
        is_agreed = batch.recorded_at_us[rows] >= self._live_since(arrivals, rows, asked_us)
        fault[~is_agreed & ~is_said(fault)] = Reason.CONSENT_LOCATION_MISSING
        for n in np.flatnonzero(is_said(batch.ping_id[rows]) & ~is_said(fault)).tolist():
            row = int(rows[n])
            key = (CustomerId(batch.customer_id[row]), batch.device_id[row], batch.ping_id[row])
            if key in self._seen:
                fault[n] = Reason.DUPLICATE_PING
            self._seen.add(key)
        refused = is_said(fault)
        for n in np.flatnonzero(refused).tolist():
            self._world.refused[fault[n]] += 1
            self.turned_away.append((int(rows[n]), fault[n]))
        let_in: Ints = rows[~refused]
        return let_in
