"""Every scenario is replayed in memory; with a service it is played again over HTTP and must be the same."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from nearcast.store.migrate import upgrade
from nearcast.store.sql_store import SqlStore
from tests.api.service import Service, serving
from tests.scenarios import harness


@pytest.fixture(scope="session")
def sqlite_scenarios(quick_folder: Path) -> Iterator[Service]:
    yield from _service(f"sqlite:///{quick_folder / 'scenarios.db'}")


@pytest.fixture(scope="session")
def postgresql_scenarios(postgres_url: str) -> Iterator[Service]:
    yield from _service(postgres_url)


def _service(url: str) -> Iterator[Service]:
    upgrade(url)
    with closing(SqlStore(url)) as store, serving(store) as service:
        yield service


@pytest.fixture(
    autouse=True,
    params=[
        "memory",
        pytest.param("sqlite", marks=[pytest.mark.e2e, pytest.mark.enable_socket]),
        pytest.param("postgresql", marks=[pytest.mark.e2e, pytest.mark.enable_socket]),
    ],
)
def engine(request: pytest.FixtureRequest) -> Iterator[None]:
    name = request.param
    service: Any = None if name == "memory" else request.getfixturevalue(f"{name}_scenarios")
    with harness.also_played_on(service):
        yield


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Random scenarios are replayed in memory alone: over HTTP each would be hundreds of commits."""
    slow = [item for item in items if _is_random(item) and "memory" not in item.name]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]


def _is_random(item: pytest.Item) -> bool:
    return bool(getattr(getattr(item, "function", None), "is_hypothesis_test", False)) and "engine" in item.fixturenames  # type: ignore[attr-defined]
