"""Many rows in one statement, the same on both databases."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select

from nearcast.domain.ids import TenantId
from nearcast.store.dialect import insert_all, update_all, upsert
from nearcast.store.sql_store import SqlStore
from nearcast.store.tables import counter, match_log, transition
from tests.store.values import new_tenant

NOON = datetime(2026, 6, 2, 12, tzinfo=UTC)


def _row(tenant: TenantId, n: int) -> dict[str, Any]:
    return {
        "tenant_id": tenant,
        "visit_id": f"v{n}",
        "kind": "exit",
        "customer_id": 'Zoë "☕" \\ \n',
        "geofence_id": "f",
        "at": NOON + timedelta(microseconds=n),
        "decided_at": NOON.astimezone() if n else None,
        "initial": bool(n % 2),
        "inferred": False,
        "reason": None,
        "duration_s": 0.1 + n,
        "geofence_revision": 2**31 - 1,
    }


@pytest.fixture
def stranger(store: SqlStore) -> TenantId:
    return new_tenant(store)


@pytest.fixture
def connection(store: SqlStore, tenant: TenantId) -> Any:
    with store.engine.begin() as connection:
        yield connection


def _kept(connection: Connection, tenant: TenantId) -> list[dict[str, Any]]:
    mine = select(transition).where(transition.c.tenant_id == tenant).order_by(transition.c.at)
    return [dict(row._mapping) for row in connection.execute(mine)]


def test_rows_are_read_as_they_were_written(connection: Connection, tenant: TenantId) -> None:
    rows = [_row(tenant, n) for n in range(3)]
    insert_all(connection, transition, rows)
    together = _kept(connection, tenant)
    connection.execute(transition.delete().where(transition.c.tenant_id == tenant))
    connection.execute(insert(transition), rows)
    assert together == _kept(connection, tenant)
    assert [row["duration_s"] for row in together] == [0.1, 1.1, 2.1]


def test_rows_are_numbered_in_their_order(connection: Connection, tenant: TenantId) -> None:
    ids = [f"{n * 7919 % 1000:04}" for n in range(1000)]
    same: dict[str, Any] = {
        "tenant_id": tenant, "customer_id": "c", "campaign_id": "k", "geofence_id": None, "shop_id": "s",
        "trigger": "enter", "at": NOON, "decided_at": NOON, "outcome": "suppress", "reason": None, "reasons": [],
        "detail": {"zone": {"until": NOON}}, "not_before": None, "expires_at": NOON, "tz_used": "UTC",
        "tz_source": "tenant_default", "would_have_sent": False, "winner_campaign_id": None, "message_id": None,
    }  # fmt: skip
    insert_all(connection, match_log, [{**same, "decision_id": key} for key in ids])
    mine = select(match_log).where(match_log.c.tenant_id == tenant).order_by(match_log.c.seq)
    rows = connection.execute(mine).all()
    assert [row.decision_id for row in rows] == ids
    assert rows[0].detail == {"zone": {"until": "2026-06-02T12:00:00Z"}}


def test_what_is_there_is_overwritten_kept_or_added_to(connection: Connection, tenant: TenantId) -> None:
    key = {"tenant_id": tenant, "name": "n", "reason": "r"}
    for count in (2, 3):
        upsert(connection, counter, [{**key, "count": count}], add_up=["count"])
    assert connection.scalar(select(counter.c.count).where(counter.c.tenant_id == tenant)) == 5
    upsert(connection, counter, [{**key, "count": 9}], keep=["count"])
    assert connection.scalar(select(counter.c.count).where(counter.c.tenant_id == tenant)) == 5
    upsert(connection, counter, [{**key, "count": 1}])
    assert connection.scalar(select(counter.c.count).where(counter.c.tenant_id == tenant)) == 1


def test_each_row_that_is_named_is_changed_and_no_other(
    stranger: TenantId, connection: Connection, tenant: TenantId
) -> None:
    before = [_row(tenant, n) for n in range(4)]
    insert_all(connection, transition, [*before, _row(stranger, 1)])
    reasons = {"v1": "gap \u2013 \u2615", "v2": None, "v9": "nobody's"}
    changed = {
        key: {"tenant_id": tenant, "visit_id": key, "reason": said, "at": NOON + timedelta(days=n), "decided_at": None}
        for n, (key, said) in enumerate(reasons.items(), 1)
    }
    update_all(connection, transition, list(changed.values()), by=("tenant_id", "visit_id"))
    by_id = {row["visit_id"]: row for row in _kept(connection, tenant)}
    assert by_id == {row["visit_id"]: {**row, **changed.get(row["visit_id"], {})} for row in before}
    assert [row["reason"] for row in _kept(connection, stranger)] == [None]


def test_no_rows_are_nothing(connection: Connection, tenant: TenantId) -> None:
    insert_all(connection, transition, [])
    upsert(connection, transition, [])
    update_all(connection, transition, [], by=("tenant_id",))
    assert _kept(connection, tenant) == []
