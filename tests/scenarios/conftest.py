"""Every scenario is replayed in memory; with a store it is played again by the live engine and must be the same."""

from collections.abc import Iterator
from typing import Any

import pytest

from nearcast.store.migrate import upgrade
from nearcast.store.sql_store import SqlStore
from tests.scenarios import harness


@pytest.fixture(scope="session")
def sqlite_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlStore]:
    yield from _store(f"sqlite:///{tmp_path_factory.mktemp('live') / 'nearcast.db'}")


@pytest.fixture(scope="session")
def postgres_store(postgres_url: str) -> Iterator[SqlStore]:
    yield from _store(postgres_url)


def _store(url: str) -> Iterator[SqlStore]:
    upgrade(url)
    store = SqlStore(url)
    yield store
    store.close()


@pytest.fixture(
    autouse=True,
    params=[
        "memory",
        pytest.param("sqlite", marks=pytest.mark.e2e),
        pytest.param("postgresql", marks=[pytest.mark.e2e, pytest.mark.enable_socket]),
    ],
)
def engine(request: pytest.FixtureRequest) -> Iterator[None]:
    names = {"sqlite": "sqlite_store", "postgresql": "postgres_store"}
    store: Any = request.getfixturevalue(names[request.param]) if request.param in names else None
    with harness.also_played_on(store):
        yield


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Random scenarios are played on a store by tests/live, a few of them; here each would be hundreds of commits."""
    slow = [item for item in items if _is_random(item) and "memory" not in item.name]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]


def _is_random(item: pytest.Item) -> bool:
    return bool(getattr(getattr(item, "function", None), "is_hypothesis_test", False)) and "engine" in item.fixturenames  # type: ignore[attr-defined]
