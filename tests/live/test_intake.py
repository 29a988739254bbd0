"""The way in: what the door says of each row, and that nothing is lost when many come at once."""

from contextlib import closing
from queue import Queue
from threading import Event
from time import sleep

import numpy as np
import pytest

from nearcast.domain.errors import NotFound
from nearcast.domain.ids import TenantId
from nearcast.domain.reason import Reason
from nearcast.services.instants import as_us
from nearcast.services.intake import Intake, Outcome
from nearcast.services.live import Live
from nearcast.store.sql_store import SqlStore
from nearcast.store.unit_of_work import SqlUnitOfWork
from tests.live.corner import (
    ENTER,
    INSIDE_DEG,
    NOON,
    OUTSIDE_DEG,
    Heard,
    later,
    names,
    open_corner,
    seen,
    verdicts,
)
from tests.store.values import at_once


def unheard() -> None:
    """Nobody is to be woken."""


def waiting(store: SqlStore, tenant: TenantId) -> int:
    with store.reading(tenant) as uow:
        return sum(uow.pings.waiting().values())


def test_each_row_is_answered_by_its_place_in_the_request(store: SqlStore) -> None:
    tenant = open_corner(store, customers=names(1))
    batch = seen(
        ["cust-0000", "stranger", "cust-0000", "cust-0000", "cust-0000"],
        NOON,
        lat_deg=[INSIDE_DEG, INSIDE_DEG, 91.0, INSIDE_DEG, INSIDE_DEG],  # type: ignore[arg-type]
        ping_id=["a", "b", "c", "a", "d"],
    )
    assert Intake(store, unheard).accept(tenant, batch, NOON) == [
        (1, Reason.CONSENT_LOCATION_MISSING),
        (2, Reason.PING_OUT_OF_RANGE),
        (3, Reason.DUPLICATE_PING),
    ]
    assert waiting(store, tenant) == 2
    with store.reading(tenant) as uow:
        assert sum(uow.counters.get("refused").values()) == 3


@pytest.mark.parametrize("column", ["customer_id", "device_id", "ping_id"])
@pytest.mark.parametrize("name", ["x" * 256, "é" * 128, "a\0b", "half \ud800"])
def test_a_name_that_no_database_keeps_is_malformed(store: SqlStore, column: str, name: str) -> None:
    tenant = open_corner(store, customers=names(2))
    batch = seen(names(2), NOON, ping_id=["a", "b"])
    getattr(batch, column)[1] = name
    assert Intake(store, unheard).accept(tenant, batch, NOON) == [(1, Reason.MALFORMED)]
    Live(store, tenant, Heard()).work_pings(NOON)
    with store.reading(tenant) as uow:
        assert uow.counters.get("refused") == {"malformed": 1}
        assert uow.counters.get("pings") == {"accepted": 1}


def test_a_name_of_255_bytes_is_kept(store: SqlStore) -> None:
    tenant = open_corner(store, customers=names(1))
    batch = seen(names(1), NOON, ping_id=["é" * 127 + "x"])
    batch.device_id[0] = "d" * 255
    assert Intake(store, unheard).accept(tenant, batch, NOON) == []
    assert Live(store, tenant, Heard()).work_pings(NOON) == 1


def test_workers_are_woken_when_there_is_something_to_read(store: SqlStore) -> None:
    tenant = open_corner(store, customers=names(1))
    found_on_waking: list[int] = []
    intake = Intake(store, lambda: found_on_waking.append(waiting(store, tenant)))
    intake.accept(tenant, seen(["stranger"], NOON), NOON)
    assert found_on_waking == []
    intake.accept(tenant, seen(names(1), NOON), NOON)
    assert found_on_waking == [1]


def test_a_tenants_new_rules_hold_for_the_next_request(store: SqlStore) -> None:
    tenant = open_corner(store, customers=names(1))
    intake = Intake(store, unheard)
    ahead = seen(names(1), later(90))
    ahead.received_at_us[:] -= 90_000_000
    assert intake.accept(tenant, ahead, NOON) == [(0, Reason.PING_FROM_FUTURE)]
    with store.writing(tenant) as uow:
        rules = {"tenant": {"timezone": "UTC"}, "presence": {"profile": "raw"}, "ping_rules": {"max_future_s": 120}}
        uow.catalogue.put_settings(rules, NOON)
        uow.commit()
    assert intake.accept(tenant, ahead, NOON) == []


def test_a_tenant_that_is_not_there(store: SqlStore) -> None:
    with pytest.raises(NotFound, match="nobody"):
        Intake(store, unheard).accept(TenantId("nobody"), seen(names(1), NOON), NOON)


