"""Engines: SQLite for one machine, PostgreSQL for many."""

import sqlite3
from collections.abc import Callable
from time import monotonic, sleep
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, InvalidatePoolError, TimeoutError
from sqlalchemy.pool import ConnectionPoolEntry

from nearcast.domain.errors import InvalidInput
from nearcast.store.turns import Turns

BEGIN = "nearcast_begin"
"""Execution option: how SQLite begins the transaction. Without it a transaction is a writer's."""

_WRITES, _RESTS_SINCE_S = "nearcast_writes", "nearcast_rests_since_s"
_RESTED_S = 1.0
_BUSY_S = 5.0
_ASKS_EVERY_S = 0.0005
_CONNECT_S = 5
_POOL = {"pool_size": 10, "max_overflow": 10, "pool_timeout": _BUSY_S}
_SILENT = {"hide_parameters": True}  # positions and texts are parameters, and errors get into logs


def make_engine(url: str, *, monotonic_s: Callable[[], float] = monotonic) -> Engine:
    """An engine for `sqlite:///file` or `postgresql+psycopg://…`; InvalidInput for what is neither. `monotonic_s` tells
    seconds that never go back: by them connections have rested, and others have been waited for.
    """
    try:
        parsed = make_url(url)
        make = _ENGINES[parsed.get_backend_name()]
    except (ArgumentError, KeyError):
        raise InvalidInput("a database URL is sqlite:///FILE or postgresql+psycopg://…") from None
    return make(parsed, monotonic_s)


def _sqlite(url: URL, monotonic_s: Callable[[], float]) -> Engine:
    if url.database in (None, "", ":memory:"):
        raise InvalidInput("a SQLite database is a file: several connections share it")
    engine = create_engine(url, connect_args={"timeout": _BUSY_S, "check_same_thread": False}, **_POOL, **_SILENT)
    event.listen(engine, "connect", _set_up_sqlite)
    writers = _OneWriter(monotonic_s)
    event.listen(engine, "begin", writers.begin)
    event.listen(engine, "checkin", writers.end)
    return engine


def _set_up_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # the driver's own idea of when to begin is too late for a writer
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = ON")  # who is erased is not left in the file


def _begins_to_write(connection: Connection) -> bool:
    """Whether the transaction has begun: not while another process writes."""
    # one that reads first and writes later fails when another has written in between, whatever the timeout
    begin = "BEGIN IMMEDIATE"
    driver: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]
    driver.execute("PRAGMA busy_timeout = 0")
    try:
        driver.execute(begin)
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
            return False
        connection.exec_driver_sql(begin)  # fails as all statements do
    finally:
        driver.execute(f"PRAGMA busy_timeout = {_BUSY_S * 1000:.0f}")
    return True


class _OneWriter:
    """Lets the writers of this process in one after the other, whoever has waited longest first: SQLite would have each
    ask again and again, and one that is unlucky wait for long. Those of other processes it cannot but ask for, and does
    so more often than SQLite would, which asks ever more seldom.
    """

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self._turns, self._monotonic_s = Turns(), monotonic_s

    def begin(self, connection: Connection) -> None:
        begin = connection.get_execution_options().get(BEGIN)
        if begin is not None:
            connection.exec_driver_sql(begin)
            return
        until_s = self._monotonic_s() + _BUSY_S
        if not self._turns.take(_BUSY_S):
            raise TimeoutError("database is locked by another writer of this process")
        connection.info[_WRITES] = True
        while not _begins_to_write(connection):
            if self._monotonic_s() >= until_s:
                raise TimeoutError("database is locked by another process")
            sleep(_ASKS_EVERY_S)

    def end(self, _connection: object, record: ConnectionPoolEntry) -> None:
        if record.info.pop(_WRITES, False):
            self._turns.hand_on()


def _postgresql(url: URL, monotonic_s: Callable[[], float]) -> Engine:
    connect_args = {
        "connect_timeout": _CONNECT_S,
        "options": "-c timezone=UTC",
        "application_name": "nearcast",
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
    }
    engine = create_engine(url.set(drivername="postgresql+psycopg"), connect_args=connect_args, **_POOL, **_SILENT)
    rest = _Rest(engine.dialect, monotonic_s)
    event.listen(engine, "checkin", rest.begin)
    event.listen(engine, "checkout", rest.end)
    return engine


class _Rest:
    """Asks connections that have rested whether they still are any: to ask each time would be every other round trip of
    a short transaction. One that was in use a moment ago and is lost all the same says so in its first statement.
    """

    def __init__(self, dialect: Dialect, monotonic_s: Callable[[], float]) -> None:
        self._dialect, self._monotonic_s = dialect, monotonic_s

    def begin(self, _connection: object, record: ConnectionPoolEntry) -> None:
        record.info[_RESTS_SINCE_S] = self._monotonic_s()

    def end(self, connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: object) -> None:
        since_s = record.info.pop(_RESTS_SINCE_S, None)
        if since_s is None or self._monotonic_s() - since_s < _RESTED_S:
            return
        try:
            self._dialect.do_ping(connection)
        except self._dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error  # the others rested as long: all are made anew


_ENGINES = {"sqlite": _sqlite, "postgresql": _postgresql}
