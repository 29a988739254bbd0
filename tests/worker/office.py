"""An application with a clock that is set by hand and a channel that listens, and workers on it."""

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime
from time import monotonic, sleep

from nearcast import bootstrap
from nearcast.domain.ids import TenantId
from nearcast.services.channel_ports import WayOut
from nearcast.services.engines import Engines
from nearcast.services.live import Live
from nearcast.settings import Settings
from nearcast.store.sql_store import SqlStore
from nearcast.worker.worker import ROLES, Worker
from tests.live.corner import NOON, Heard, later, seen


class HandClock:
    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


class Office:
    def __init__(self, store: SqlStore, channel: WayOut | None = None) -> None:
        self.store, self.clock, self.heard = store, HandClock(NOON), Heard()
        self.channel: WayOut = channel or self.heard
        self.owners: list[str] = []
        made = bootstrap.application(Settings(), store, clock=self.clock)
        self.application = replace(made, new_engines=self._new_engines)
        self._workers: list[Worker] = []

    def _new_engines(self, owner: str) -> Engines:
        self.owners.append(owner)
        return Engines(lambda tenant_id: Live(self.store, tenant_id, self.channel, owner=owner, monotonic_s=monotonic))

    def worker(self, *roles: str, tick_s: float = 0.05) -> Worker:
        """A worker that has started, in all roles unless some are named."""
        worker = self.unstarted(roles or ROLES, tick_s=tick_s)
        worker.start()
        return worker

    def unstarted(self, roles: Collection[str] = ROLES, *, tick_s: float = 0.05) -> Worker:
        worker = Worker(self.application, roles, tick_s=tick_s)
        self._workers.append(worker)
        return worker

    def walk_in(self, tenant: TenantId, *customers: str, seconds: float = 0) -> None:
        """These customers are seen inside the fence."""
        at = later(seconds)
        assert self.application.intake.accept(tenant, seen(customers, at), at) == []

    def close(self) -> None:
        for worker in self._workers:
            assert worker.stop()


def eventually(holds: Callable[[], bool], within_s: float = 30.0) -> None:
    """Wait until it holds."""
    until_s = monotonic() + within_s
    while not holds():
        assert monotonic() < until_s, "it has not come to pass"
        sleep(0.01)
