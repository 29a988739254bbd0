"""Every test that takes a `store` has one of its own on SQLite, and an emptied one on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from nearcast.store.migrate import upgrade
from nearcast.store.sql_store import SqlStore
from nearcast.store.tables import metadata


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.enable_socket)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database at the newest revision with nothing in it."""
    url = f"sqlite:///{tmp_path / 'nearcast.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    upgrade(url)
    return url


@pytest.fixture
def store(store_url: str) -> Iterator[SqlStore]:
    store = SqlStore(store_url)
    with store.engine.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
    yield store
    store.close()
