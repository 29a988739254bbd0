"""The ping log: durable, in order within a partition, consumed once."""

from collections.abc import Mapping
from threading import Thread

import numpy as np

from nearcast.domain.ids import CustomerId, TenantId
from nearcast.services.instants import as_instant
from nearcast.store.partitions import tokens_of
from nearcast.store.pings import partition_of
from nearcast.store.sql_store import SqlStore
from nearcast.store.tables import PARTITIONS
from nearcast.store.unit_of_work import SqlUnitOfWork
from tests.store.values import ANNA, NOON, at_once, later, pings

HOME = partition_of("anna")


def append(store: SqlStore, tenant: TenantId, *customer_ids: str, first: int = 0) -> None:
    with store.writing(tenant) as uow:
        uow.pings.append(pings(*customer_ids, first=first))
        uow.commit()


def move(uow: SqlUnitOfWork, moves: Mapping[int, tuple[int, int]]) -> bool:
    return uow.pings.move(moves, tokens_of(uow.connection, moves))


def test_the_partition_of_a_customer_never_changes() -> None:
    assert [partition_of(key) for key in ("anna", "bob", "cust-0001", "ä", "")] == [7, 0, 7, 3, 0]
    assert {partition_of(f"cust-{n}") for n in range(500)} == set(range(PARTITIONS))


