"""Which failures are the database's, and what is said of them: never what was asked, nor where and by whom."""

import secrets
import traceback
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError, TimeoutError

from nearcast.domain.errors import StoreUnavailable
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.store.dialect import is_unavailable
from nearcast.store.engine import make_engine
from nearcast.store.migrate import upgrade
from nearcast.store.sql_store import SqlStore
from tests.store.values import ANNA, NOON, message, pings


def told(raised: BaseException) -> str:
    """All that a log with the whole traceback would say, but for our own lines."""
    said = traceback.format_exception(raised)
    return "".join(line for line in said if not line.startswith("  File"))


def test_a_ping_id_that_no_index_takes_is_no_outage(store: SqlStore, tenant: TenantId) -> None:
    with store.writing(tenant) as uow:
        if store.engine.dialect.name == "postgresql":
            with pytest.raises(DBAPIError) as raised:
                uow.pings.remember([(ANNA, None, secrets.token_hex(20_000))], NOON)
            assert not is_unavailable(raised.value)


def test_what_was_to_be_written_is_in_no_error(store: SqlStore, tenant: TenantId) -> None:
    secret = message(text="Dear Anna", channel="+4915112345678")
    with store.writing(tenant) as uow, pytest.raises(DBAPIError) as raised:
        uow.outbox.insert([secret, secret])
    for value in ("Dear Anna", "+4915112345678"):
        assert value not in told(raised.value)


def test_a_position_is_in_no_error(store: SqlStore, tenant: TenantId) -> None:
    with store.writing(tenant) as uow:
        uow.connection.execute(text("DROP TABLE ping_log"))
        with pytest.raises(DBAPIError) as raised:
            uow.pings.append(pings("anna"))
    assert "52.52" not in told(raised.value)


@pytest.mark.parametrize("wrong", ["password", "port", "user", "database"])
def test_where_the_database_is_and_who_asks_is_in_no_error(postgres_url: str, wrong: str) -> None:
    url = make_url(postgres_url)
    changed = {"password": "hunter2", "port": 1, "user": "mallory", "database": "elsewhere"}
    other = url.set(**{"username" if wrong == "user" else wrong: changed[wrong]})  # type: ignore[arg-type]
    with (
        closing(SqlStore(other.render_as_string(hide_password=False))) as store,
        pytest.raises(StoreUnavailable) as raised,
    ):
        store.check()
    said = str(raised.value)
    assert said.startswith("the database is unavailable: ")
    for value in (url.password, "hunter2", "mallory", "127.0.0.1", str(url.port), str(url.username), "elsewhere"):
        assert str(value) not in said


@pytest.mark.parametrize(
    ("sqlstate", "is_away"),
    [("57P01", True), ("40P01", True), ("53300", True), ("08006", True), ("54000", False), ("42P01", False)],
)
def test_postgresqls_own_word_decides(sqlstate: str, is_away: bool) -> None:
    said = psycopg.errors.lookup(sqlstate)()
    assert is_unavailable(OperationalError("SELECT", {}, said)) is is_away


def test_waiting_for_the_one_writer_ends(tmp_path_factory: pytest.TempPathFactory) -> None:
    url = f"sqlite:///{tmp_path_factory.mktemp('writer') / 'nearcast.db'}"
    upgrade(url)
    with closing(SqlStore(url)) as store:
        tenant = TenantId("t1")
        store.add_tenant(tenant, NOON)
        with store.writing(tenant) as first:
            with pytest.raises(StoreUnavailable, match="locked by another writer"), store.writing(tenant):
                pass
            first.customers.upsert({CustomerId("anna"): {}}, NOON)
            first.commit()
        with store.writing(tenant) as second:
            assert second.customers.get(CustomerId("anna")) == {}


def test_another_process_that_writes_is_waited_for_as_long_as_our_own_writers(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'nearcast.db'}"
    readings_s = iter([0.0, 4.9, 5.0])
    ours, others = make_engine(url, monotonic_s=lambda: next(readings_s)), make_engine(url)
    with others.connect() as writer:
        writer.execute(text("CREATE TABLE note (said TEXT)"))
        with pytest.raises(TimeoutError, match="locked by another process"), ours.connect() as waiting:
            waiting.execute(text("SELECT 1"))
        writer.commit()
    ours.dispose()
    others.dispose()


def test_who_waits_for_another_process_writes_as_soon_as_that_has_ended(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'nearcast.db'}"
    others = make_engine(url)
    with others.connect() as writer:
        writer.execute(text("CREATE TABLE note (said TEXT)"))

        def asked_again() -> float:
            writer.commit()
            return 0.0

        ours = make_engine(url, monotonic_s=asked_again)
        with ours.connect() as waiting:
            waiting.execute(text("INSERT INTO note VALUES ('after')"))
            waiting.commit()
    with ours.connect() as reader:
        assert reader.scalars(text("SELECT said FROM note")).all() == ["after"]
    ours.dispose()
    others.dispose()


def test_a_file_that_is_no_database_is_refused_at_the_first_word(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("no database" * 1000)
    engine = make_engine(f"sqlite:///{tmp_path / 'notes.db'}")
    with pytest.raises(DatabaseError, match="not a database"), engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    engine.dispose()
