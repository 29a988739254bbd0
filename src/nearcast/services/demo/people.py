"""The demo's people: one day of the city's pings and events, handed to the service as its clock comes to them."""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Lock
from typing import TypeAlias

import numpy as np

from nearcast.domain.errors import NotFound
from nearcast.domain.ids import CampaignId, CustomerId, GeofenceId, TenantId
from nearcast.domain.position import Position
from nearcast.domain.reason import Reason
from nearcast.geo.batch import PingBatch
from nearcast.services.demo.city import TENANT, DemoCity, ledger_line
from nearcast.services.engines import Engines
from nearcast.services.instants import as_instant, as_us
from nearcast.services.scenario import EventShape
from nearcast.sim.calendar import MIDNIGHT

Accept: TypeAlias = Callable[[TenantId, PingBatch, datetime], Sequence[tuple[int, Reason]]]
"""Takes pings in; those that were refused as (row, reason)."""

_AT_ONCE = 2_000
_DAY_US = 86_400_000_000
_SEEN_WITHIN = timedelta(minutes=30)


class People:
    """The city's customers on their ways. When the day's data is over the same day comes again, dated a day later;
    events happen once.
    """

    def __init__(self, demo: DemoCity, *, accept: Accept, engines: Engines, since: datetime) -> None:
        self._pings, self._accept, self._engines = demo.pings, accept, engines
        self._events = deque(event for event in demo.events if event.at > since)
        self._day, into_day_us = divmod(as_us(since) - as_us(MIDNIGHT), _DAY_US)
        first_us = as_us(MIDNIGHT) + into_day_us
        self._row = int(np.searchsorted(self._pings.received_at_us, first_us, side="right"))
        self._seen: dict[CustomerId, tuple[Position, datetime]] = {}
        self._lock = Lock()

    def step(self, now: datetime) -> None:
        """Hand over everything up to `now`. What fails is handed over again by the next step."""
        while self._events and self._events[0].at <= now:
            self._happen(self._events[0])
            self._events.popleft()
        while rows := self._due(now):
            self._hand_over(rows, now)
            self._row = rows.stop

    def last_seen(self, customer_id: CustomerId) -> Position | None:
        """Where a customer was seen last."""
        with self._lock:
            seen = self._seen.get(customer_id)
        return seen[0] if seen else None

    def seen(self, now: datetime) -> dict[CustomerId, Position]:
        """Who was seen in the last half hour, and where."""
        with self._lock:
            return {key: position for key, (position, at) in self._seen.items() if at > now - _SEEN_WITHIN}

    def _due(self, now: datetime) -> range:
        while True:
            until_us = as_us(now) - self._day * _DAY_US
            stop = int(np.searchsorted(self._pings.received_at_us, until_us, side="right"))
            if self._row < stop or stop < len(self._pings):
                return range(self._row, min(stop, self._row + _AT_ONCE))
            self._day, self._row = self._day + 1, 0

    def _hand_over(self, rows: range, now: datetime) -> None:
        batch = self._of_day(rows)
        refused = dict(self._accept(TENANT, batch, now))
        with self._lock:
            for row in range(len(batch)):
                customer_id = CustomerId(batch.customer_id[row])
                if row not in refused:
                    position = Position(float(batch.lat_deg[row]), float(batch.lon_deg[row]))
                    self._seen[customer_id] = position, as_instant(int(batch.received_at_us[row]))
                elif refused[row] is Reason.CONSENT_LOCATION_MISSING:
                    self._seen.pop(customer_id, None)

    def _of_day(self, rows: range) -> PingBatch:
        batch, later_us = self._pings.take(rows), self._day * _DAY_US
        return replace(
            batch,
            recorded_at_us=batch.recorded_at_us + later_us,
            received_at_us=batch.received_at_us + later_us,
            ping_id=np.array([f"{key}-day-{self._day}" for key in batch.ping_id], dtype=object),
        )

    def _happen(self, event: EventShape) -> None:
        with self._engines.of(TENANT) as live:
            if event.consent is not None:
                live.take_consent(ledger_line(event), event.at)
            elif event.geofence_put is not None:
                live.put_geofence(event.geofence_put, event.at)
            elif event.geofence_delete is not None:
                with suppress(NotFound):  # gone before the demo was stopped and started again
                    live.delete_geofence(GeofenceId(event.geofence_delete), event.at)
            elif event.campaign is not None:
                live.change_campaign(CampaignId(event.campaign.id), event.campaign.action, event.at)
