"""The database goes away and comes back: nothing is lost, nothing is sent twice, nobody has to help."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from nearcast.domain.ids import CustomerId, TenantId
from nearcast.store.sql_store import SqlStore
from nearcast.worker.worker import Worker
from tests.live.corner import ENTER, later, messages, names, open_corner, seen
from tests.worker.office import Office, eventually


@contextmanager
def away(url: str) -> Iterator[None]:
    """SQLite: somebody else writes, and does not end. PostgreSQL: all connections are cut, and no new ones taken."""
    if url.startswith("sqlite"):
        path = Path(str(make_url(url).database))
        with sqlite3.connect(path, isolation_level=None) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            yield
            connection.execute("ROLLBACK")
        connection.close()
        return
    server = create_engine(make_url(url).set(database="postgres"), isolation_level="AUTOCOMMIT")
    name = make_url(url).database
    with server.connect() as connection_to_server:
        connection_to_server.execute(text(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false"))
        connection_to_server.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"), {"name": name}
        )
        try:
            yield
        finally:
            connection_to_server.execute(text(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true"))
    server.dispose()


def lost(worker: Worker) -> bool:
    return any(status.error == "StoreUnavailable" for status in worker.status().values())


def of_status(store: SqlStore, tenant: TenantId, *statuses: str) -> set[str]:
    """Customers whose only message has one of these statuses."""
    return {customer for customer, (status,) in messages(store, tenant).items() if status in statuses}


@pytest.mark.parametrize("until_all_is_rescued", [False, pytest.param(True, marks=pytest.mark.soak)])
def test_it_waits_for_the_database_and_goes_on(
    office: Office, store_url: str, caplog: pytest.LogCaptureFixture, until_all_is_rescued: bool
) -> None:
    """What was claimed when the database went waits until it is rescued, which is seen to four times a minute."""
    customers = names(40)
    tenant = open_corner(office.store, ENTER, customers=customers)
    office.walk_in(tenant, *customers[:20])

    def unheard() -> set[CustomerId]:
        return set(customers).difference(office.heard.customers)

    with caplog.at_level(logging.INFO):
        worker = office.worker()
        eventually(lambda: len(office.heard.messages) > 3)
        with away(store_url):
            office.clock.at = later(1)
            eventually(lambda: lost(worker))
        office.walk_in(tenant, *customers[20:], seconds=1)
        eventually(lambda: not lost(worker))
        if until_all_is_rescued:
            office.clock.at = later(100)
            eventually(lambda: not unheard())
            eventually(lambda: of_status(office.store, tenant, "accepted", "unknown") == set(customers))
        eventually(lambda: set(customers[20:]) <= set(office.heard.customers))
        eventually(lambda: unheard() <= of_status(office.store, tenant, "claimed", "sending"))
    assert len(office.heard.customers) == len(set(office.heard.customers))
    # the driver may tell of its pipeline that broke, too
    own = [record for record in caplog.records if record.name.startswith("nearcast")]
    warnings = [record.message for record in own if record.levelno >= logging.WARNING]
    assert [warning.split(":")[0] for warning in warnings] == ["the database is unavailable"]
    assert own[-1].message == "the database is back"


def test_a_worker_that_starts_without_a_database_waits_for_it(office: Office, store_url: str) -> None:
    tenant = open_corner(office.store, ENTER, customers=names(1))
    office.application.intake.accept(tenant, seen(names(1), later(0)), later(0))
    with away(store_url):
        worker = office.worker("worker")
        eventually(lambda: lost(worker))
    eventually(lambda: messages(office.store, tenant) == {"cust-0000": ["accepted"]})
    assert office.heard.customers == names(1)


def test_it_can_be_stopped_while_the_database_is_away(office: Office, store_url: str) -> None:
    open_corner(office.store, ENTER, customers=names(1))
    worker = office.worker()
    with away(store_url):
        if store_url.startswith("postgresql"):
            eventually(lambda: lost(worker))
        assert worker.stop(timeout_s=15)
