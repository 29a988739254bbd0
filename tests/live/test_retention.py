"""What is only passing through goes when it has been kept for long enough."""

from datetime import timedelta
from typing import Any

from nearcast.domain.ids import TenantId
from nearcast.services.intake import Intake
from nearcast.services.live import Live
from nearcast.services.retention import Keep, Retention
from nearcast.store.sql_store import SqlStore
from tests.live.corner import NOON, Heard, names, open_corner, seen

A_BIT = timedelta(microseconds=1)
HOUR = timedelta(hours=1)


def passed_through(store: SqlStore, tenant: str = "t1", settings: dict[str, Any] | None = None) -> TenantId:
    """Two pings of noon, the second not consumed, and a request."""
    tenant_id = open_corner(store, customers=names(1), tenant=tenant, settings=settings)
    intake = Intake(store, lambda: None)
    intake.accept(tenant_id, seen(names(1), NOON, ping_id=["a"]), NOON)
    Live(store, tenant_id, Heard()).work_pings(NOON)
    intake.accept(tenant_id, seen(names(1), NOON, ping_id=["b"]), NOON)
    with store.writing(tenant_id) as uow:
        uow.idempotency.begin("key", route="POST /v1/pings", body_sha256="0", now=NOON)
        uow.commit()
    return tenant_id


def test_each_kind_is_kept_for_its_time_and_no_longer(store: SqlStore) -> None:
    tenant, retention = passed_through(store), Retention(store)
    nothing = {"pings": 0, "ping_ids": 0, "idempotency_keys": 0}
    assert retention.prune(tenant, NOON + 24 * HOUR) == nothing
    assert retention.prune(tenant, NOON + 24 * HOUR + A_BIT) == {"pings": 1, "ping_ids": 0, "idempotency_keys": 1}
    assert retention.prune(tenant, NOON + 48 * HOUR) == nothing
    assert retention.prune(tenant, NOON + 48 * HOUR + A_BIT) == {"pings": 0, "ping_ids": 1, "idempotency_keys": 0}


def test_a_ping_that_nobody_has_consumed_stays(store: SqlStore) -> None:
    tenant = passed_through(store)
    Retention(store).prune(tenant, NOON + 1000 * HOUR)
    assert Live(store, tenant, Heard()).work_pings(NOON + 1000 * HOUR) == 1


def test_ids_are_kept_for_as_long_as_a_late_ping_may_come(store: SqlStore) -> None:
    settings = {"presence": {"profile": "raw", "lateness_s": 100 * 3600}}
    tenant = passed_through(store, settings=settings)
    assert Retention(store).prune(tenant, NOON + 100 * HOUR)["ping_ids"] == 0
    assert Retention(store).prune(tenant, NOON + 100 * HOUR + A_BIT)["ping_ids"] == 1


def test_much_goes_in_portions_and_all_of_it(store: SqlStore) -> None:
    tenant = open_corner(store, customers=names(1))
    pings = seen([names(1)[0]] * 12_000, NOON, ping_id=[str(n) for n in range(12_000)])
    Intake(store, lambda: None).accept(tenant, pings, NOON)
    Live(store, tenant, Heard()).work_pings(NOON)
    gone = Retention(store).prune(tenant, NOON + 1000 * HOUR)
    assert gone == {"pings": 12_000, "ping_ids": 12_000, "idempotency_keys": 0}


def test_how_long_can_be_said_and_other_tenants_keep_theirs(store: SqlStore) -> None:
    ours, theirs = passed_through(store), passed_through(store, "t2")
    short = Retention(store, Keep(pings=HOUR, ping_ids=HOUR, idempotency_keys=HOUR))
    everything = {"pings": 1, "ping_ids": 1, "idempotency_keys": 1}
    assert short.prune(ours, NOON + 2 * HOUR) == everything
    assert short.prune(theirs, NOON + 2 * HOUR) == everything
