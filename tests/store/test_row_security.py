"""Row-level security on PostgreSQL: whatever the statement says, the API sees and writes the rows of one tenant."""

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest
from sqlalchemy import Connection, event, insert, make_url, select, text
from sqlalchemy.exc import DBAPIError

from nearcast.domain.errors import NearcastError
from nearcast.domain.ids import TenantId
from nearcast.services.audit_ports import SYSTEM, AuditEntry
from nearcast.store.all_tables import metadata
from nearcast.store.customer_tables import customer
from nearcast.store.dialect import narrow, open_tables
from nearcast.store.migrate import upgrade
from nearcast.store.sql_store import SqlStore
from nearcast.store.tables import api_key
from tests.store.values import ANNA, NOON, new_tenant

WITH_TENANTS = sorted(table.name for table in metadata.sorted_tables if "tenant_id" in table.c)


@pytest.fixture(scope="module")
def whole(postgres_url: str) -> Iterator[SqlStore]:
    upgrade(postgres_url)
    with closing(SqlStore(postgres_url)) as store:
        yield store


@pytest.fixture
def mine(whole: SqlStore) -> TenantId:
    return _furnished(whole)


@pytest.fixture
def theirs(whole: SqlStore) -> TenantId:
    return _furnished(whole)


def _furnished(store: SqlStore) -> TenantId:
    tenant = new_tenant(store)
    with store.writing(tenant) as uow:
        uow.catalogue.shops.put("s1", {"id": "s1"}, NOON)
        uow.customers.upsert({ANNA: {}}, NOON)
        uow.audit.append(AuditEntry(actor=SYSTEM, action="created", kind="shop", id="s1", at=NOON))
        uow.commit()
    return tenant


def test_every_table_that_has_tenants_is_protected(whole: SqlStore) -> None:
    with whole.engine.connect() as connection:
        known = set(connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")))
    assert known >= set(WITH_TENANTS)
    missed = whole.open_tables()
    assert missed == [], f"store/row_security.py does not reach {missed}"


def test_a_table_without_its_policy_is_noticed_and_mended_by_migrating(own_postgres_url: str) -> None:
    upgrade(own_postgres_url)
    with closing(SqlStore(own_postgres_url)) as store:
        for harm in ("DROP POLICY of_tenant ON message", "ALTER TABLE run DISABLE ROW LEVEL SECURITY"):
            with store.engine.begin() as connection:
                connection.execute(text(harm))
        assert store.open_tables() == ["message", "run"]
        upgrade(own_postgres_url)
        assert store.open_tables() == []


def _tenants_in(connection: Connection, table: str) -> list[str]:
    """Whose rows are seen there, by a statement that does not say whose it wants."""
    of_tenant = metadata.tables[table].c["id" if table == "tenant" else "tenant_id"]
    return list(connection.scalars(select(of_tenant).distinct()))


@pytest.mark.parametrize("table", ["tenant", *WITH_TENANTS])
def test_raw_sql_without_a_tenant_sees_nothing(whole: SqlStore, mine: TenantId, table: str) -> None:
    with whole.engine.begin() as connection:
        narrow(connection)
        assert _tenants_in(connection, table) == []


def test_raw_sql_sees_the_rows_of_the_tenant_it_has_named(whole: SqlStore, mine: TenantId, theirs: TenantId) -> None:
    for tenant in (mine, theirs):
        with whole.engine.begin() as connection:
            narrow(connection, tenant=tenant)
            for table in ("tenant", "shop_revision", "customer", "audit"):
                assert _tenants_in(connection, table) == [tenant]


def test_raw_sql_changes_nothing_of_another_tenant(whole: SqlStore, mine: TenantId, theirs: TenantId) -> None:
    with whole.engine.begin() as connection:
        narrow(connection, tenant=mine)
        for harm in ("UPDATE customer SET doc = 'stolen'", "DELETE FROM shop_revision"):
            assert connection.execute(text(f"{harm} WHERE tenant_id = :them"), {"them": theirs}).rowcount == 0
            assert connection.execute(text(harm)).rowcount == 1
        assert connection.execute(text("UPDATE tenant SET catalogue_revision = 99")).rowcount == 1
    with whole.reading(theirs) as uow:
        assert (uow.customers.get(ANNA), uow.catalogue.revision) == ({}, 1)
        assert [shop.id for shop in uow.catalogue.shops.all()] == ["s1"]


@pytest.mark.parametrize("named", ["", "mine"])
def test_raw_sql_writes_no_row_into_another_tenant(
    whole: SqlStore, mine: TenantId, theirs: TenantId, named: str
) -> None:
    row = {"tenant_id": theirs, "id": "eve", "doc": {}, "created_at": NOON, "updated_at": NOON}
    with whole.engine.connect() as connection:
        narrow(connection, tenant=mine if named else "")
        with pytest.raises(DBAPIError, match="row-level security"):
            connection.execute(insert(customer), row)


def test_a_row_is_not_given_away_to_another_tenant(whole: SqlStore, mine: TenantId, theirs: TenantId) -> None:
    with whole.engine.connect() as connection:
        narrow(connection, tenant=mine)
        with pytest.raises(DBAPIError, match="row-level security"):
            connection.execute(text("UPDATE shop_revision SET tenant_id = :them, id = 's2'"), {"them": theirs})


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT value FROM secret",
        "UPDATE audit SET actor = 'nobody'",
        "DELETE FROM audit",
        "UPDATE consent_event SET source = 'nobody'",
        "DELETE FROM consent_event",
        "TRUNCATE customer",
        "ALTER TABLE customer DISABLE ROW LEVEL SECURITY",
        "DROP POLICY of_tenant ON customer",
        "CREATE TABLE loot (what text)",
    ],
)
def test_the_api_may_not(whole: SqlStore, mine: TenantId, statement: str) -> None:
    with whole.engine.connect() as connection:
        narrow(connection, tenant=mine)
        with pytest.raises(DBAPIError, match=r"permission denied|must be owner"):
            connection.execute(text(statement))