def test_many_at_once_lose_nothing_and_stand_in_nobodys_way(store: SqlStore) -> None:
    """Pings come twice, within a request and again in the next: the door and the workers count the same reason."""
    customers = names(40)
    tenant = open_corner(store, ENTER, customers=customers)
    intake = Intake(store, unheard)
    workers = [Live(store, tenant, Heard(), owner=f"worker {n}") for n in range(2)]
    minutes = [OUTSIDE_DEG, INSIDE_DEG, INSIDE_DEG, INSIDE_DEG, INSIDE_DEG]
    posted: list[int] = []

    def post(n: int) -> None:
        some = customers[n * 10 : n * 10 + 10]
        try:
            for minute, lat_deg in enumerate(minutes):
                batch = seen(some * 2, later(60 * minute), lat_deg, ping_id=[f"{minute}"] * 20)
                for _ in range(2):
                    assert len(intake.accept(tenant, batch, later(60 * minute))) == 10
        finally:
            posted.append(n)

    def work(live: Live) -> None:
        while live.work_some_pings(later(300)) or len(posted) < 4:
            pass

    at_once([*(lambda n=n: post(n) for n in range(4)), *(lambda live=live: work(live) for live in workers)])
    workers[0].work_pings(later(300))
    assert waiting(store, tenant) == 0
    assert sorted(customer for customer, _ in verdicts(store, tenant)) == customers
    with store.reading(tenant) as uow:
        assert uow.counters.get("refused") == {"duplicate_ping": 4 * 5 * (20 + 10)}
        assert uow.counters.get("pings") == {"accepted": 4 * 5 * 10}


class CountingStore(SqlStore):
    """Counts its writers, and lets the first wait until others have come."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.writers, self.others_came = 0, Event()

    def writing(self, tenant_id: TenantId) -> SqlUnitOfWork:
        self.writers += 1
        if self.writers == 1:
            assert self.others_came.wait(10)
        return super().writing(tenant_id)


def test_requests_at_once_share_a_commit_and_each_gets_its_own_answer(store: SqlStore, store_url: str) -> None:
    customers = names(12)
    tenant = open_corner(store, customers=customers)
    with closing(CountingStore(store_url)) as counting:
        intake, answers = Intake(counting, unheard), {}

        def post(n: int) -> None:
            batch = seen([*customers[: n + 1], f"stranger {n}"], later(n), ping_id=["same"] * (n + 2))
            answers[n] = intake.accept(tenant, batch, later(n))

        def open_the_door() -> None:
            sleep(0.3)
            counting.others_came.set()

        at_once([open_the_door, *(lambda n=n: post(n) for n in range(12))])
        assert counting.writers == 2
    assert answers == {n: [(n + 1, Reason.CONSENT_LOCATION_MISSING)] for n in range(12)}
    assert waiting(store, tenant) == sum(range(1, 13))


def test_those_who_come_again_share_the_next_commit(store: SqlStore, store_url: str) -> None:
    customers, answered, again = names(6), Queue[int](), Queue[Outcome]()
    tenant = open_corner(store, customers=customers)
    with closing(CountingStore(store_url)) as counting:
        intake = Intake(counting, unheard, gathering_s=1)
        for n in range(6):
            intake.take(tenant, seen([customers[n]], NOON), later(9), lambda _, n=n: answered.put(n))  # type: ignore[misc]
        counting.others_came.set()
        for _ in range(6):
            n = answered.get(timeout=10)
            sleep(0.01)
            intake.take(tenant, seen([customers[n]], later(1)), later(9), again.put)
        assert [again.get(timeout=10) for _ in range(6)] == [[]] * 6
        assert counting.writers <= 3  # the first one, all others and the first one again, all others again
    assert waiting(store, tenant) == 12


def test_a_request_that_cannot_be_kept_does_not_keep_the_others_out(store: SqlStore, store_url: str) -> None:
    tenant = open_corner(store, customers=names(3))
    bad = seen(names(1), later(1))
    bad.ping_id[0] = ["a list names nothing"]
    outcomes: dict[int, object] = {}
    with closing(CountingStore(store_url)) as counting:
        intake = Intake(counting, unheard)

        def post(n: int) -> None:
            try:
                outcomes[n] = intake.accept(tenant, bad if n == 1 else seen(names(3)[n : n + 1], later(n)), later(9))
            except Exception as error:
                outcomes[n] = type(error).__name__

        def open_the_door() -> None:
            sleep(0.3)
            counting.others_came.set()

        at_once([open_the_door, *(lambda n=n: post(n) for n in range(3))])
    assert outcomes == {0: [], 1: "TypeError", 2: []}
    assert waiting(store, tenant) == 2


def test_who_comes_back_through_a_server_whose_clock_is_behind_has_come_back(store: SqlStore) -> None:
    anna = names(1)
    tenant = open_corner(store, ENTER, customers=anna)
    ahead, behind = Intake(store, unheard), Intake(store, unheard)
    live = Live(store, tenant, Heard())
    ahead.accept(tenant, seen(anna, NOON), NOON)
    live.work_pings(NOON)
    for server, at, received_at, lat_deg in (
        (ahead, later(10), later(10.03), OUTSIDE_DEG),
        (behind, later(10.01), later(10.02), INSIDE_DEG),
    ):
        received = np.array([as_us(received_at)])
        server.accept(tenant, seen(anna, at, lat_deg, received_at_us=received), received_at)
    live.work_pings(later(11))
    assert [customer for customer, _ in verdicts(store, tenant)] == anna * 2
