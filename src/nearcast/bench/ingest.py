"""How many pings a second are accepted over HTTP and decided, and how soon after that a message is in the outbox?"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any

import numpy as np

from nearcast.bench.bodies import FORMS, bodies_of
from nearcast.bench.crowd import TENANT, settle
from nearcast.bench.databases import databases
from nearcast.bench.grounds import Grounds
from nearcast.bench.senders import Sending, Sent, send
from nearcast.bench.servers import Absent, free_port, tile38_server
from nearcast.bench.stopwatch import timed
from nearcast.bench.tile38 import hooks
from nearcast.bench.walkers import Walkers, walkers
from nearcast.bench.workload import workload
from nearcast.domain.errors import InvalidInput
from nearcast.domain.geofence import Geofence
from nearcast.geo.batch import PingBatch
from nearcast.services.instants import as_us
from nearcast.store.dialect import connect
from nearcast.store.migrate import upgrade
from nearcast.store.sql_store import SqlStore
from nearcast.store.tables import match_log, message
from nearcast.store.unit_of_work import SqlUnitOfWork

_BATCH, _CONNECTIONS, _SINGLE_CONNECTIONS = 1_000, 8, 32
_PATIENCE_S, _DRAINED_S = 180.0, 1_800.0
_PACED_SHARE, _SINGLES_SHARE = 0.3, 0.02  # of the pings that are sent as fast as they go
_US = 1_000_000
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_LOOKS_EVERY_S = 0.005
_NUMBERS = message.select().with_only_columns(message.c.seq).order_by(message.c.seq)
_CAUSES = (
    message.join(match_log, match_log.c.decision_id == message.c.decision_id)
    .select()
    .with_only_columns(message.c.seq, match_log.c.customer_id, match_log.c.at)
)


@dataclass(frozen=True, slots=True)
class _Load:
    """Pings by the way they are sent: everybody's first, then batches, batches at a pace, single ones."""

    first: PingBatch
    fast: PingBatch
    paced: PingBatch
    single: PingBatch


