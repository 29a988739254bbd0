"""One fake WhatsApp for all tests of a process; whatever it was sent is judged at the end of each."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from nearcast.store.migrate import upgrade
from nearcast.store.sql_store import SqlStore
from tests.e2e.whatsapp.fake import Fake, Hook, fake_process, hook
from tests.e2e.whatsapp.judging import IS_THERE, faults
from tests.e2e.whatsapp.street import Street, open_street
from tests.emptying import empty
from tests.lots import DATABASES, is_left_to_soak


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.enable_socket)
            if "street_store" in item.fixturenames and is_left_to_soak(item, "street_store"):
                item.add_marker(pytest.mark.soak)


@pytest.fixture(scope="session")
def _process() -> Iterator[Fake]:
    with fake_process() as fake:
        yield fake


@pytest.fixture
def rough(_process: Fake) -> Fake:
    """A fake that may be sent anything."""
    _process.tell("beginning", {})
    return _process


@pytest.fixture
def fake(rough: Fake) -> Iterator[Fake]:
    """A fake that is sent nothing but what Meta's description allows, where that is here."""
    yield rough
    if IS_THERE:
        wrong = {str(each): found for each in rough.look("bodies") if (found := faults(each["api"], each["body"]))}
        assert wrong == {}


@pytest.fixture
def webhook(rough: Fake) -> Iterator[Hook]:
    """What the fake tells."""
    with hook() as received:
        rough.behave(webhook_url=received.url)
        yield received
        rough.behave(webhook_url=None)


@pytest.fixture(scope="session")
def _sqlite_street(quick_folder: Path) -> Iterator[SqlStore]:
    yield from _migrated(f"sqlite:///{quick_folder / 'street.db'}")


@pytest.fixture(scope="session")
def _postgresql_street(postgres_url: str) -> Iterator[SqlStore]:
    yield from _migrated(postgres_url)


def _migrated(url: str) -> Iterator[SqlStore]:
    upgrade(url)
    with closing(SqlStore(url)) as store:
        yield store


@pytest.fixture(params=DATABASES)
def street_store(request: pytest.FixtureRequest) -> SqlStore:
    """An empty store on one of the databases."""
    store: SqlStore = request.getfixturevalue(f"_{request.param}_street")
    empty(store.engine)
    return store


@pytest.fixture
def street(street_store: SqlStore, fake: Fake) -> Iterator[Street]:
    """The service, where nothing has happened yet but that a template was approved."""
    fake.template()
    with open_street(street_store, fake) as found:
        yield found
