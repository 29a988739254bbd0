"""Every test that takes a `store` runs on SQLite and on PostgreSQL; tenants keep tests apart."""

from collections.abc import Iterator

import pytest

from nearcast.domain.ids import TenantId
from nearcast.store.migrate import upgrade
from nearcast.store.sender_tables import allowance_use, pair_wait, provider_throttle, sender_state, shared_duty
from nearcast.store.sql_store import SqlStore
from tests.store.values import new_tenant


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database at the newest revision."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('store') / 'nearcast.db'}"
    else:
        url = request.getfixturevalue("postgres_url")
    upgrade(url)
    return url


@pytest.fixture(scope="session")
def store(store_url: str) -> Iterator[SqlStore]:
    store = SqlStore(store_url)
    yield store
    store.close()


@pytest.fixture
def tenant(store: SqlStore) -> TenantId:
    """A tenant that has nothing yet, and what all tenants share as nobody has touched it."""
    with store.engine.begin() as connection:
        for table in (sender_state, allowance_use, pair_wait, provider_throttle, shared_duty):
            connection.execute(table.delete())
    return new_tenant(store)


@pytest.fixture
def tenant_on_postgres(postgres_url: str) -> TenantId:
    """A tenant for what SQLite has no counterpart of."""
    upgrade(postgres_url)
    store = SqlStore(postgres_url)
    tenant = new_tenant(store)
    store.close()
    return tenant
