"""The door: what is refused before anything is stored, and what is kept of a ping that comes in."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from nearcast.domain.consent import LOCATION, NO_CONSENT, ConsentState, consent_state
from nearcast.domain.ids import CustomerId
from nearcast.domain.position import MAX_LON_DEG
from nearcast.domain.reason import Reason
from nearcast.geo.batch import Ints, PingBatch, Texts
from nearcast.services.world import World

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = 1_000_000


def as_us(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)


def as_instant(us: int) -> datetime:
    return EPOCH + timedelta(microseconds=us)


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Pings in the order in which they are taken: by arrival, those of one instant by `recorded_at`.

    `fault` is the reason for which the ping's own values refuse it, None where they do not.
    """

    batch: PingBatch
    fault: Texts

    def __len__(self) -> int:
        return len(self.batch)


def in_order_of_arrival(batches: Sequence[PingBatch], max_future_s: float) -> Arrivals:
    """All pings of a replay as one batch, sorted stably, and what is wrong with their values."""
    columns = {
        column.name: np.concatenate([getattr(batch, column.name) for batch in batches]) for column in fields(PingBatch)
    }
    order: Ints = np.lexsort((columns["recorded_at_us"], columns["received_at_us"]))
    order = _ties_sorted(order, columns)
    batch = PingBatch(**{name: column[order] for name, column in columns.items()})
    return Arrivals(batch, _faults(batch, max_future_s))


def _ties_sorted(order: Ints, columns: dict[str, Any]) -> Ints:
    """Pings recorded and received at the same instants, by what they say: the order of a file decides nothing."""
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


class Door:
    """Remembers which ping ids have come in, and what a customer's ledger says of location until its next change."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._seen: set[tuple[CustomerId, str | None, str]] = set()
        self._known: dict[CustomerId, tuple[datetime, ConsentState]] = {}

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
