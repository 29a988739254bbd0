"""Commands on databases: at once, and what becomes of a database behind their back."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tests.e2e.processes import environment
from tests.e2e.shell import Answer, nearcast_with

AWAY = "postgresql+psycopg://somebody:hush-hush@127.0.0.1:1/nearcast"
SECRET = "hush-hush"  # noqa: S105

Run = Callable[..., Answer]


def at_once(folder: Path, *arguments: str | Path, **settings: object) -> Answer:
    """`nearcast …` in a folder with these settings, without a process of its own."""
    return nearcast_with(environment(**settings), folder, *arguments)


def set_revision(url: str, revision: str) -> None:
    change = f"UPDATE alembic_version SET version_num = '{revision}'"  # noqa: S608
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            connection.execute(change)
            connection.commit()
        return
    import psycopg  # here, where a test asks for it: most run without

    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as server:
        server.execute(change.encode())
