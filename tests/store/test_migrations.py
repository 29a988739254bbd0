"""The chain of migrations makes the tables that the code works with, on both databases."""

import json
import re
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import TableClause, column, create_engine, make_url, table, text

from nearcast.domain.consent import LOCATION
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.domain.ping import Fix
from nearcast.domain.position import Position
from nearcast.domain.track import Track
from nearcast.domain.walk import Stance
from nearcast.store.all_tables import metadata
from nearcast.store.engine import make_engine
from nearcast.store.migrate import current_revision, head_revision, migrations_folder, upgrade
from nearcast.store.pings import partition_of
from nearcast.store.sql_store import SqlStore
from nearcast.store.tables import tenant as tenant_table
from nearcast.store.tables import track as track_table
from nearcast.store.track_codec import track_to_json
from nearcast.store.types import UtcDateTime
from tests.sealing import CONTACTS
from tests.store.values import ANNA, BOB, NOON, later

COLUMNS = """
    SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
           pg_get_expr(d.adbin, d.adrelid), (SELECT collname FROM pg_collation WHERE oid = a.attcollation)
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0
"""
CONSTRAINTS = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
"""
INDEXES = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
NUMBER = "+4915112345678"
NOT_OURS = ("alembic_version", "spatial_ref_sys")


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_urls(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    """Two empty databases."""
    if request.param == "sqlite":
        return [f"sqlite:///{tmp_path / name}.db" for name in ("migrated", "created")]
    server = make_url(request.getfixturevalue("postgres_url"))
    names = [f"empty_{uuid4().hex}" for _ in range(2)]
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        for name in names:
            connection.execute(text(f"CREATE DATABASE {name}"))
    admin.dispose()
    return [server.set(database=name).render_as_string(hide_password=False) for name in names]


def catalogue(url: str) -> set[tuple[object, ...]]:
    """Everything the database says of its tables, its columns in whatever order."""
    engine = make_engine(url)
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            found = {tuple(row) for query in (COLUMNS, CONSTRAINTS, INDEXES) for row in connection.execute(text(query))}
        else:
            rows = connection.execute(text("SELECT tbl_name, name, sql FROM sqlite_master")).all()
            found = {(table, name, part.strip()) for table, name, sql in rows for part in _parts(sql)}
    engine.dispose()
    return {row for row in found if row[0] not in NOT_OURS}


def _parts(sql: str | None) -> list[str]:
    """Columns that were added later stand on one line."""
    said = (sql or "").replace('"', "")  # around the name of a table that was altered by copying it
    return [re.sub(r"\s+", " ", part).strip(" ,") for part in re.split(r"\n|, (?![^(]*\))", said)]


def test_the_migrations_make_what_the_code_expects(empty_urls: list[str]) -> None:
    migrated, created = empty_urls
    assert upgrade(migrated) is None
    engine = make_engine(created)
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("CREATE EXTENSION postgis"))
        metadata.create_all(connection)
    engine.dispose()
    made = catalogue(migrated)
    assert made == catalogue(created)
    assert {row[0] for row in made} >= set(metadata.tables)


def test_an_upgrade_that_is_not_needed_changes_nothing(empty_urls: list[str]) -> None:
    url = empty_urls[0]
    assert current_revision(url) is None
    upgrade(url)
    before = catalogue(url)
    assert upgrade(url) == current_revision(url) == head_revision()
    assert catalogue(url) == before


def test_tracks_written_before_they_had_stances_are_read_on(empty_urls: list[str]) -> None:
    url, tenant = empty_urls[0], TenantId("t1")
    fixes = tuple(Fix(at=later(60 * minute), position=Position(52.52, 13.405)) for minute in range(3))
    track = Track(
        tenant_id=tenant,
        customer_id=ANNA,
        fixes=fixes[1:],
        before=Stance(last=fixes[0]),
        stance=Stance(last=fixes[2]),
    )
    doc = {key: value for key, value in track_to_json(track).items() if key != "stance"}
    upgrade(url, "0002")
    engine = make_engine(url)
    with engine.begin() as connection:
        connection.execute(tenant_table.insert().values(id=tenant, catalogue_revision=0, created_at=NOON))
        old = {**doc, "before": doc["before"]["last"]}
        connection.execute(track_table.insert().values(tenant_id=tenant, customer_id=ANNA, doc=old))
    engine.dispose()
    upgrade(url)
    with closing(SqlStore(url)) as store, store.reading(tenant) as uow:
        assert uow.tracks.load([ANNA])[ANNA].track == track


OLD_LINE = {
    "tenant_id": "t1",
    "purpose": LOCATION,
    "sender": "t1",
    "at": NOON,
    "recorded_at": later(1),
    "source": "app",
}


def old_table(name: str, columns: str, instants: str) -> TableClause:
    """A table as a migration left it."""
    return table(name, *map(column, columns.split()), *(column(each, UtcDateTime) for each in instants.split()))


def test_what_customers_had_agreed_to_is_known_by_their_subjects(empty_urls: list[str]) -> None:
    url, tenant = empty_urls[0], TenantId("t1")
    upgrade(url, "0003")
    engine = make_engine(url)
    with engine.begin() as connection:
        connection.execute(tenant_table.insert().values(id=tenant, catalogue_revision=0, created_at=NOON))
        connection.execute(
            old_table("customer", "tenant_id id doc", "created_at updated_at").insert(),
            [
                {"tenant_id": tenant, "id": key, "doc": "{}", "created_at": NOON, "updated_at": NOON}
                for key in (ANNA, BOB)
            ],
        )
        columns = "tenant_id event_id customer_id purpose sender action source"
        connection.execute(
            old_table("consent_event", columns, "at recorded_at").insert(),
            [
                {**OLD_LINE, "event_id": "e2", "customer_id": ANNA, "action": "granted"},
                {**OLD_LINE, "event_id": "e1", "customer_id": ANNA, "action": "withdrawn"},
                {**OLD_LINE, "event_id": "e3", "customer_id": BOB, "action": "granted"},
            ],
        )
    engine.dispose()
    upgrade(url)
    with closing(SqlStore(url)) as store, store.reading(tenant) as uow:
        assert [(line.event.event_id, line.recorded_at, line.source) for line in uow.consents.lines(ANNA)] == [
            ("e2", later(1), "app"),
            ("e1", later(1), "app"),
        ]
        assert [event.event_id for event in uow.consents.of([BOB])[BOB]] == ["e3"]
        subjects = uow.customers.subjects([ANNA, BOB, CustomerId("nobody")])
    assert subjects.keys() == {ANNA, BOB}
    assert all(re.fullmatch("[0-9a-f]{32}", subject) for subject in subjects.values())
    assert len(set(subjects.values())) == 2


def test_addresses_that_stood_in_documents_are_sealed(empty_urls: list[str]) -> None:
    url, tenant = empty_urls[0], TenantId("t1")
    said = {"tags": ["vip"], "contacts": [{"channel": "sms", "address": NUMBER}, {"channel": "email", "address": ""}]}
    times = {"created_at": NOON, "updated_at": NOON}
    upgrade(url, "0012")
    engine = make_engine(url)
    with engine.begin() as connection:
        connection.execute(tenant_table.insert().values(id=tenant, catalogue_revision=0, created_at=NOON))
        connection.execute(
            old_table("customer", "tenant_id id subject doc", "created_at updated_at").insert(),
            [
                {"tenant_id": tenant, "id": key, "subject": key, "doc": json.dumps(doc)} | times
                for key, doc in ((ANNA, said), (BOB, {"tags": []}))
            ],
        )
    engine.dispose()
    upgrade(url)
    with closing(SqlStore(url)) as store:
        assert store.tenants_with_bare_contacts()
        CONTACTS.seal_unsealed(store)
        assert not store.tenants_with_bare_contacts()
        with store.reading(tenant) as uow:
            assert uow.customers.documents([ANNA, BOB]) == {ANNA: {"tags": ["vip"]}, BOB: {"tags": []}}
            assert CONTACTS.read(uow, tenant, [ANNA, BOB]) == {ANNA: [{"channel": "sms", "address": NUMBER}]}
            assert NUMBER not in str(uow.contacts.of([ANNA]))


def test_the_chain_has_one_head_and_no_branches() -> None:
    scripts = ScriptDirectory(str(migrations_folder()))
    assert len(scripts.get_heads()) == 1
    assert [script.revision for script in scripts.walk_revisions()][::-1] == [
        f"{number:04}" for number in range(1, len(list(scripts.walk_revisions())) + 1)
    ]


def test_the_ground_has_a_spatial_index_on_postgresql(postgres_url: str) -> None:
    upgrade(postgres_url)
    assert any("USING gist (geom)" in str(row[2]) for row in catalogue(postgres_url))


def test_only_two_files_ask_which_database_it_is() -> None:
    folder = Path(__file__).parents[2] / "src" / "nearcast" / "store"
    assert {file.name for file in folder.glob("*.py") if "dialect.name" in file.read_text(encoding="utf-8")} == {
        "dialect.py",
        "types.py",
    }


def test_pings_that_stood_in_rows_of_their_own_are_read_on_from_where_workers_were(empty_urls: list[str]):
    url = empty_urls[0]
    upgrade(url, "0016")
    names = ("tenant_id", "partition", "seq", "customer_id", "recorded_at_us", "received_at_us", "lat_deg", "lon_deg")
    old = table("ping_log", *map(column, (*names, "accuracy_m", "ping_id")))
    position = table("log_position", *map(column, ("tenant_id", "partition", "head", "position")))
    partition = partition_of(ANNA)
    engine = make_engine(url)
    with engine.begin() as connection:
        for seq in (2, 3, 4, 5):  # the first one is pruned
            key = {"tenant_id": "t1", "partition": partition, "seq": seq, "customer_id": ANNA, "ping_id": f"p{seq}"}
            at = {"recorded_at_us": 10**15 + seq, "received_at_us": 10**15 + seq, "lat_deg": seq / 10, "lon_deg": 7.0}
            connection.execute(old.insert().values(**key, **at, accuracy_m=None if seq == 4 else 5.0))
        connection.execute(position.insert().values(tenant_id="t1", partition=partition, head=5, position=2))
    engine.dispose()
    upgrade(url)
    with closing(SqlStore(url)) as store, store.reading(TenantId("t1")) as uow:
        kept = uow.pings.of(ANNA)
        found = uow.pings.read([partition], limit=9)
    assert [(each["ping_id"], each["lat"], each["accuracy_m"]) for each in kept] == [
        ("p2", 0.2, 5.0),
        ("p3", 0.3, 5.0),
        ("p4", 0.4, None),
        ("p5", 0.5, 5.0),
    ]
    assert found.batch.ping_id.tolist() == ["p3", "p4", "p5"]
