"""Every scenario is replayed in memory; with a service it is played again over HTTP and must be the same."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from nearcast.store.migrate import upgrade
from nearcast.store.sql_store import SqlStore
from tests.api.service import Service, serving
from tests.lots import DATABASES, is_left_to_soak
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
        *(pytest.param(name, marks=[pytest.mark.e2e, pytest.mark.enable_socket]) for name in DATABASES),
    ],
)
def engine(request: pytest.FixtureRequest) -> Iterator[None]:
    name = request.param
    service: Any = None if name == "memory" else request.getfixturevalue(f"{name}_scenarios")
    with harness.also_played_on(service):
        yield


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Each scenario is played on one of the databases, and with `-m soak` on the other.

    Random ones are replayed in memory alone: over HTTP each would be hundreds of commits.
    """
    slow = set()
    for item in items:
        if isinstance(item, pytest.Function) and Path(__file__).parent in item.path.parents:
            engine = item.callspec.params["engine"]
            if engine in DATABASES and getattr(item.function, "is_hypothesis_test", False):
                slow.add(item)
            elif is_left_to_soak(item, "engine"):
                item.add_marker(pytest.mark.soak)
    if slow:
        config.hook.pytest_deselected(items=list(slow))
        items[:] = [item for item in items if item not in slow]
