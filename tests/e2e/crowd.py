"""A shop whose door customers go in and out of, each ping sent until it is taken; and what must have come of that."""

import random
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx

from nearcast.bootstrap import application, open_store
from nearcast.domain.ids import TenantId
from nearcast.domain.message import Message
from nearcast.services.access import Role
from nearcast.services.audit_ports import SYSTEM
from nearcast.settings import Settings
from nearcast.store.sql_store import SqlStore
from tests.loopback import LOOPBACK

TENANT = TenantId("t1")
CUSTOMERS = [f"c{n}" for n in range(12)]
INSIDE, OUTSIDE = (52.52, 13.405), (52.53, 13.405)
SENDERS = 4
"""Who send at once, each for customers of their own: requests share commits when the server dies."""
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
    "state": "active",
}


@contextmanager
def city(database_url: str) -> Iterator[tuple[SqlStore, str]]:
    """A shop with a door, customers who agreed to everything, no limits; and a key for everybody."""
    with closing(open_store(database_url)) as store:
        app = application(Settings(database_url=database_url), store)
        now = app.clock.now()
        app.tenants.ensure(TENANT, now)
        key = app.access.create(TENANT, Role.OPERATOR, "test", now, by=SYSTEM).key
        yield store, key


def set_up(url: str, key: str, *, text: str = "Hello", customers: Sequence[str] = CUSTOMERS) -> None:
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, **LOOPBACK) as operator:
        operator.put("/v1/settings", json={"presence": {"profile": "raw"}}).raise_for_status()
        operator.put("/v1/shops/cafe", json={"id": "cafe"}).raise_for_status()
        operator.put("/v1/geofences/door", json=DOOR).raise_for_status()
        operator.post("/v1/campaigns", json={**HELLO, "offer": {"text": text}}).raise_for_status()
        for customer in customers:
            contacts = [{"channel": "console", "address": customer}]
            operator.put(f"/v1/customers/{customer}", json={"id": customer, "contacts": contacts}).raise_for_status()
            for consent in (
                {"purpose": "location.matching", "action": "granted"},
                {"purpose": "marketing.nearby", "channel": "console", "action": "confirmed"},
            ):
                operator.post(f"/v1/customers/{customer}/consents", json=consent).raise_for_status()


class Walkers:
    """Customers who go in and out of the door, some in each request, each ping sent until the service has taken it;
    a request each `every_s` at the soonest, and with every so many pings a turn.
    """

    def __init__(
        self,
        url: str,
        key: str,
        customers: Sequence[str],
        *,
        at_once: int = 2,
        every_s: float = 0.0,
        pings_per_turn: int = 2,
    ) -> None:
        self._at_once, self._every_s, self._pings_per_turn = at_once, every_s, pings_per_turn
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
            next_s = time.monotonic() + self._every_s
            chosen = dice.sample([*self.taken], self._at_once)
            going = {customer: self._is_inside(customer) ^ self._turns(dice) for customer in chosen}
            self._send([self._ping(customer, self.requests, inside) for customer, inside in going.items()])
            for customer, inside in going.items():
                self.taken[customer].append(inside)
            self.requests += 1
            self._ended.wait(next_s - time.monotonic())

    def _is_inside(self, customer: str) -> bool:
        return any(self.taken[customer][-1:])

    def _turns(self, dice: random.Random) -> bool:
        return dice.randrange(self._pings_per_turn) == 0

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
                time.sleep(0.2)  # it is about to come back: leave it the machine
                continue
            if answer.status_code == 202:
                return
            assert answer.status_code == 503, answer.text
            time.sleep(0.2)
        raise AssertionError("a request was never taken")


@dataclass(frozen=True)
class Came:
    """What has come of all that was taken."""

    accepted: int
    enters: int
    statuses: Counter[str]

    def __str__(self) -> str:
        return f"{self.accepted:,} pings, {self.enters:,} messages, {self.statuses['unknown']} of them unknown"


def each_has_its_effect_once(store: SqlStore, crowd: list[Walkers], printed_in: Path) -> Came:
    """Every ping that was taken has moved its visit once, every arrival has one message, and no message left twice."""
    with store.reading(TENANT) as uow:
        transitions = list(uow.transitions.every())
        rows = uow.match_log.page(limit=100_000).items
        accepted = uow.counters.get("pings")["accepted"]
    messages, printed = messages_in(store), printed_messages(printed_in)
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
    return Came(accepted, enters, Counter(message.status.value for message in messages))


def printed_messages(printed_in: Path) -> Counter[str]:
    """How often each message was printed, by id."""
    return Counter(re.findall(r"\b[0-9a-f]{8}-[0-9a-f-]{27}\b", printed_in.read_text()))


def messages_in(store: SqlStore) -> list[Message]:
    with store.reading(TENANT) as uow:
        return uow.outbox.page(limit=100_000).items


def on_their_way(store: SqlStore) -> list[Message]:
    """Messages of which nobody knows yet what comes of them."""
    return [message for message in messages_in(store) if message.status.value in ("queued", "claimed", "sending")]


def wait_until_quiet(store: SqlStore) -> None:
    """Until nothing waits in the ping log and no message is on its way."""
    until = time.monotonic() + 90
    waiting = -1
    while time.monotonic() < until and waiting:
        time.sleep(0.3)
        waiting = undecided(store) + len(on_their_way(store))
    assert not waiting


def undecided(store: SqlStore) -> int:
    """How many pings wait in the ping log."""
    with store.reading(TENANT) as uow:
        return sum(uow.pings.waiting().values())
