"""A town on each database; every test has its own tenant."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from nearcast.store.sql_store import SqlStore
from tests.e2e.importing.town import Town, opened


@pytest.fixture(scope="session")
def _sqlite_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlStore]:
    yield from opened(f"sqlite:///{tmp_path_factory.mktemp('import') / 'nearcast.db'}")


@pytest.fixture(scope="session")
def _postgresql_store(postgres_url: str) -> Iterator[SqlStore]:
    yield from opened(postgres_url)


@pytest.fixture
def town(_sqlite_store: SqlStore, tmp_path: Path) -> Town:
    return Town(_sqlite_store, tmp_path.name, tmp_path)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.enable_socket)])
def any_town(request: pytest.FixtureRequest, tmp_path: Path) -> Town:
    """As `town`, where the database makes a difference."""
    return Town(request.getfixturevalue(f"_{request.param}_store"), tmp_path.name, tmp_path)
