"""Engines: SQLite for one machine, PostgreSQL for many."""

import sqlite3
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from nearcast.domain.errors import InvalidInput

BEGIN = "nearcast_begin"
"""Execution option: how SQLite begins the transaction. Without it a transaction is a writer's."""

_BUSY_S = 5.0
_CONNECT_S = 5
_POOL = {"pool_size": 10, "max_overflow": 10, "pool_timeout": _BUSY_S}


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
    engine = create_engine(url, connect_args={"timeout": _BUSY_S, "check_same_thread": False}, **_POOL)
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # the driver's own idea of when to begin is too late for a writer
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    # a transaction that reads first and writes later fails when another has written in between, whatever the timeout
    connection.exec_driver_sql(connection.get_execution_options().get(BEGIN, "BEGIN IMMEDIATE"))


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
        url.set(drivername="postgresql+psycopg"), connect_args=connect_args, pool_pre_ping=True, **_POOL
    )


_ENGINES = {"sqlite": _sqlite, "postgresql": _postgresql}
