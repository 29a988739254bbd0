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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.enable_socket)


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
def sqlite_store(quick_folder: Path) -> Iterator[SqlStore]:
    url = f"sqlite:///{quick_folder / 'street.db'}"
    upgrade(url)
    with closing(SqlStore(url)) as store:
        yield store


@pytest.fixture
def street(sqlite_store: SqlStore, fake: Fake) -> Iterator[Street]:
    """The service on SQLite, where nothing has happened yet but that a template was approved."""
    empty(sqlite_store.engine)
    fake.template()
    with open_street(sqlite_store, fake) as found:
        yield found
