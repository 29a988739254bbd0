"""Leases on partitions: shared fairly, taken over when they end, and nobody writes under one that is over."""

from collections.abc import Sequence

import pytest

from nearcast.domain.ids import TenantId
from nearcast.store.sql_store import SqlStore
from nearcast.store.tables import PARTITIONS, partition_lease, worker
from tests.store.values import NOON, at_once, later, pings

LEASE_S = 5.0
ALL = set(range(PARTITIONS))


@pytest.fixture(autouse=True)
def nothing_is_leased(store: SqlStore) -> None:
    with store.engine.begin() as connection:
        connection.execute(partition_lease.delete())
        connection.execute(worker.delete())


def keep(store: SqlStore, owner: str, now_s: float = 0) -> set[int]:
    return set(store.keep_share(owner, later(now_s), lease_s=LEASE_S))


def settled(store: SqlStore, owners: Sequence[str], now_s: float = 0) -> dict[str, set[int]]:
    """What each holds when all have heard of each other."""
    for owner in owners:
        keep(store, owner, now_s)
    return {owner: keep(store, owner, now_s) for owner in owners}


def test_who_is_alone_has_everything_and_gives_a_half_to_the_second(store: SqlStore) -> None:
    assert keep(store, "a") == ALL
    assert keep(store, "b", 1) == set()
    mine = keep(store, "a", 2)
    theirs = keep(store, "b", 2)
    assert (len(mine), len(theirs), mine | theirs) == (8, 8, ALL)
    assert (keep(store, "a", 3), keep(store, "b", 3)) == (mine, theirs)


def test_what_the_dead_held_is_shared_among_the_living_when_it_ends(store: SqlStore) -> None:
    shares = settled(store, "abc")
    assert sorted(map(len, shares.values())) == [5, 5, 6]
    for now_s in (2, 4):  # c is not heard of again
        assert (keep(store, "a", now_s), keep(store, "b", now_s)) == (shares["a"], shares["b"])
    left = settled(store, "ab", LEASE_S)
    assert (len(left["a"]), len(left["b"]), left["a"] | left["b"]) == (8, 8, ALL)


def test_what_is_given_back_is_free_at_once(store: SqlStore) -> None:
    keep(store, "a")
    store.end_share("a")
    assert keep(store, "b") == ALL


def test_more_workers_than_partitions_leave_some_without(store: SqlStore) -> None:
    held = settled(store, [f"worker {n:02}" for n in range(20)])
    assert sorted(map(len, held.values())) == [0] * 4 + [1] * 16
    assert set().union(*held.values()) == ALL


def test_nobody_holds_what_another_holds_however_many_ask_at_once(store: SqlStore) -> None:
    held: dict[str, dict[int, int]] = {}

    def work(owner: str) -> None:
        for _ in range(12):
            held[owner] = store.keep_share(owner, NOON, lease_s=LEASE_S)

    at_once([lambda o=o: work(o) for o in "abcd"])  # type: ignore[misc]
    for owner in "abcd":
        work(owner)
    assert sorted(partition for share in held.values() for partition in share) == sorted(ALL)


def test_a_token_grows_with_every_take_over_and_with_nothing_else(store: SqlStore) -> None:
    first = store.keep_share("a", NOON, lease_s=LEASE_S)
    assert store.keep_share("a", later(4), lease_s=LEASE_S) == first
    second = store.keep_share("b", later(9), lease_s=LEASE_S)
    assert {key: second[key] - first[key] for key in second} == dict.fromkeys(second, 1)
    assert store.keep_share("a", later(9), lease_s=LEASE_S) == {}
    again = store.keep_share("b", later(14), lease_s=LEASE_S)  # its own lease had ended: others may have been there
    assert {key: again[key] - second[key] for key in again} == dict.fromkeys(again, 1)


def test_who_was_taken_over_commits_nothing(store: SqlStore, tenant: TenantId) -> None:
    with store.writing(tenant) as uow:
        uow.pings.append(pings("anna"))
        uow.commit()
    zombie = store.keep_share("zombie", NOON, lease_s=LEASE_S)
    with store.reading(tenant) as reader:
        moves = reader.pings.read(ALL, limit=9).moves
    new = store.keep_share("new", later(5), lease_s=LEASE_S)
    with store.writing(tenant) as uow:
        assert not uow.pings.move(moves, zombie)
    with store.writing(tenant) as uow:
        assert uow.pings.move(moves, new)
        assert not uow.pings.move(moves, new)


def test_nobody_takes_over_between_the_check_and_the_commit(store: SqlStore, tenant: TenantId) -> None:
    with store.writing(tenant) as uow:
        uow.pings.append(pings("anna"))
        uow.commit()
    held = store.keep_share("a", NOON, lease_s=LEASE_S)
    with store.writing(tenant) as uow:
        moves = uow.pings.read(ALL, limit=9).moves
        assert uow.pings.move(moves, held)
        if store.engine.dialect.name == "postgresql":  # SQLite has one writer at a time
            assert keep(store, "b", 5) == ALL - moves.keys()
        uow.commit()
    assert keep(store, "b", 5) == ALL


def test_what_is_leased_cannot_be_borrowed(store: SqlStore, tenant: TenantId) -> None:
    store.keep_share("a", store.database_now(), lease_s=60)
    with store.writing(tenant) as uow:
        assert uow.pings.borrow(ALL) == {}
    store.end_share("a")
    with store.writing(tenant) as uow:
        assert uow.pings.borrow(ALL) == dict.fromkeys(ALL, 1)
