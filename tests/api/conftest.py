"""A service on each database; every test has the tables to itself."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from nearcast.store.migrate import upgrade
from nearcast.store.sql_store import SqlStore
from tests.api.service import Service, serving


@pytest.fixture(scope="session")
def _sqlite_service(quick_folder: Path) -> Iterator[Service]:
    yield from _service(f"sqlite:///{quick_folder / 'api.db'}")


@pytest.fixture(scope="session")
def _postgresql_service(postgres_url: str) -> Iterator[Service]:
    yield from _service(postgres_url)


def _service(url: str) -> Iterator[Service]:
    upgrade(url)
    with closing(SqlStore(url)) as store, serving(store) as service:
        yield service


@pytest.fixture(
    params=[
        pytest.param("sqlite", marks=pytest.mark.enable_socket),
        pytest.param("postgresql", marks=pytest.mark.enable_socket),
    ]
)
def service(request: pytest.FixtureRequest) -> Service:
    """A service whose store is empty, at Tuesday noon."""
    found: Any = request.getfixturevalue(f"_{request.param}_service")
    found.begin_anew()
    return found  # type: ignore[no-any-return]


@pytest.fixture
def sqlite_service(_sqlite_service: Service) -> Service:
    """As `service`, where the database makes no difference; needs @pytest.mark.enable_socket."""
    _sqlite_service.begin_anew()
    return _sqlite_service
