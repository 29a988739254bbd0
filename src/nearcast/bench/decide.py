"""How many decisions a second go through a store, and how many rows the same SQL alone would write?"""

import os
import pickle
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Barrier
from time import perf_counter, process_time
from typing import Any

import psycopg

from nearcast.bench.databases import Databases, databases
from nearcast.bench.town import NOON, ROUND, TENANT, build, send_pings
from nearcast.channels.recorder import Recorder
from nearcast.services.live import Live
from nearcast.store.recording import Statement, recorded
from nearcast.store.sql_store import SqlStore
from nearcast.worker.memory import settle_memory

_READY_S = 300.0
_STEP = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One worker's part of a run; what it says to the database is kept in `record`."""

    url: str
    now: datetime
    worker: int
    at_once: int
    record: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """When a turn began and ended, and the processor's seconds that it took: its own, and its backend's where that runs
    on this machine and was watched.
    """

    started: float
    stopped: float
    own_s: float
    backend_s: float | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """All turns of a run together: seconds from when all began until the last had done, and the processor's."""

    wall_s: float
    own_s: float
    backend_s: float | None


def bench_decide(
    *,
    customers: int,
    rounds: int,
    log_rows: int,
    rivals: int,
    at_once: int,
    workers: Sequence[int],
    url: str | None,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Customers enter a geofence in each round, which `rivals` campaigns want of whoever does, as one JSON object.

    For each number of workers the pings that wait are worked off by so many processes; then the statements that they
    made, with the same parameters and commits, are made again by as many processes that do nothing else.
    """
    with databases(url) as server:

        def made(database: str) -> None:
            say(f"a match log of {log_rows:,} rows")
            build(database, customers=customers, log_rows=log_rows, rivals=rivals)
            send_pings(database, customers=customers, rounds=rounds)

        with server.made(made) as template:
            found = {}
            for count in workers:
                say(f"{count} workers")
                found[str(count)] = _measured(server, template, count, at_once, NOON + rounds * ROUND, say)
    said = {"customers": customers, "rounds": rounds, "log_rows": log_rows, "rivals": rivals, "at_once": at_once}
    return {**said, "workers": found}


def _measured(
    server: Databases, template: str, count: int, at_once: int, now: datetime, say: Callable[[str], None]
) -> dict[str, Any]:
    with TemporaryDirectory(prefix="nearcast-record-") as folder:
        records = [Path(folder) / str(number) for number in range(count)]
        with server.copied(template) as url:
            before = _outcomes(url)
            turns = [
                Turn(url=url, now=now, worker=n, at_once=at_once, record=record) for n, record in enumerate(records)
            ]
            engine = _at_once(_work, turns)
            outcomes = {key: number - before.get(key, 0) for key, number in _outcomes(url).items()}
        say("the same statements alone")
        with server.copied(template) as url:
            turns = [
                Turn(url=url, now=now, worker=n, at_once=at_once, record=record) for n, record in enumerate(records)
            ]
            bare = _at_once(_repeat, turns)
    decisions = sum(outcomes.values())
    return {
        "decisions": decisions,
        "outcomes": {key: number for key, number in sorted(outcomes.items()) if number},
        "decisions_per_s": round(decisions / engine.wall_s),
        "bare_per_s": round(decisions / bare.wall_s),
        "share_of_bare": round(bare.wall_s / engine.wall_s, 3),
        "bounds": _bounds(decisions, count, engine, bare),
    }


def _bounds(decisions: int, count: int, engine: Taken, bare: Taken) -> dict[str, Any] | None:
    """What the processor's time for a decision lets through at most, were there nothing else to wait for: a worker
    waits while its database works, and all of them share the cores. None where the database is on another machine.
    """
    if bare.backend_s is None:
        return None
    cores = os.cpu_count() or 1
    worker_us, repeater_us, database_us = (
        round(spent_s / decisions * 1e6, 1) for spent_s in (engine.own_s, bare.own_s, bare.backend_s)
    )
    busy = min(count, cores)
    return {
        "cores": cores,
        "worker_us": worker_us,
        "bare_worker_us": repeater_us,
        "database_us": database_us,
        "decisions_per_s": round(busy * 1e6 / max(worker_us + database_us, 0.1)),
        "bare_per_s": round(busy * 1e6 / max(repeater_us + database_us, 0.1)),
    }


def _outcomes(url: str) -> dict[str, int]:
    with psycopg.connect(url.replace("+psycopg", "", 1)) as connection:
        found = connection.execute("SELECT outcome, count(*) FROM match_log GROUP BY outcome")
        return dict(found.fetchall())


def _at_once(work: Callable[[Turn, Barrier], Spent], turns: Sequence[Turn]) -> Taken:
    context = get_context("spawn")
    with context.Manager() as manager, ProcessPoolExecutor(len(turns), mp_context=context) as processes:
        ready = manager.Barrier(len(turns), timeout=_READY_S)
        spent = list(processes.map(work, turns, [ready] * len(turns)))
    backends = [each.backend_s for each in spent if each.backend_s is not None]
    return Taken(
        max(each.stopped for each in spent) - min(each.started for each in spent),
        sum(each.own_s for each in spent),
        sum(backends) if len(backends) == len(spent) else None,
    )


def _work(turn: Turn, ready: Barrier) -> Spent:
    with closing(SqlStore(turn.url)) as store:
        live = Live(store, TENANT, Recorder(), owner=f"worker-{turn.worker}", pings_at_once=turn.at_once)
        live.world()
        settle_memory()
        now = turn.now
        with recorded(store) as said:
            ready.wait()
            started, own_s = perf_counter(), process_time()
            while live.work_some_pings(now) or _is_waiting(store):
                now += _STEP
            stopped, own_s = perf_counter(), process_time() - own_s
    turn.record.write_bytes(pickle.dumps(said))
    return Spent(started=started, stopped=stopped, own_s=own_s)


def _is_waiting(store: SqlStore) -> bool:
    with store.reading(TENANT) as uow:
        return bool(uow.pings.waiting())


def _repeat(turn: Turn, ready: Barrier) -> Spent:
    said: list[Statement] = pickle.loads(turn.record.read_bytes())  # noqa: S301 - we have just written it
    with psycopg.connect(turn.url.replace("+psycopg", "", 1)) as connection, connection.cursor() as cursor:
        cursor.execute("SET timezone = 'UTC'")
        connection.commit()
        ready.wait()
        backend = connection.info.backend_pid
        started, own_s, before_s = perf_counter(), process_time(), _processor_s(backend)
        for statement in said:
            if statement.is_end:
                connection.commit()
            elif isinstance(statement.parameters, list):
                cursor.executemany(statement.text, statement.parameters)
            else:
                cursor.execute(statement.text, statement.parameters)
        connection.commit()
        stopped, own_s, after_s = perf_counter(), process_time() - own_s, _processor_s(backend)
    backend_s = None if before_s is None or after_s is None else after_s - before_s
    return Spent(started=started, stopped=stopped, own_s=own_s, backend_s=backend_s)


def _processor_s(backend: int) -> float | None:
    """The processor's seconds that a PostgreSQL process of this machine has taken; None where it is none of here."""
    try:
        name, _, rest = Path(f"/proc/{backend}/stat").read_text().rpartition(")")
    except OSError:
        return None
    if "postgres" not in name:
        return None
    user, system = rest.split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