def test_a_key_is_found_before_its_tenant_is_known_and_no_other(whole: SqlStore, mine: TenantId) -> None:
    for key_id in ("one", "other"):
        with whole.engine.begin() as connection:
            key_id = f"{mine}-{key_id}"
            row = {"id": key_id, "tenant_id": mine, "name": "k", "role": "owner", "key_hash": "h", "created_at": NOON}
            connection.execute(insert(api_key), row)
    found = whole.for_api().find_key(f"{mine}-one")
    assert found is not None
    assert found.tenant_id == mine
    with whole.engine.connect() as connection:
        narrow(connection, key=f"{mine}-one")
        assert list(connection.scalars(text("SELECT id FROM api_key"))) == [f"{mine}-one"]
        assert connection.execute(text("UPDATE api_key SET role = 'operator'")).rowcount == 0


def test_the_role_and_the_tenant_end_with_the_transaction(whole: SqlStore, mine: TenantId) -> None:
    store = SqlStore(whole.engine.url.render_as_string(hide_password=False))
    with closing(store), store.for_api().writing(mine) as uow:
        first = uow.connection.scalar(text("SELECT pg_backend_pid()"))
        assert uow.connection.scalar(text("SELECT current_user")) == "nearcast_api"
        uow.commit()
        with store.reading(mine) as later:
            assert later.connection.scalar(text("SELECT pg_backend_pid()")) == first
            assert later.connection.scalar(text("SELECT current_user")) != "nearcast_api"
            assert later.connection.scalar(text("SELECT current_setting('nearcast.tenant', true)")) == ""


def test_being_narrow_costs_one_statement_for_each_transaction(whole: SqlStore, mine: TenantId) -> None:
    said: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        said.append(statement)

    event.listen(whole.engine, "before_cursor_execute", note)
    counts = []
    for store in (whole, whole.for_api()):
        said.clear()
        with store.writing(mine) as uow:
            uow.catalogue.shops.put("s2", {}, NOON)
            uow.customers.get(ANNA)
            uow.commit()
        counts.append(len(said))
    event.remove(whole.engine, "before_cursor_execute", note)
    assert counts[1] == counts[0] + 1


def test_a_worker_sees_every_tenant(whole: SqlStore, mine: TenantId, theirs: TenantId) -> None:
    with whole.engine.connect() as connection:
        assert set(connection.scalars(text("SELECT tenant_id FROM customer"))) >= {mine, theirs}
        assert open_tables(connection) == []


def test_the_policies_let_the_database_use_the_indexes(whole: SqlStore, mine: TenantId) -> None:
    with whole.engine.connect() as connection:
        narrow(connection, tenant=mine)
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        asked = "EXPLAIN SELECT * FROM shop_revision WHERE tenant_id = :mine AND id = 's1'"
        plan = list(connection.scalars(text(asked), {"mine": mine}))
    assert any("Index Cond" in line and "'s1'" in line for line in plan), plan


def test_a_login_that_may_not_make_roles_is_told_what_to_do(own_postgres_url: str) -> None:
    name = own_postgres_url.rpartition("/")[2]
    owner, role = f"owner_{name}", f"api_{name}"
    admin = own_postgres_url.replace("+psycopg", "")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {owner} LOGIN PASSWORD 'p' NOCREATEROLE")
        connection.execute(f"GRANT ALL ON SCHEMA public TO {owner}")
        connection.execute("ALTER ROLE nearcast_api RENAME TO " + role)
    try:
        own = make_url(own_postgres_url).set(username=owner, password="p")  # noqa: S106
        url = own.render_as_string(hide_password=False)
        with pytest.raises(NearcastError, match=f"CREATE ROLE nearcast_api NOLOGIN; GRANT nearcast_api TO {owner}"):
            upgrade(url)
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(f"ALTER ROLE {role} RENAME TO nearcast_api")
            connection.execute(f"GRANT nearcast_api TO {owner}")
        upgrade(url)
        with closing(SqlStore(url)) as store:
            assert store.open_tables() == []
            mine, theirs = _furnished(store), _furnished(store)
            with store.for_api().reading(mine) as uow:
                assert list(uow.connection.scalars(text("SELECT tenant_id FROM customer"))) == [mine]
            with store.reading(mine) as uow:
                assert set(uow.connection.scalars(text("SELECT tenant_id FROM customer"))) == {mine, theirs}
    finally:
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(f"REASSIGN OWNED BY {owner} TO current_user")
            connection.execute(f"DROP OWNED BY {owner}")
            connection.execute(f"DROP ROLE {owner}")
