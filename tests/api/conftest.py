"""A service on each database; every test has the tables to itself."""

from collections.abc import Iterator
from typing import Any

import pytest

from nearcast.store.migrate import upgrade
from nearcast.store.sql_store import SqlStore
from nearcast.store.tables import metadata, secret
from tests.api.service import NOON, Service, serving


@pytest.fixture(scope="session")
def _sqlite_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    yield from _service(f"sqlite:///{tmp_path_factory.mktemp('api') / 'nearcast.db'}")


@pytest.fixture(scope="session")
def _postgresql_service(postgres_url: str) -> Iterator[Service]:
    yield from _service(postgres_url)


def _service(url: str) -> Iterator[Service]:
    upgrade(url)
    store = SqlStore(url)
    with serving(store) as service:
        yield service
    store.close()


@pytest.fixture(
    params=[
        pytest.param("sqlite", marks=pytest.mark.enable_socket),
        pytest.param("postgresql", marks=pytest.mark.enable_socket),
    ]
)
def service(request: pytest.FixtureRequest) -> Service:
    """A service whose store is empty, at Tuesday noon."""
    found: Any = request.getfixturevalue(f"_{request.param}_service")
    empty(found.store)
    found.clock.at = NOON
    return found  # type: ignore[no-any-return]


@pytest.fixture
def sqlite_service(_sqlite_service: Service) -> Service:
    """As `service`, where the database makes no difference; needs @pytest.mark.enable_socket."""
    empty(_sqlite_service.store)
    _sqlite_service.clock.at = NOON
    return _sqlite_service


def empty(store: SqlStore) -> None:
    with store.engine.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            if table is not secret:
                connection.execute(table.delete())
