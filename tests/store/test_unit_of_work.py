"""One transaction: all of it or nothing, and nobody sees half."""

from contextlib import nullcontext
from threading import Event, Thread

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from nearcast.domain.errors import InvalidInput, StoreUnavailable
from nearcast.domain.ids import TenantId
from nearcast.services.ports import Store
from nearcast.store.engine import make_engine
from nearcast.store.sql_store import SqlStore
from tests.store.values import ANNA, BOB, NOON, add_customers, new_tenant, pings


def test_the_store_is_what_the_use_cases_ask_for(store: SqlStore, tenant: TenantId) -> None:
    kept: Store = store  # the type checker's test
    with kept.reading(tenant) as uow:
        assert uow.catalogue.revision == 0


def test_what_is_not_committed_is_gone(store: SqlStore, tenant: TenantId) -> None:
    with store.writing(tenant) as uow:
        uow.catalogue.put_settings({"a": 1}, NOON)
        uow.counters.add("refused", {"ping_stale": 1})
        uow.pings.append(pings("anna"))
    with store.reading(tenant) as uow:
        assert uow.catalogue.settings() is None
        assert uow.catalogue.revision == 0
        assert uow.counters.get("refused") == {}
        assert uow.pings.waiting() == {}


def test_an_error_takes_everything_back(store: SqlStore, tenant: TenantId) -> None:
    def fail_half_way() -> None:
        with store.writing(tenant) as uow:
            uow.catalogue.put_settings({"a": 1}, NOON)
            raise LookupError("half way")

    with pytest.raises(LookupError):
        fail_half_way()
    with store.reading(tenant) as uow:
        assert uow.catalogue.settings() is None


def test_others_see_what_is_committed_and_nothing_before(store: SqlStore, tenant: TenantId) -> None:
    with store.writing(tenant) as uow:
        uow.catalogue.put_settings({"a": 1}, NOON)
        with store.reading(tenant) as other:
            assert other.catalogue.settings() is None
        uow.commit()
    with store.reading(tenant) as other:
        assert other.catalogue.settings() is not None


def test_a_reader_sees_one_snapshot(store: SqlStore, tenant: TenantId) -> None:
    with store.reading(tenant) as reader:
        assert reader.catalogue.revision == 0
        with store.writing(tenant) as uow:
            uow.catalogue.put_settings({}, NOON)
            uow.commit()
        assert reader.catalogue.revision == 0


def test_after_the_commit_nothing_can_be_done(store: SqlStore, tenant: TenantId) -> None:
    with store.writing(tenant) as uow:
        uow.commit()
        with pytest.raises(RuntimeError, match="has ended"):
            uow.commit()
        with pytest.raises(Exception, match="closed"):
            uow.catalogue.put_settings({}, NOON)


def test_a_reader_cannot_commit(store: SqlStore, tenant: TenantId) -> None:
    with store.reading(tenant) as uow, pytest.raises(RuntimeError):
        uow.commit()


def test_tenants_do_not_see_each_other(store: SqlStore) -> None:
    one, other = new_tenant(store), new_tenant(store)
    with store.writing(one) as uow:
        uow.customers.upsert({ANNA: {"tags": ["vip"]}}, NOON)
        uow.catalogue.shops.put("s1", {}, NOON)
        uow.pings.append(pings("anna"))
        uow.commit()
    with store.reading(other) as uow:
        assert uow.customers.get(ANNA) is None
        assert uow.catalogue.shops.all() == []
        assert uow.pings.waiting() == {}
    assert {one, other} <= set(store.tenants())
    assert not store.add_tenant(one, NOON)


def test_a_customer_is_held_by_one_at_a_time(store: SqlStore, tenant: TenantId) -> None:
    add_customers(store, tenant, ANNA, BOB)
    got_it, order = Event(), []

    def wait_for_anna() -> None:
        with store.writing(tenant) as uow:
            uow.customers.lock([ANNA])
            order.append("second")
            uow.commit()
        got_it.set()

    with store.writing(tenant) as uow:
        assert uow.customers.lock([BOB, ANNA, ANNA, TenantId("nobody")]) == [ANNA, BOB]  # type: ignore[list-item]
        waiting = Thread(target=wait_for_anna)
        waiting.start()
        assert not got_it.wait(0.2)
        order.append("first")
        uow.commit()
    assert got_it.wait(10)
    waiting.join()
    assert order == ["first", "second"]


@pytest.mark.parametrize(
    "url", ["postgresql+psycopg://nobody@127.0.0.1:9/nothing", "sqlite:////no/such/folder/nearcast.db"]
)
def test_a_database_that_is_away_is_unavailable(url: str) -> None:
    store = SqlStore(url)
    with pytest.raises(StoreUnavailable):
        store.check()
    store.close()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://x/y", "nonsense"])
def test_what_is_no_database_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput):
        make_engine(url)


def test_a_statement_that_is_wrong_is_not_called_unavailable(store: SqlStore, tenant: TenantId) -> None:
    def ask(connection: Connection) -> None:
        connection.execute(text("SELECT * FROM no_such_table"))

    with pytest.raises(Exception, match="no_such_table") as caught, store.writing(tenant) as uow:
        ask(uow.connection)
    assert not isinstance(caught.value, StoreUnavailable)


@pytest.mark.parametrize("rested_s", [0.0, 0.9, 1.0, 3600.0])
def test_a_connection_that_has_rested_is_made_anew_where_it_was_lost(postgres_url: str, rested_s: float) -> None:
    reading_s = [7.0]
    engine, others = make_engine(postgres_url, monotonic_s=lambda: reading_s[0]), make_engine(postgres_url)
    with engine.connect() as connection:
        pid = connection.scalar(text("SELECT pg_backend_pid()"))
    with others.connect() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
    others.dispose()
    reading_s[0] += rested_s
    knows_at_once = rested_s >= 1.0
    with nullcontext() if knows_at_once else pytest.raises(OperationalError), engine.connect() as connection:
        assert connection.scalar(text("SELECT 1")) == 1
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT 1")) == 1
    engine.dispose()


def test_a_lost_connection_is_unavailable_and_the_next_one_works(
    postgres_url: str, tenant_on_postgres: TenantId
) -> None:
    store, tenant = SqlStore(postgres_url), tenant_on_postgres

    def lose_it() -> None:
        with store.writing(tenant) as uow:
            uow.catalogue.put_settings({"kept": False}, NOON)
            with store.writing(tenant) as other:
                pid = uow.connection.scalar(text("SELECT pg_backend_pid()"))
                other.connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
            uow.commit()

    with pytest.raises(StoreUnavailable):
        lose_it()
    with store.writing(tenant) as uow:
        assert uow.catalogue.settings() is None
        uow.catalogue.put_settings({"kept": True}, NOON)
        uow.commit()
    store.close()
