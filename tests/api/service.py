"""The service over real HTTP on a free loopback port, its clock in the test's hands."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from nearcast.api.app import create_app
from nearcast.bootstrap import application
from nearcast.console.checkin import checkin_pages
from nearcast.console.onboarding import onboarding_pages
from nearcast.console.opt_out import opt_out_pages
from nearcast.console.till import till_pages
from nearcast.console.voucher import voucher_pages
from nearcast.domain.ids import ShopId, TenantId
from nearcast.services.access import Role
from nearcast.services.application import Application
from nearcast.services.audit_ports import SYSTEM
from nearcast.serving import Connection, listen, url_of
from nearcast.settings import Settings
from nearcast.store.migrate import upgrade
from nearcast.store.sql_store import SqlStore
from nearcast.store.tables import secret
from tests.emptying import empty
from tests.loopback import LOOPBACK

SETTINGS = Settings()
NOON = datetime(2026, 6, 2, 10, 0, tzinfo=UTC)
"""A Tuesday noon in Berlin."""


@dataclass
class SteppedClock:
    at: datetime = NOON

    def now(self) -> datetime:
        return self.at

    def step(self, **by: float) -> datetime:
        self.at += timedelta(**by)
        return self.at


@dataclass
class Service:
    """A running service; a client is one key's. `ledger_numbers` are the names that a replay gives to the lines of the
    ledger of a scenario that was played here.
    """

    url: str
    server: FastAPI
    store: SqlStore
    clock: SteppedClock
    ledger_numbers: dict[str, str] = field(default_factory=dict)
    _clients: list[httpx.Client] = field(default_factory=list)

    @property
    def app(self) -> Application:
        found: Application = self.server.state.application
        return found

    def begin_anew(self, at: datetime = NOON, settings: Settings = SETTINGS) -> None:
        """Empty tables, and nothing of them remembered."""
        empty(self.store.engine, but=[secret])
        self.clock.at = at
        self.server.state.application = application(settings, self.store, clock=self.clock, is_narrow=True)

    def key(self, role: Role, tenant: str = "t1", shops: list[str] | None = None) -> str:
        """A new key of a tenant, which is made where it is new."""
        self.app.tenants.ensure(TenantId(tenant), self.clock.now(), timezone="Europe/Berlin")
        shop_ids = None if shops is None else [ShopId(shop) for shop in shops]
        return self.app.access.create(
            TenantId(tenant), role, "test", self.clock.now(), by=SYSTEM, shop_ids=shop_ids
        ).key

    def client(self, role: Role = Role.OPERATOR, tenant: str = "t1", shops: list[str] | None = None) -> httpx.Client:
        """Somebody with a key of that role."""
        headers = {"Authorization": f"Bearer {self.key(role, tenant, shops)}"}
        client = httpx.Client(base_url=self.url, headers=headers, **LOOPBACK)
        self._clients.append(client)
        return client

    def close(self) -> None:
        for client in self._clients:
            client.close()


@contextmanager
def serving_sqlite(folder: Path) -> Iterator[Service]:
    """A service on a database of its own in a folder."""
    url = f"sqlite:///{folder / 'nearcast.db'}"
    upgrade(url)
    with closing(SqlStore(url)) as store, serving(store) as service:
        yield service


@contextmanager
def serving(store: SqlStore) -> Iterator[Service]:
    """A service on a store that has its schema."""
    clock = SteppedClock()
    app = application(SETTINGS, store, clock=clock, is_narrow=True)
    pages = [checkin_pages(), onboarding_pages(), opt_out_pages(), voucher_pages(), till_pages()]
    server = create_app(app, pages=pages)
    with running(server) as url:
        service = Service(url, server, store, clock)
        yield service
        service.close()


@contextmanager
def running(app: Any) -> Iterator[str]:
    """An ASGI application behind uvicorn in a thread; its URL."""
    with listen("127.0.0.1", 0) as listening:
        config = uvicorn.Config(app, http=Connection, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        until = time.monotonic() + 10
        while not server.started and time.monotonic() < until:
            time.sleep(0.01)
        assert server.started
        yield url_of(listening)
        server.should_exit = True
        thread.join(timeout=10)
        assert not thread.is_alive()
