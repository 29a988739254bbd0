"""Every worker of these tests works on a store that holds nothing but its own tenants."""

from collections.abc import Iterator

import pytest

from nearcast.store.sql_store import SqlStore
from tests.live.conftest import migrated_postgres_url, sqlite_file, store, store_url
from tests.worker.office import Office

__all__ = ["migrated_postgres_url", "office", "sqlite_file", "store", "store_url"]


@pytest.fixture
def office(store: SqlStore) -> Iterator[Office]:
    """An application whose clock stands at noon; its workers are stopped at the end."""
    office = Office(store)
    yield office
    office.close()
