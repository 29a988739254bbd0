"""Many processes on one database, some of which die: who runs, who walks in and out, and who says no meanwhile."""

import random
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, LifoQueue
from threading import Event, Lock, Thread
from typing import Any

import httpx

from tests.e2e.processes import Running, bearer, eventually, running

INSIDE = {"f": (52.5195, 13.405), "g": (52.5215, 13.405), "fg": (52.52045, 13.405), "": (52.6, 13.405)}
"""Places, by the geofences that they lie in."""
LEASE_S = 10  # longer than a process stands still that is not killed
_WALKERS, _WITHDRAWERS = 2, 4
_PATIENCE_S = 240.0  # many processes begin at once, perhaps on few processors
_PINGS_AT_ONCE, _PAUSE_S, _LONGER_S = 20, 0.1, 5.0


@dataclass(frozen=True)
class Size:
    """How much of everything, and for how long."""

    workers: int
    schedulers: int
    apis: int
    customers: int
    withdrawals: int
    seconds: float
    kill_every_s: float


@dataclass
class Plant:
    """The processes. Who is killed comes back under a new process number."""

    database_url: str
    folder: Path
    stack: ExitStack
    killed: dict[int, datetime] = field(default_factory=dict)
    _running: list[Running] = field(default_factory=list)
    _workers: list[Running] = field(default_factory=list)

    def start(self, size: Size) -> list[str]:
        """All of them; where the APIs answer."""
        self._workers = [self._one("worker") for _ in range(size.workers)]
        for _ in range(size.schedulers):
            self._one("scheduler")
        apis = [self._one("api") for _ in range(size.apis)]
        eventually(lambda: self._said(self._workers, "works as worker"), lambda: "no worker works", _PATIENCE_S)
        eventually(lambda: self._said(apis, "nearcast serves"), lambda: "no API answers", _PATIENCE_S)
        return [api.url() for api in apis]

    @staticmethod
    def _said(those: Sequence[Running], part: str) -> bool:
        return all(part in each.out for each in those)

    def kill_one(self, dice: random.Random, sending: Collection[int]) -> None:
        """One of the workers with these process numbers if there is one, else any; another takes its place at once."""
        in_the_act = [n for n, each in enumerate(self._workers) if each.process.pid in sending]
        place = dice.choice(in_the_act or range(len(self._workers)))
        victim = self._workers[place].process
        victim.kill()
        self.killed[victim.pid] = datetime.now(UTC)
        victim.wait()
        self._workers[place] = self._one("worker")

    def printed(self) -> Counter[str]:
        """How often each message left."""
        found = (re.findall(r'^message "([^"]+)"', each.out, re.MULTILINE) for each in self._running)
        return Counter(message_id for ids in found for message_id in ids)

    def _one(self, role: str) -> Running:
        begun = running(
            "serve", "--role", role, folder=self.folder, database_url=self.database_url, port=0, lease_s=LEASE_S
        )
        self._running.append(self.stack.enter_context(begun))
        return self._running[-1]


class Client:
    """Repeats a request, at any of the APIs, until it is answered."""

    def __init__(self, urls: Sequence[str], key: str) -> None:
        self._urls, self._turn = urls, 0
        self._http = httpx.Client(**bearer(key))

    def close(self) -> None:
        self._http.close()

    def post(self, path: str, body: Any) -> Any:
        until_s = time.monotonic() + _PATIENCE_S
        while time.monotonic() < until_s:
            self._turn += 1
            try:
                answer = self._http.post(self._urls[self._turn % len(self._urls)] + path, json=body)
            except httpx.TransportError:
                time.sleep(0.05)
                continue
            if answer.is_success:
                return answer.json()
            assert answer.status_code == 503, answer.text
            time.sleep(0.2)
        raise AssertionError("a request was never answered")


class Crowd:
    """Customers who walk in and out; some of them withdraw a consent right after they were seen."""

    def __init__(self, customers: Sequence[str], withdrawals: int, new_client: Callable[[], Client]) -> None:
        self.taken: dict[str, list[str]] = defaultdict(list)
        self.withdrew: dict[str, str] = {}
        self.pings, self.took_s = 0, list[float]()
        self._until_s = 0.0
        self._customers, self._new_client = customers, new_client
        self._seen: LifoQueue[str] = LifoQueue()  # who was seen last has messages under way
        self._to_withdraw, self._lock = withdrawals, Lock()
        self._ended, self._failed = Event(), list[BaseException]()
        walkers = [self._thread(self._walk, customers[n::_WALKERS], n) for n in range(_WALKERS)]
        self._threads = [*walkers, *(self._thread(self._withdraw) for _ in range(_WITHDRAWERS))]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    @property
    def has_more_to_say(self) -> bool:
        """Whether not all have withdrawn who were to do so."""
        return len(self.took_s) < self._to_withdraw and not self._failed

    def stop(self) -> None:
        self._until_s = time.monotonic() + _LONGER_S
        self._ended.set()
        for thread in self._threads:
            thread.join(150)
            assert not thread.is_alive()
        if self._failed:
            raise self._failed[0]

    def _thread(self, work: Callable[..., None], *told: Any) -> Thread:
        def run() -> None:
            try:
                with closing(self._new_client()) as client:
                    work(client, *told)
            except BaseException as error:
                self._failed.append(error)
                self._ended.set()

        return Thread(target=run, daemon=True)

    def _walk(self, client: Client, customers: Sequence[str], seed: int) -> None:
        dice, n = random.Random(seed), 0  # noqa: S311
        while not self._ended.is_set():
            going = {
                customer: dice.choice([*INSIDE])
                for customer in dice.sample(customers, min(_PINGS_AT_ONCE, len(customers)))
            }
            at = datetime.now(UTC).isoformat()
            pings = [
                {"customer_id": customer, "recorded_at": at, "ping_id": f"{seed}-{n}", "lat": lat, "lon": lon}
                for customer, (lat, lon) in ((customer, INSIDE[place]) for customer, place in going.items())
            ]
            n += 1
            turned_away = {row["index"] for row in client.post("/v1/pings", pings)["rejected"]}
            for row, (customer, place) in enumerate(going.items()):
                if row not in turned_away:
                    self.taken[customer].append(place)
                    self.pings += 1
                if place and customer not in self.withdrew:
                    self._seen.put(customer)
            time.sleep(_PAUSE_S)

    def _withdraw(self, client: Client) -> None:
        """For a while after the walk, too: messages are still on their way."""
        while not self._ended.is_set() or time.monotonic() < self._until_s:
            try:
                customer = self._seen.get(timeout=0.2)
            except Empty:
                continue
            purpose = self._purpose(customer)
            if purpose is not None:
                begun_s = time.monotonic()
                client.post(f"/v1/customers/{customer}/consents", {"purpose": purpose, "action": "withdrawn"})
                self.took_s.append(time.monotonic() - begun_s)

    def _purpose(self, customer: str) -> str | None:
        """What a customer withdraws; None where that one, or all who do so, have done so."""
        with self._lock:
            if customer in self.withdrew or len(self.withdrew) >= self._to_withdraw:
                return None
            purpose = self.withdrew[customer] = ("location.matching", "marketing.nearby")[len(self.withdrew) % 2]
        return purpose
