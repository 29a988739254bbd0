"""A service on either database, for what is played on it by its clock."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from nearcast.store.migrate import upgrade
from nearcast.store.sql_store import SqlStore
from tests.api.service import Service, serving


@pytest.fixture(
    scope="session",  # one database after the other
    params=[
        pytest.param("sqlite", marks=[pytest.mark.enable_socket]),
        pytest.param("postgresql", marks=[pytest.mark.enable_socket]),
    ],
)
def service(request: pytest.FixtureRequest, quick_folder: Path) -> Iterator[Service]:
    if request.param == "sqlite":
        url = f"sqlite:///{quick_folder / 'explain.db'}"
    else:
        url = request.getfixturevalue("postgres_url")
    upgrade(url)
    with closing(SqlStore(url)) as store, serving(store) as service:
        yield service