def test_pings_are_read_in_order_from_a_position(store: SqlStore, tenant: TenantId) -> None:
    append(store, tenant, "anna", "bob", "anna", "anna")
    append(store, tenant, "anna", first=4)
    with store.writing(tenant) as uow:
        assert uow.pings.waiting() == {HOME: 4, partition_of("bob"): 1}
        some = uow.pings.read([HOME], limit=3)
        assert [at % 10**7 // 10**6 for at in some.batch.recorded_at_us.tolist()] == [0, 2, 3]
        assert some.moves == {HOME: (0, 3)}
        assert move(uow, some.moves)
        rest = uow.pings.read([HOME], limit=3)
        assert (rest.moves, len(rest.batch)) == ({HOME: (3, 4)}, 1)
        uow.commit()
    with store.writing(tenant) as uow:
        assert not move(uow, some.moves)
        assert move(uow, rest.moves)
        nothing = uow.pings.read([HOME], limit=3)
        assert (len(nothing.batch), nothing.moves) == (0, {})
        assert HOME not in uow.pings.waiting()


def test_nobody_arrives_before_who_is_in_the_log_already(store: SqlStore, tenant: TenantId) -> None:
    ahead, behind = pings("anna", "anna"), pings("anna", "bob", "anna", first=2)
    ahead.received_at_us[1] += 60_000_000
    behind.recorded_at_us[2] = behind.recorded_at_us[0] - 1
    for batch in (ahead, behind):
        with store.writing(tenant) as uow:
            uow.pings.append(batch)
            uow.commit()
    with store.reading(tenant) as uow:
        found = uow.pings.read([HOME], limit=9).batch
        other = uow.pings.read([partition_of("bob")], limit=9).batch
    first, last = int(ahead.received_at_us[0]), int(ahead.received_at_us[1])
    assert found.received_at_us.tolist() == [first, last, last, last]
    assert found.recorded_at_us.tolist() == [*ahead.recorded_at_us, *behind.recorded_at_us[[2, 0]]]
    assert other.received_at_us.tolist() == [behind.received_at_us[1]]


def test_pings_of_several_partitions_are_read_together(store: SqlStore, tenant: TenantId) -> None:
    append(store, tenant, "anna", "bob", "anna", "bob", "bob")
    other = partition_of("bob")
    with store.reading(tenant) as uow:
        assert uow.pings.read([HOME, other], limit=9).moves == {HOME: (0, 2), other: (0, 3)}
        some = uow.pings.read([HOME, other], limit=4)
        assert (some.moves, some.batch.customer_id.tolist()) == ({HOME: (0, 1), other: (0, 3)}, ["bob"] * 3 + ["anna"])
        assert uow.pings.read([], limit=4).moves == {}


def test_a_partition_is_worked_on_by_one_at_a_time(store: SqlStore, tenant: TenantId) -> None:
    with store.writing(tenant) as uow:
        assert uow.pings.borrow([1, 2]).keys() == {1, 2}
        if store.engine.dialect.name == "postgresql":  # SQLite has one writer at a time
            with store.writing(tenant) as other:
                assert other.pings.borrow([0, 1, 2, 3]).keys() == {0, 3}
    with store.writing(tenant) as uow:
        assert uow.pings.borrow([1, 2]).keys() == {1, 2}


def test_it_is_known_since_when_pings_wait(store: SqlStore, tenant: TenantId) -> None:
    append(store, tenant, "anna", "anna", "bob")
    received = [as_instant(us) for us in pings("anna", "anna", "bob").received_at_us.tolist()]
    bob, nobody = CustomerId("bob"), CustomerId("ä")
    with store.writing(tenant) as uow:
        assert uow.pings.waiting_since([ANNA, bob, nobody]) == {ANNA: received[0], bob: received[2]}
        move(uow, {HOME: (0, 1)})
        assert uow.pings.waiting_since([ANNA]) == {ANNA: received[1]}
        move(uow, {HOME: (1, 2)})
        assert uow.pings.waiting_since([ANNA, bob]) == {bob: received[2]}


def test_an_empty_request_leaves_nothing(store: SqlStore, tenant: TenantId) -> None:
    append(store, tenant)
    with store.reading(tenant) as uow:
        assert uow.pings.waiting() == {}
        assert len(uow.pings.read([HOME], limit=5).batch) == 0


def test_a_reader_never_passes_a_ping_that_is_still_to_be_committed(store: SqlStore, tenant: TenantId) -> None:
    append(store, tenant, "anna")
    with store.writing(tenant) as uow:
        uow.pings.append(pings("anna", first=1))
        second = Thread(target=append, args=(store, tenant, "anna"), kwargs={"first": 2})
        second.start()
        second.join(0.2)
        assert second.is_alive()
        with store.reading(tenant) as reader:
            assert reader.pings.read([HOME], limit=9).moves == {HOME: (0, 1)}
        uow.commit()
    second.join(10)
    with store.reading(tenant) as reader:
        found = reader.pings.read([HOME], limit=9)
    assert found.moves == {HOME: (0, 3)}
    assert (found.batch.recorded_at_us // 10**6 % 10).tolist() == [0, 1, 2]


def test_requests_at_once_lose_nothing(store: SqlStore, tenant: TenantId) -> None:
    customers = [f"cust-{n}" for n in range(40)]

    def post(n: int) -> None:
        append(store, tenant, *(customers[n:] + customers[:n]), first=n)

    at_once([lambda n=n: post(n) for n in range(4)])  # type: ignore[misc]
    with store.reading(tenant) as uow:
        found = uow.pings.read(range(PARTITIONS), limit=1000)
    assert len(found.batch) == 160
    assert sum(until for _, until in found.moves.values()) == 160


def test_consumed_pings_are_pruned_and_no_others(store: SqlStore, tenant: TenantId) -> None:
    for n, customer_id in enumerate(["anna", "anna", "anna", "bob"]):
        append(store, tenant, customer_id, first=n)
    received_us = pings("anna", "anna", "anna").received_at_us.tolist()
    with store.writing(tenant) as uow:
        move(uow, {HOME: (0, 2)})
        assert uow.pings.prune(as_instant(received_us[1]), limit=9) == 1
        assert uow.pings.prune(as_instant(received_us[2] + 1), limit=9) == 1
        assert len(uow.pings.read([HOME], limit=9).batch) == 1
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
        assert uow.pings.prune_seen(NOON, limit=9) == 0
        assert uow.pings.prune_seen(later(1), limit=9) == 2
        assert uow.pings.seen(asked) == set()


def test_nothing_is_pruned_in_larger_portions_than_asked_for(store: SqlStore, tenant: TenantId) -> None:
    append(store, tenant, "anna", "anna", "bob", "bob", "bob")
    other = partition_of("bob")
    with store.writing(tenant) as uow:
        move(uow, {HOME: (0, 2), other: (0, 3)})
        uow.pings.remember([(ANNA, None, str(n)) for n in range(5)], NOON)
        assert [uow.pings.prune_seen(later(10**6), limit=2) for _ in range(4)] == [2, 2, 1, 0]
        # of the log as many rows as it takes
        assert [uow.pings.prune(later(10**6), limit=2) for _ in range(3)] == [3, 2, 0]
        assert uow.pings.seen([(ANNA, None, "1")]) == set()


def test_pings_that_came_together_are_pruned_when_the_last_of_them_is_consumed_and_old(
    store: SqlStore, tenant: TenantId
) -> None:
    append(store, tenant, "anna", "anna", "anna")
    last_us = pings("anna", "anna", "anna").received_at_us.tolist()[-1]
    with store.writing(tenant) as uow:
        move(uow, {HOME: (0, 2)})
        assert uow.pings.prune(later(10**6), limit=9) == 0
        assert len(uow.pings.read([HOME], limit=9).batch) == 1
        move(uow, {HOME: (2, 3)})
        assert uow.pings.prune(as_instant(last_us), limit=9) == 0
        assert uow.pings.prune(as_instant(last_us + 1), limit=9) == 3


def test_what_is_read_is_what_was_appended(store: SqlStore, tenant: TenantId) -> None:
    sent = pings("anna", "anna", "ähnlich", "anna", first=3)
    sent.ping_id[:] = ["p1", None, "ü", None]
    sent.device_id[1] = "phone"
    sent.accuracy_m[:] = [8.5, np.nan, 3.0, 40.0]
    with store.writing(tenant) as uow:
        uow.pings.append(sent)
        uow.commit()
    with store.reading(tenant) as uow:
        found = uow.pings.read(range(PARTITIONS), limit=9).batch
        mine = uow.pings.of(ANNA)
    wanted = sent.take(sorted(range(4), key=lambda row: partition_of(str(sent.customer_id[row]))))
    for name in ("customer_id", "ping_id", "device_id"):
        assert getattr(found, name).tolist() == getattr(wanted, name).tolist(), name
    for name in ("recorded_at_us", "received_at_us", "lat_deg", "lon_deg", "accuracy_m", "speed_mps"):
        assert np.array_equal(getattr(found, name), getattr(wanted, name), equal_nan=True), name
    assert [each["ping_id"] for each in mine] == ["p1", None, None]
    assert [each["accuracy_m"] is None for each in mine] == [False, True, False]


def test_a_customer_is_forgotten_where_they_stand_and_their_neighbours_are_not(
    store: SqlStore, tenant: TenantId
) -> None:
    neighbour = next(f"n{n}anna" for n in range(999) if partition_of(f"n{n}anna") == HOME)
    append(store, tenant, "anna", neighbour, "anna")
    append(store, tenant, neighbour)
    with store.writing(tenant) as uow:
        assert uow.pings.forget(ANNA, "subject") == 2
        uow.commit()
    with store.reading(tenant) as uow:
        found = uow.pings.read([HOME], limit=9)
        assert (uow.pings.of(ANNA), len(uow.pings.of(CustomerId(neighbour)))) == ([], 2)
    assert found.moves == {HOME: (0, 4)}
    assert found.batch.customer_id.tolist() == ["subject", neighbour, "subject", neighbour]
    assert (found.batch.lat_deg == 0).tolist() == [True, False, True, False]
