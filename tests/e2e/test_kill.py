"""The server is killed again and again while pings come in and messages leave: every accepted ping has its effect once,
and no message leaves twice.
"""

import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import pytest

from nearcast.bootstrap import application, open_store
from nearcast.domain.ids import TenantId
from nearcast.services.access import Role
from nearcast.services.audit_ports import SYSTEM
from nearcast.settings import Settings
from nearcast.store.sql_store import SqlStore
from tests.loopback import LOOPBACK

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

TENANT = TenantId("t1")
CUSTOMERS = [f"c{n}" for n in range(12)]
INSIDE, OUTSIDE = (52.52, 13.405), (52.53, 13.405)
KILLS = [3, pytest.param(50, marks=pytest.mark.soak)]
SENDERS = 4
"""Who send at once, each for customers of their own: requests share commits when the server dies."""
LEASE_S = 3
DOOR = {
    "type": "Feature",
    "id": "door",
    "geometry": {"type": "Point", "coordinates": [13.405, 52.52]},
    "properties": {"shop_id": "cafe", "radius_m": 60},
}
HELLO = {
    "id": "hello",
    "shop_id": "cafe",
    "trigger": {"on": "enter"},
    "channel": "console",
    "offer": {"text": "Hello"},
    "state": "active",
}


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, quick_folder: Path, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{quick_folder / tmp_path.name}.db"
    url: str = request.getfixturevalue("own_postgres_url")
    return url


class Killed:
    """A server that dies and is started again on the same port."""

    def __init__(self, database_url: str, folder: Path) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.printed, self.complaints = folder / "printed", folder / "complaints"
        settings = {"NEARCAST_DATABASE_URL": database_url, "NEARCAST_LEASE_S": str(LEASE_S)}
        self._environment = {**os.environ, **settings}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "nearcast", "serve", "--port", str(self.port)]
        with self.printed.open("ab") as out, self.complaints.open("wb") as complaints:
            self._process = subprocess.Popen(command, env=self._environment, stdout=out, stderr=complaints)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                if httpx.get(f"{self.url}/healthz", **LOOPBACK).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise AssertionError(f"the server does not come up: {self.complaints.read_text()}")

    def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()


class Walkers:
    """Customers who go in and out of the door, each ping sent until the service has taken it."""

    def __init__(self, url: str, key: str, customers: list[str]) -> None:
        self._url, self._headers = url, {"Authorization": f"Bearer {key}"}
        self.taken: dict[str, list[bool]] = {customer: [] for customer in customers}
        self.requests = 0
        self._ended = Event()
        self._thread = Thread(target=self._walk, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def await_more(self, requests: int) -> None:
        """Until so many more requests have been taken."""
        wanted, until = self.requests + requests, time.monotonic() + 120
        while self.requests < wanted:
            assert time.monotonic() < until, "nothing is taken any more"
            time.sleep(0.005)

    def stop(self) -> None:
        self._ended.set()
        self._thread.join(timeout=60)
        assert not self._thread.is_alive()

    def _walk(self) -> None:
        dice = random.Random(1)  # noqa: S311
        while not self._ended.is_set():
            going = {customer: dice.random() < 0.5 for customer in dice.sample([*self.taken], 2)}
            self._send([self._ping(customer, self.requests, inside) for customer, inside in going.items()])
            for customer, inside in going.items():
                self.taken[customer].append(inside)
            self.requests += 1

    def _ping(self, customer: str, n: int, inside: bool) -> dict[str, Any]:
        lat, lon = INSIDE if inside else OUTSIDE
        at = datetime.now(UTC).isoformat()
        return {"customer_id": customer, "recorded_at": at, "lat": lat, "lon": lon, "ping_id": f"p{n}"}

    def _send(self, pings: list[dict[str, Any]]) -> None:
        """As a client does: the same pings again until they are answered."""
        until = time.monotonic() + 120
        while time.monotonic() < until:
            try:
                url = f"{self._url}/v1/pings"
                answer = httpx.post(url, json=pings, headers=self._headers, **LOOPBACK)
            except httpx.TransportError:
                time.sleep(0.05)
                continue
            if answer.status_code == 202:
                return
            assert answer.status_code == 503, answer.text
            time.sleep(0.2)
        raise AssertionError("a request was never taken")


@contextmanager
def _city(database_url: str) -> Iterator[tuple[SqlStore, str]]:
    """A shop with a door, customers who agreed to everything, no limits; and a key for everybody."""
    with closing(open_store(database_url)) as store:
        app = application(Settings(database_url=database_url), store)
        now = app.clock.now()
        app.tenants.ensure(TENANT, now)
        key = app.access.create(TENANT, Role.OPERATOR, "test", now, by=SYSTEM).key
        yield store, key


def _set_up(url: str, key: str) -> None:
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, **LOOPBACK) as operator:
        operator.put("/v1/settings", json={"presence": {"profile": "raw"}}).raise_for_status()
        operator.put("/v1/shops/cafe", json={"id": "cafe"}).raise_for_status()
        operator.put("/v1/geofences/door", json=DOOR).raise_for_status()
        operator.post("/v1/campaigns", json=HELLO).raise_for_status()
        for customer in CUSTOMERS:
            contacts = [{"channel": "console", "address": customer}]
            operator.put(f"/v1/customers/{customer}", json={"id": customer, "contacts": contacts}).raise_for_status()
            for consent in (
                {"purpose": "location.matching", "action": "granted"},
                {"purpose": "marketing.nearby", "channel": "console", "action": "confirmed"},
            ):
                operator.post(f"/v1/customers/{customer}/consents", json=consent).raise_for_status()


