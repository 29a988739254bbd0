"""What goes on by itself: pings are consumed, messages leave, visits end, runs come due, old rows go."""

import logging
import os
import secrets
import socket
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from threading import Event
from time import monotonic

from apscheduler.schedulers.background import BackgroundScheduler

from nearcast.domain.errors import StoreUnavailable
from nearcast.domain.ids import TenantId
from nearcast.services.application import Application
from nearcast.services.live import Live
from nearcast.worker.loop import Loop, LoopStatus, Step
from nearcast.worker.trouble import Outage

ROLES = frozenset({"worker", "scheduler"})
_POLL_S = 0.25
_SHORTEST_S = 0.005
_EVERYBODYS = (TenantId("all tenants"),)  # partitions are leased for all of them together
_RESCUE_S = 15.0
_EVENTS_S = 0.5
_CARE_S = 2.0
_RETENTION_S = 3600.0
_RESERVATIONS_S = 15.0


class Worker:
    """The loops of one process: role `worker` consumes pings, `scheduler` does what comes due, each sends what that
    queued. Many processes may run beside each other on one database, in any mixture of roles.

    The scheduler's ticks only ring the loops' bells: what time it is, the application's clock says.
    """

    def __init__(self, application: Application, roles: Collection[str], *, tick_s: float = 0.5) -> None:
        unknown = sorted(set(roles) - ROLES)
        if unknown:
            raise ValueError(f"{unknown[0]!r} is none of {', '.join(sorted(ROLES))}")
        self._application = application
        self._outage = Outage()
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._share = application.partitions.share(self._owner)
        self._loops: list[Loop] = []
        self._ticks: list[tuple[Loop, float]] = []
        tenants, clock = application.tenants, application.clock
        # in either role: who queues a message sends it at once, and a channel that is slow keeps nothing else waiting
        dispatch = self._loop("dispatch", self._live(self._dispatch), lambda: tenants.with_messages(clock.now()))
        self._dispatching = dispatch
        self._loops.append(dispatch)

        def pings(live: Live, now: datetime) -> bool:
            consumed = live.work_some_pings(now, self._share.held())
            dispatch.ring()
            return consumed > 0

        def partitions(_everybodys: TenantId, _now: datetime) -> bool:
            before = self._share.held().keys()
            self._share.keep()
            if self._share.held().keys() - before:
                application.pings_arrived.set()  # what waits there is ours now
            return False

        def due(live: Live, now: datetime) -> bool:
            live.end_due(now)
            is_more = live.run_due(now)
            dispatch.ring()
            return is_more

        if "worker" in roles:
            arrived, every_s = application.pings_arrived, self._share.every_s
            self._loops.append(self._loop("partitions", partitions, lambda: _EVERYBODYS, poll_s=every_s))
            self._loops.append(self._loop("pings", self._live(pings), tenants.with_pings, bell=arrived, poll_s=_POLL_S))
            self._loops.append(self._loop("payments", self._payments, self._with_payments, poll_s=_EVENTS_S))
            self._loops.append(self._loop("events", self._events, self._with_events, poll_s=_EVENTS_S))
            arrived = application.inbox.arrived
            self._loops.append(self._loop("care", self._care, lambda: _EVERYBODYS, poll_s=_CARE_S))
            self._loops.append(self._loop("heard", self._heard, self._with_heard, bell=arrived, poll_s=_POLL_S))
        if "scheduler" in roles:
            self._ticks = [
                (self._loop("due", self._live(due), tenants.all), tick_s),
                (dispatch, tick_s),
                (self._loop("rescue", self._live(_rescue), tenants.all), _RESCUE_S),
                (self._loop("reservations", self._reservations, tenants.all), _RESERVATIONS_S),
                (self._loop("retention", self._retention, tenants.all), _RETENTION_S),
            ]
            self._loops += [loop for loop, _ in self._ticks if loop is not dispatch]
        logging.getLogger("apscheduler").setLevel(logging.ERROR)  # a tick that comes too soon is none
        self._scheduler = BackgroundScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )

    def start(self) -> None:
        """Begin; each loop goes round once at once."""
        for loop in self._loops:
            loop.start()
        for loop, every_s in self._ticks:
            self._scheduler.add_job(loop.ring, "interval", seconds=every_s, id=loop.name)
        if self._ticks:
            self._scheduler.start()

    def stop(self, timeout_s: float = 10.0) -> bool:
        """Let every loop finish the step in hand; whether all have within `timeout_s`."""
        until_s = monotonic() + timeout_s
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        for loop in self._loops:
            loop.stop()
        has_ended = all([loop.join(until_s) for loop in self._loops])  # noqa: C419 - each of them is waited for
        if any(loop.name == "partitions" for loop in self._loops):
            with suppress(StoreUnavailable):  # then they end by themselves
                self._share.end()
        return has_ended

    def wake(self) -> None:
        """Pings have come in: look at once."""
        self._application.pings_arrived.set()

    def status(self) -> dict[str, LoopStatus]:
        """How each loop is doing, by name."""
        return {loop.name: loop.status() for loop in self._loops}

    def _loop(
        self,
        name: str,
        step: Step,
        tenants: Callable[[], Sequence[TenantId]],
        *,
        bell: Event | None = None,
        poll_s: float | None = None,
    ) -> Loop:
        return Loop(
            name,
            step,
            tenants=tenants,
            clock=self._application.clock,
            outage=self._outage,
            figures=self._application.figures,
            bell=bell or Event(),
            poll_s=poll_s,
        )

    def _live(self, work: Callable[[Live, datetime], bool]) -> Step:
        """Work on engines that no other loop waits for."""
        engines = self._application.new_engines(self._owner)

        def step(tenant_id: TenantId, now: datetime) -> bool:
            with engines.of(tenant_id) as live:
                return work(live, now)

        return step

    def _dispatch(self, live: Live, now: datetime) -> bool:
        taken = live.dispatch_some(now, None if self._application.is_fast else self._application.clock.now)
        if not taken and live.resumes_at is not None:
            self._dispatching.ring_in(
                max(_SHORTEST_S, (live.resumes_at - self._application.clock.now()).total_seconds())
            )
        return taken > 0

    def _with_events(self) -> Sequence[TenantId]:
        return self._application.tenants.with_events(self._application.clock.now())

    def _events(self, tenant_id: TenantId, now: datetime) -> bool:
        return self._application.courier.deliver_some(tenant_id, now, self._application.clock.now) > 0

    def _with_payments(self) -> Sequence[TenantId]:
        return self._application.tenants.with_payments(self._application.clock.now())

    def _payments(self, tenant_id: TenantId, now: datetime) -> bool:
        return self._application.paying.work.work_some(tenant_id, now, self._application.clock.now) > 0

    def _with_heard(self) -> Sequence[TenantId]:
        return self._application.tenants.with_heard(self._application.clock.now())

    def _heard(self, tenant_id: TenantId, now: datetime) -> bool:
        return self._application.inbox.work_some(tenant_id, now, self._application.clock.now) > 0

    def _reservations(self, tenant_id: TenantId, now: datetime) -> bool:
        self._application.reservations.expire(tenant_id, now)
        return False

    def _care(self, _everybodys: TenantId, now: datetime) -> bool:
        self._application.provider_care.work(now, self._application.clock.now)
        return False

    def _retention(self, tenant_id: TenantId, now: datetime) -> bool:
        self._application.retention.prune(tenant_id, now)
        return False


def _rescue(live: Live, now: datetime) -> bool:
    live.rescue(now)
    live.expire(now)
    return False
