"""Runs, keys, repeated requests and counters."""

from nearcast.domain.campaign import CampaignState
from nearcast.domain.ids import CampaignId, ShopId, TenantId
from nearcast.services.key_ports import ApiKey
from nearcast.services.ports import Remembered, Run, RunStatus
from nearcast.store.sql_store import SqlStore
from tests.store.values import NOON, at_once, later, new_tenant

LUNCH = CampaignId("lunch")


def test_a_due_instant_is_dealt_with_once(store: SqlStore, tenant: TenantId) -> None:
    def deal(n: int) -> bool:
        with store.writing(tenant) as uow:
            is_ours = uow.runs.insert(LUNCH, NOON, status=RunStatus.DONE, at=later(n))
            uow.commit()
        return is_ours

    assert sorted(at_once([lambda n=n: deal(n) for n in range(4)])) == [False, False, False, True]  # type: ignore[misc]
    with store.reading(tenant) as uow:
        assert len(uow.runs.all()) == 1


def test_a_run_that_came_to_nothing_can_be_dealt_with_again(store: SqlStore, tenant: TenantId) -> None:
    with store.writing(tenant) as uow:
        assert uow.runs.insert(LUNCH, NOON, status=RunStatus.DONE, at=NOON)
    with store.writing(tenant) as uow:
        assert uow.runs.insert(LUNCH, NOON, status=RunStatus.DONE, at=NOON)


def test_runs_are_listed_with_their_entries(store: SqlStore, tenant: TenantId) -> None:
    other = CampaignId("breakfast")
    with store.writing(tenant) as uow:
        for key in (LUNCH, other, LUNCH):
            uow.catalogue.campaigns.put_campaign(key, {"id": key}, NOON, state=CampaignState.ACTIVE)
        uow.runs.insert(LUNCH, later(60), status=RunStatus.DONE, at=later(61))
        uow.runs.add_entries(LUNCH, later(60), 5)
        uow.runs.add_entries(LUNCH, later(60), 7)
        uow.runs.insert(LUNCH, NOON, status=RunStatus.MISSED, at=later(61))
        uow.runs.insert(other, NOON, status=RunStatus.DONE, at=later(61), entries=3)
        uow.commit()
    with store.reading(tenant) as uow:
        missed = Run(campaign_id=LUNCH, due_at=NOON, status=RunStatus.MISSED, entries=0, at=later(61))
        done = Run(campaign_id=LUNCH, due_at=later(60), status=RunStatus.DONE, entries=12, at=later(61))
        assert uow.runs.all(LUNCH) == [missed, done]
        assert [run.campaign_id for run in uow.runs.all()] == [other, LUNCH, LUNCH]
        assert uow.runs.newest() == {LUNCH: later(60), other: NOON}


def test_a_key_is_found_before_its_tenant_is_known(store: SqlStore, tenant: TenantId) -> None:
    key = ApiKey(
        id=f"key-{tenant}",
        tenant_id=tenant,
        name="till",
        role="owner",
        key_hash="$scrypt$…",
        shop_ids=(ShopId("s1"),),
        created_at=NOON,
    )
    with store.writing(tenant) as uow:
        uow.keys.insert(key)
        uow.commit()
    assert store.find_key(key.id) == key
    assert store.find_key("nobody") is None
    with store.writing(new_tenant(store)) as uow:
        assert uow.keys.all() == []
        assert not uow.keys.revoke(key.id, later(1))
    with store.writing(tenant) as uow:
        assert uow.keys.all() == [key]
        assert uow.keys.revoke(key.id, later(1))
        assert not uow.keys.revoke(key.id, later(2))
        uow.commit()
    found = store.find_key(key.id)
    assert found is not None
    assert found.revoked_at == later(1)


def test_a_request_that_comes_twice_gets_the_first_answer(store: SqlStore, tenant: TenantId) -> None:
    running = Remembered(route="POST /v1/shops", body_sha256="ab", status=None, response=None, created_at=NOON)
    with store.writing(tenant) as uow:
        assert uow.idempotency.begin("k1", route="POST /v1/shops", body_sha256="ab", now=NOON) is None
        assert uow.idempotency.begin("k1", route="POST /v1/shops", body_sha256="cd", now=later(1)) == running
        assert not uow.idempotency.finish("k1", taken_at=later(1), status=201, response="another's")
        assert uow.idempotency.finish("k1", taken_at=NOON, status=201, response="sealed")
        assert not uow.idempotency.finish("k1", taken_at=NOON, status=201, response="sealed again")
        uow.idempotency.forget("k1", taken_at=NOON)
        uow.commit()
    with store.writing(tenant) as uow:
        answered = uow.idempotency.begin("k1", route="POST /v1/shops", body_sha256="ab", now=later(1))
        assert answered is not None
        assert (answered.status, answered.response) == (201, "sealed")
        uow.idempotency.begin("k2", route="POST /v1/shops", body_sha256="ab", now=later(5))
        uow.idempotency.forget("k2", taken_at=later(4))
        assert uow.idempotency.get("k2") is not None
        uow.idempotency.forget("k2", taken_at=later(5))
        assert uow.idempotency.get("k2") is None
        assert uow.idempotency.prune(NOON, limit=9) == 0
        assert uow.idempotency.prune(later(1), limit=9) == 1


def test_counts_add_up_whoever_counts(store: SqlStore, tenant: TenantId) -> None:
    def count() -> None:
        with store.writing(tenant) as uow:
            uow.counters.add("refused", {"duplicate_ping": 2, "ping_stale": 1, "never": 0})
            uow.commit()

    at_once([count] * 4)
    with store.writing(tenant) as uow:
        uow.counters.add("refused", {})
        uow.counters.add("kept", {"ping_stale": 5})
        assert uow.counters.get("refused") == {"duplicate_ping": 8, "ping_stale": 4}
        assert uow.counters.get("kept") == {"ping_stale": 5}
        assert uow.counters.get("other") == {}