def _wait_until_quiet(store: SqlStore) -> None:
    """Until nothing waits in the ping log and no message is on its way."""
    until = time.monotonic() + 90
    on_their_way = -1
    while time.monotonic() < until and on_their_way:
        time.sleep(0.3)
        with store.reading(TENANT) as uow:
            messages = uow.outbox.page(limit=100_000).items
            on_their_way = sum(message.status in ("queued", "claimed", "sending") for message in messages)
            on_their_way += sum(uow.pings.waiting().values())
    assert not on_their_way


@pytest.mark.parametrize("kills", KILLS)
def test_a_server_that_is_killed_loses_nothing_and_sends_nothing_twice(database_url: str, tmp_path: Path, kills: int):
    with _city(database_url) as (store, key):
        server = Killed(database_url, tmp_path)
        server.start()
        _set_up(server.url, key)
        crowd = [Walkers(server.url, key, CUSTOMERS[n::SENDERS]) for n in range(SENDERS)]
        for walkers in crowd:
            walkers.start()
        dice = random.Random(2)  # noqa: S311
        for _ in range(kills):
            crowd[0].await_more(dice.randint(2, 10))
            time.sleep(dice.uniform(0, 0.05))
            server.kill()
            server.start()
        for walkers in crowd:
            walkers.await_more(5)
            walkers.stop()
        _wait_until_quiet(store)
        server.kill()
        with store.reading(TENANT) as uow:
            transitions = list(uow.transitions.every())
            rows = uow.match_log.page(limit=100_000).items
            messages = uow.outbox.page(limit=100_000).items
            accepted = uow.counters.get("pings")["accepted"]
    printed = Counter(re.findall(r"\b[0-9a-f]{8}-[0-9a-f-]{27}\b", server.printed.read_text()))
    taken = {customer: sides for walkers in crowd for customer, sides in walkers.taken.items()}
    assert accepted == sum(map(len, taken.values()))
    for customer, sides in taken.items():
        kinds = Counter(transition.kind.value for who, transition in transitions if who == customer)
        before = [False, *sides][:-1]
        assert kinds["enter"] == sum(now and not was for was, now in zip(before, sides, strict=True)), customer
        assert kinds["exit"] == sum(was and not now for was, now in zip(before, sides, strict=True)), customer
    enters = sum(transition.kind.value == "enter" for _, transition in transitions)
    assert Counter((row["outcome"], row["reason"]) for row in rows) == {("send", None): enters}
    assert len(messages) == enters
    assert {message.status.value for message in messages} <= {"accepted", "unknown"}
    assert set(printed.values()) <= {1}
    assert {message.id for message in messages if message.status.value == "accepted"} <= printed.keys()
    assert printed.keys() <= {message.id for message in messages}
    print(f"{accepted} pings, {enters} messages, {sum(m.status.value == 'unknown' for m in messages)} of them unknown")
