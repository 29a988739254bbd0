"""Engines: SQLite for one machine, PostgreSQL for many."""

import sqlite3
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, TimeoutError
from sqlalchemy.pool import ConnectionPoolEntry

from nearcast.domain.errors import InvalidInput
from nearcast.store.turns import Turns

BEGIN = "nearcast_begin"
"""Execution option: how SQLite begins the transaction. Without it a transaction is a writer's."""

_WRITES = "nearcast_writes"
_BUSY_S = 5.0
_CONNECT_S = 5
_POOL = {"pool_size": 10, "max_overflow": 10, "pool_timeout": _BUSY_S}
_SILENT = {"hide_parameters": True}  # positions and texts are parameters, and errors get into logs


def make_engine(url: str) -> Engine:
    """An engine for `sqlite:///file` or `postgresql+psycopg://…`; InvalidInput for what is neither."""
    try:
        parsed = make_url(url)
        make = _ENGINES[parsed.get_backend_name()]
    except (ArgumentError, KeyError):
        raise InvalidInput("a database URL is sqlite:///FILE or postgresql+psycopg://…") from None
    return make(parsed)


def _sqlite(url: URL) -> Engine:
    if url.database in (None, "", ":memory:"):
        raise InvalidInput("a SQLite database is a file: several connections share it")
    engine = create_engine(url, connect_args={"timeout": _BUSY_S, "check_same_thread": False}, **_POOL, **_SILENT)
    event.listen(engine, "connect", _set_up_sqlite)
    writers = _OneWriter()
    event.listen(engine, "begin", writers.begin)
    event.listen(engine, "checkin", writers.end)
    return engine


def _set_up_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # the driver's own idea of when to begin is too late for a writer
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = ON")  # who is erased is not left in the file


class _OneWriter:
    """Lets the writers of this process in one after the other, whoever has waited longest first: SQLite would have each
    ask again and again, and one that is unlucky wait for long.
    """

    def __init__(self) -> None:
        self._turns = Turns()

    def begin(self, connection: Connection) -> None:
        begin = connection.get_execution_options().get(BEGIN)
        if begin is None:
            if not self._turns.take(_BUSY_S):
                raise TimeoutError("database is locked by another writer of this process")
            connection.info[_WRITES] = True
        # one that reads first and writes later fails when another has written in between, whatever the timeout
        connection.exec_driver_sql(begin or "BEGIN IMMEDIATE")

    def end(self, _connection: object, record: ConnectionPoolEntry) -> None:
        if record.info.pop(_WRITES, False):
            self._turns.hand_on()


def _postgresql(url: URL) -> Engine:
    connect_args = {
        "connect_timeout": _CONNECT_S,
        "options": "-c timezone=UTC",
        "application_name": "nearcast",
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
    }
    return create_engine(
        url.set(drivername="postgresql+psycopg"), connect_args=connect_args, pool_pre_ping=True, **_POOL, **_SILENT
    )


_ENGINES = {"sqlite": _sqlite, "postgresql": _postgresql}
