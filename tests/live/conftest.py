"""Every test that takes a `store` has one of its own on SQLite, and an emptied one on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path
from shutil import copy
from tempfile import TemporaryDirectory

import pytest

from nearcast.store.migrate import upgrade
from nearcast.store.sql_store import SqlStore
from tests.emptying import empty


@pytest.fixture(scope="session")
def sqlite_file(quick_folder: Path) -> Path:
    """An empty database at the newest revision, to be copied."""
    path = quick_folder / "empty.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def migrated_postgres_url(postgres_url: str) -> str:
    upgrade(postgres_url)
    return postgres_url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.enable_socket)])
def store_url(request: pytest.FixtureRequest, sqlite_file: Path) -> Iterator[str]:
    """A database at the newest revision with nothing in it."""
    if request.param == "sqlite":
        with TemporaryDirectory(dir=sqlite_file.parent) as folder:
            yield f"sqlite:///{copy(sqlite_file, folder)}"
        return
    yield request.getfixturevalue("migrated_postgres_url")


@pytest.fixture
def store(store_url: str) -> Iterator[SqlStore]:
    store = SqlStore(store_url)
    empty(store.engine)
    yield store
    store.close()
