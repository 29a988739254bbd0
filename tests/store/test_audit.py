"""The audit trail: who did what, found again by whoever asks, and out of reach of whoever would change it."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from nearcast.domain.ids import TenantId
from nearcast.services.audit_ports import COMMAND_LINE, SYSTEM, Actor, AuditEntry, AuditFilter
from nearcast.services.auditing import edit_entry
from nearcast.store.sql_store import SqlStore
from tests.store.values import NOON, later, new_tenant

KEY = Actor("6d1f0c9a2b3e4d5f", "owner")
CREATED = edit_entry(KEY, "shop", "cafe", NOON, before=None, after={"name": "Café", "lat": 52.5})
CHANGED = edit_entry(COMMAND_LINE, "shop", "cafe", later(60), before={"name": "Café"}, after={"name": "Bar"})
EXPORTED = AuditEntry(actor=KEY, action="exported", kind="customer", id="9f", at=later(120), detail={"format": "json"})
DENIED = AuditEntry(actor=SYSTEM, action="denied", kind="shop", id="bar", at=later(180))
ALL = [CREATED, CHANGED, EXPORTED, DENIED]


@pytest.fixture
def written(store: SqlStore, tenant: TenantId) -> TenantId:
    with store.writing(tenant) as uow:
        uow.audit.append(*ALL)
        uow.commit()
    return tenant


def _asked(store: SqlStore, tenant: TenantId, **wanted: object) -> list[AuditEntry]:
    with store.reading(tenant) as uow:
        return uow.audit.page(AuditFilter(**wanted)).items  # type: ignore[arg-type]


def test_entries_are_read_as_they_were_written_the_last_first(store: SqlStore, written: TenantId) -> None:
    assert _asked(store, written) == ALL[::-1]
    assert _asked(store, new_tenant(store)) == []


def test_an_edit_is_told_by_the_fingerprints_of_what_stood_before_and_after() -> None:
    assert (CREATED.action, CREATED.before_sha256) == ("created", None)
    assert CHANGED.action == "changed"
    assert CHANGED.before_sha256 != CHANGED.after_sha256
    gone = edit_entry(KEY, "shop", "cafe", NOON, before={"lat": 52.5, "name": "Café"}, after=None)
    assert (gone.action, gone.before_sha256, gone.after_sha256) == ("deleted", CREATED.after_sha256, None)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"actor": KEY.name}, [EXPORTED, CREATED]),
        ({"kind": "shop"}, [DENIED, CHANGED, CREATED]),
        ({"kind": "shop", "id": "cafe"}, [CHANGED, CREATED]),
        ({"since": later(60), "until": later(180)}, [EXPORTED, CHANGED]),
        ({"kind": "tenant"}, []),
    ],
)
def test_each_filter_takes_its_own(
    store: SqlStore, written: TenantId, wanted: dict[str, object], found: list[AuditEntry]
) -> None:
    assert _asked(store, written, **wanted) == found


def test_pages_follow_each_other_whatever_is_written_meanwhile(store: SqlStore, written: TenantId) -> None:
    found, cursor = [], None
    while True:
        with store.writing(written) as uow:
            page = uow.audit.page(cursor=cursor, limit=1)
            uow.audit.append(DENIED)
            uow.commit()
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == ALL[::-1]


def test_an_entry_goes_with_the_change_that_was_not_kept(store: SqlStore, tenant: TenantId) -> None:
    with store.writing(tenant) as uow:
        uow.audit.append(CREATED)
    assert _asked(store, tenant) == []


@pytest.mark.parametrize(
    "statement", ["UPDATE audit SET actor = 'nobody'", "DELETE FROM audit", "DELETE FROM audit WHERE seq = 1"]
)
def test_no_entry_is_changed_or_taken_out(store: SqlStore, written: TenantId, statement: str) -> None:
    with store.engine.begin() as connection:
        seq = connection.execute(text("SELECT min(seq) FROM audit")).scalar_one()
        with pytest.raises(DatabaseError, match="insert-only"), connection.begin_nested():
            connection.execute(text(statement.replace("seq = 1", f"seq = {seq}")))
    assert _asked(store, written) == ALL[::-1]


def test_the_trail_is_not_emptied_at_one_stroke(postgres_url: str, tenant_on_postgres: TenantId) -> None:
    store = SqlStore(postgres_url)
    with pytest.raises(DatabaseError, match="insert-only"), store.engine.begin() as connection:
        connection.execute(text("TRUNCATE audit"))
    store.close()