def bench_ingest(
    *,
    customers: int,
    fences: int,
    pings: int,
    seed: int,
    on: Sequence[str],
    url: str | None = None,
    form: str = "json",
    workers: int = 1,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """`pings` of customers on their ways, sent over HTTP by a process of its own to servers on the same machine, as one
    JSON object. `on` are `sqlite` and `postgis`; there is a campaign for each of the geofences. `workers` share the
    pings, beside one process for the API.
    """
    if form not in FORMS:
        raise InvalidInput(f"{form!r} is none of {', '.join(FORMS)}", place="--format")
    say("walks")
    each = -(-int(pings * (1 + _PACED_SHARE + _SINGLES_SHARE)) // customers) + 2
    walking = walkers(customers, each, seed)
    near = len(walking.geofences)
    if fences < near:
        raise InvalidInput(f"{fences} are fewer than the {near} that customers come to", place="--fences")
    geofences = [*walking.geofences, *workload("shops", fences=fences - near, pings=1, seed=seed).geofences]
    found: dict[str, Any] = {
        "customers": customers,
        "fences": fences,
        "pings": pings,
        "format": form,
        "workers": workers,
    }
    for name in on:
        with _database(name, url) as database:
            found[name] = _measured(database, name, walking, geofences, pings, form, workers, say)
    say("tile38")
    return {**found, "tile38": _tile38(geofences, walking.pings.take(np.arange(pings)))}


def _shared_out(walking: Walkers, pings: int, now: datetime) -> _Load:
    """The newest of them are of this moment."""
    ago_us = as_us(now) - int(walking.pings.recorded_at_us[-1])
    batch = replace(walking.pings, recorded_at_us=(walking.pings.recorded_at_us + ago_us) // 1000 * 1000)
    sizes = [len(walking.customer_id), pings, int(pings * _PACED_SHARE), int(pings * _SINGLES_SHARE)]
    ends = np.cumsum([0, *sizes])
    return _Load(*(batch.take(np.arange(start, stop)) for start, stop in pairwise(ends)))


@contextmanager
def _database(name: str, url: str | None) -> Iterator[str]:
    if name == "sqlite":
        with TemporaryDirectory(prefix="nearcast-ingest-") as folder:
            made = f"sqlite:///{Path(folder) / 'nearcast.db'}"
            upgrade(made)
            yield made
    elif name == "postgis":
        with databases(url) as server, server.made(_prepare) as made:
            yield made
    else:
        raise InvalidInput(f"{name!r} is neither sqlite nor postgis", place="--on")


def _prepare(url: str) -> None:
    upgrade(url)


def _measured(
    database: str,
    name: str,
    walking: Walkers,
    geofences: Sequence[Geofence],
    pings: int,
    form: str,
    workers: int,
    say: Callable[[str], None],
) -> dict[str, Any]:
    say(f"{name}: {len(geofences):,} geofences with campaigns, {len(walking.customer_id):,} customers")
    with closing(SqlStore(database)) as store:
        now = store.database_now()
        key = settle(store, walking.customer_id, geofences, now)
        load = _shared_out(walking, pings, now)
        with _servers(database, workers) as servers:
            _wait_until_it_answers(servers, key)
            sending = _Sender(store, servers, key, form)
            say(f"{name}: first sight")
            sending.batches(load.first)
            sending.drain()
            sending.wait_until_sent()
            say(f"{name}: batches of {_BATCH:,}")
            fast = sending.measured(load.fast)
            say(f"{name}: at half of that")
            with _Outbox(store) as outbox:
                paced = sending.batches(load.paced, every_s=_BATCH / (fast["accepted_and_decided_per_s"] / 2))
                sending.drain()
            say(f"{name}: one at a time")
            single = sending.singles(load.single)
    return {
        **fast,
        **single,
        "accept_to_outbox": outbox.latency(load.paced, paced),
        "refused_requests": sending.refused,
    }


class _Servers:
    """One for the API and some for the work."""

    def __init__(self, port: int, processes: list[tuple[str, "subprocess.Popen[bytes]"]]) -> None:
        self.port, self.processes = port, processes

    def cpu_s(self) -> dict[str, float]:
        found = dict[str, float]()
        for role, process in self.processes:
            said = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
            found[role] = found.get(role, 0.0) + (int(said[11]) + int(said[12])) / _TICKS_PER_S
        return found


@contextmanager
def _servers(database: str, workers: int) -> Iterator[_Servers]:
    port = free_port()
    said = {"DATABASE_URL": database, "FALLBACK_CHANNEL": "none", "BACKLOG_PINGS": "1000000000"}
    with_settings = ["/usr/bin/env", *(f"NEARCAST_{name}={value}" for name, value in said.items())]
    processes: list[tuple[str, subprocess.Popen[bytes]]] = []
    try:
        for role, more in (("api", ["--port", str(port)]), *[("worker", [])] * workers):
            command = [*with_settings, sys.executable, "-m", "nearcast", "serve", "--role", role, *more]
            processes.append((role, subprocess.Popen(command, stdout=subprocess.DEVNULL)))  # noqa: S603
        yield _Servers(port, processes)
    finally:
        for _, process in processes:
            process.terminate()
        for _, process in processes:
            process.wait()


def _wait_until_it_answers(servers: _Servers, key: str) -> None:
    until = monotonic() + _PATIENCE_S
    while monotonic() < until:
        try:
            send(Sending(host="127.0.0.1", port=servers.port, key=key, bodies=[b"[]"], connections=1))
        except (OSError, EOFError):
            sleep(0.2)
        else:
            return
    raise InvalidInput("the server does not start")


class _Used:
    """What all processes have used of the processors from now on."""

    def __init__(self, servers: _Servers) -> None:
        self._servers, self._before_s, self._all_s = servers, servers.cpu_s(), _busy_s()

    def since_s(self, sent: Sent) -> dict[str, float]:
        used = {role: after_s - self._before_s[role] for role, after_s in self._servers.cpu_s().items()}
        used["sender"] = sent.cpu_s
        return used | {"all others": _busy_s() - self._all_s - sum(used.values())}

    def each_us(self, sent: Sent, count: int) -> dict[str, float]:
        return {role: round(each_s / count * _US, 1) for role, each_s in self.since_s(sent).items()}


class _Sender:
    """Sends from a process of its own, and waits until all of it is decided."""

    def __init__(self, store: SqlStore, servers: _Servers, key: str, form: str) -> None:
        self._store, self._servers, self._key, self._form = store, servers, key, form
        self.refused = 0

    def batches(self, pings: PingBatch, *, every_s: float = 0.0) -> Sent:
        return self._send(bodies_of(pings, _BATCH, self._form), _CONNECTIONS, every_s)

    def singles(self, pings: PingBatch) -> dict[str, Any]:
        """Requests a second, and what each costs every process until its ping is decided."""
        used = _Used(self._servers)
        sent = self._send(bodies_of(pings, 1, self._form), _SINGLE_CONNECTIONS, 0.0)
        self.drain()
        return {
            "single_requests_per_s": round(len(pings) / sent.took_s),
            "cpu_us_per_single_request": used.each_us(sent, len(pings)),
        }

    def measured(self, pings: PingBatch) -> dict[str, Any]:
        """Pings a second, and how busy each process was; the database is among the others where it has its own."""
        used = _Used(self._servers)
        sent = self.batches(pings)
        self.drain()
        took_s = monotonic() - sent.begun_s
        cores = len(os.sched_getaffinity(0))
        return {
            "accepted_per_s": round(len(pings) / sent.took_s),
            "accepted_and_decided_per_s": round(len(pings) / took_s),
            "bound_by": {role: round(each_s / (took_s * cores), 3) for role, each_s in used.since_s(sent).items()},
            "cpu_us_per_ping": used.each_us(sent, len(pings)),
        }

    def drain(self) -> None:
        self._wait(lambda uow: not uow.pings.waiting(), "what was accepted is not decided")

    def wait_until_sent(self) -> None:
        """Whoever sends has read all campaigns by then, as whoever decides has."""
        self._wait(lambda uow: not _is_due(uow, self._store.database_now()), "what was decided is not sent")

    def _wait(self, is_over: Callable[[SqlUnitOfWork], bool], trouble: str) -> None:
        until = monotonic() + _DRAINED_S
        while monotonic() < until:
            with self._store.reading(TENANT) as uow:
                if is_over(uow):
                    return
            sleep(0.02)
        raise InvalidInput(trouble)

    def _send(self, bodies: list[bytes], connections: int, every_s: float) -> Sent:
        sending = Sending(
            host="127.0.0.1",
            port=self._servers.port,
            key=self._key,
            bodies=bodies,
            connections=connections,
            every_s=every_s,
            media=FORMS[self._form],
        )
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            sent = process.submit(send, sending).result()
        self.refused += sent.refused
        return sent


def _is_due(uow: SqlUnitOfWork, now: datetime) -> bool:
    due_at = uow.outbox.next_due()
    return due_at is not None and due_at <= now


def _busy_s() -> float:
    """What all processes of the machine have used."""
    user, nice, system, _idle, _waits, *rest = map(int, Path("/proc/stat").read_text().splitlines()[0].split()[1:])
    return (user + nice + system + sum(rest[:2])) / _TICKS_PER_S


class _Outbox:
    """Notes when each message is first seen, with as little as that takes: it is on the same machine."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store
        self._seen_s: dict[int, float] = {}
        self._over = Event()
        self._thread = Thread(target=self._watch)

    def __enter__(self) -> "_Outbox":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        last, is_over = 0, False
        with connect(self._store.engine, read_only=True) as connection:
            while not is_over:
                is_over = self._over.wait(_LOOKS_EVERY_S)
                found = connection.scalars(_NUMBERS.where(message.c.seq > last)).all()
                connection.rollback()
                now_s = monotonic()
                for last in found:
                    self._seen_s[last] = now_s

    def latency(self, pings: PingBatch, sent: Sent) -> dict[str, float | int | None]:
        """Milliseconds from the answer to a ping until its message is there."""
        keys = zip(pings.customer_id.tolist(), pings.recorded_at_us.tolist(), strict=True)
        answered_s = {key: sent.answered_s[n // _BATCH] for n, key in enumerate(keys)}
        with self._store.reading(TENANT) as uow:
            of = [
                (seq, (customer_id, round(at.timestamp() * _US)))
                for seq, customer_id, at in uow.connection.execute(_CAUSES)
            ]
        waited_ms = [
            1000 * (self._seen_s[seq] - answered_s[key]) for seq, key in of if seq in self._seen_s and key in answered_s
        ]
        p50, p99 = np.percentile(waited_ms, [50, 99]).tolist() if waited_ms else (None, None)
        return {"messages": len(waited_ms), "p50_ms": _rounded(p50), "p99_ms": _rounded(p99)}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(max(value, 0.0), 1)


def _tile38(geofences: Sequence[Geofence], pings: PingBatch) -> dict[str, int] | None:
    """The same pings as SETs, beside the same geofences as hooks; None where there is none."""
    try:
        with tile38_server() as (host, port), hooks(Grounds.of(geofences), host, port) as peer:
            _, seconds = timed(peer.ready(pings.lat_deg, pings.lon_deg))
    except Absent:
        return None
    return {"set_per_s": round(len(pings) / seconds)}
