"""The ping log: durable, in order within a partition, consumed once."""

from threading import Thread

from nearcast.domain.ids import CustomerId, TenantId
from nearcast.services.ingest import as_instant
from nearcast.store.pings import partition_of
from nearcast.store.sql_store import SqlStore
from nearcast.store.tables import PARTITIONS
from tests.store.values import ANNA, NOON, at_once, later, pings

HOME = partition_of("anna")


def append(store: SqlStore, tenant: TenantId, *customer_ids: str, first: int = 0) -> None:
    with store.writing(tenant) as uow:
        uow.pings.append(pings(*customer_ids, first=first))
        uow.commit()


def test_the_partition_of_a_customer_never_changes() -> None:
    assert [partition_of(key) for key in ("anna", "bob", "cust-0001", "ä", "")] == [7, 0, 7, 3, 0]
    assert {partition_of(f"cust-{n}") for n in range(500)} == set(range(PARTITIONS))


def test_pings_are_read_in_order_from_a_position(store: SqlStore, tenant: TenantId) -> None:
    append(store, tenant, "anna", "bob", "anna", "anna")
    append(store, tenant, "anna", first=4)
    with store.writing(tenant) as uow:
        assert uow.pings.waiting() == {HOME: 4, partition_of("bob"): 1}
        some = uow.pings.read(HOME, limit=3)
        assert [at % 10**7 // 10**6 for at in some.batch.recorded_at_us.tolist()] == [0, 2, 3]
        assert uow.pings.set_position(HOME, after=0, until=some.until)
        rest = uow.pings.read(HOME, limit=3)
        assert (some.until, rest.until, len(rest.batch)) == (3, 4, 1)
        uow.commit()
    with store.writing(tenant) as uow:
        assert uow.pings.position(HOME) == 3
        assert not uow.pings.set_position(HOME, after=0, until=4)
        assert uow.pings.set_position(HOME, after=3, until=4)
        nothing = uow.pings.read(HOME, limit=3)
        assert (len(nothing.batch), nothing.until) == (0, 4)
        assert HOME not in uow.pings.waiting()


def test_an_empty_request_leaves_nothing(store: SqlStore, tenant: TenantId) -> None:
    append(store, tenant)
    with store.reading(tenant) as uow:
        assert uow.pings.waiting() == {}
        assert uow.pings.position(HOME) == 0
        assert len(uow.pings.read(HOME, limit=5).batch) == 0


def test_a_reader_never_passes_a_ping_that_is_still_to_be_committed(store: SqlStore, tenant: TenantId) -> None:
    append(store, tenant, "anna")
    with store.writing(tenant) as uow:
        uow.pings.append(pings("anna", first=1))
        second = Thread(target=append, args=(store, tenant, "anna"), kwargs={"first": 2})
        second.start()
        second.join(0.2)
        assert second.is_alive()
        with store.reading(tenant) as reader:
            assert reader.pings.read(HOME, limit=9).until == 1
        uow.commit()
    second.join(10)
    with store.reading(tenant) as reader:
        found = reader.pings.read(HOME, limit=9)
    assert found.until == 3
    assert (found.batch.recorded_at_us // 10**6 % 10).tolist() == [0, 1, 2]


def test_requests_at_once_lose_nothing(store: SqlStore, tenant: TenantId) -> None:
    customers = [f"cust-{n}" for n in range(40)]

    def post(n: int) -> None:
        append(store, tenant, *(customers[n:] + customers[:n]), first=n)

    at_once([lambda n=n: post(n) for n in range(4)])  # type: ignore[misc]
    with store.reading(tenant) as uow:
        slices = [uow.pings.read(partition, limit=1000) for partition in range(PARTITIONS)]
    assert sum(len(found.batch) for found in slices) == 160
    assert all(found.until == len(found.batch) for found in slices)


def test_consumed_pings_are_pruned_and_no_others(store: SqlStore, tenant: TenantId) -> None:
    append(store, tenant, "anna", "anna", "anna", "bob")
    received_us = pings("anna", "anna", "anna").received_at_us.tolist()
    with store.writing(tenant) as uow:
        uow.pings.set_position(HOME, after=0, until=2)
        assert uow.pings.prune(as_instant(received_us[1])) == 1
        assert uow.pings.prune(as_instant(received_us[2] + 1)) == 1
        assert len(uow.pings.read(HOME, limit=9).batch) == 1
        assert uow.pings.waiting() == {HOME: 1, partition_of("bob"): 1}


def test_ping_ids_are_remembered_by_customer_and_device(store: SqlStore, tenant: TenantId) -> None:
    bob = CustomerId("bob")
    with store.writing(tenant) as uow:
        uow.pings.remember([(ANNA, None, "1"), (ANNA, "phone", "2")], NOON)
        uow.pings.remember([(ANNA, None, "1")], later(5))
        uow.commit()
    with store.writing(tenant) as uow:
        asked = [(ANNA, None, "1"), (ANNA, "phone", "1"), (ANNA, "phone", "2"), (ANNA, None, "2"), (bob, None, "1")]
        assert uow.pings.seen(asked) == {(ANNA, None, "1"), (ANNA, "phone", "2")}
        assert uow.pings.prune_seen(NOON) == 0
        assert uow.pings.prune_seen(later(1)) == 2
        assert uow.pings.seen(asked) == set()
