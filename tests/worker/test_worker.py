"""A worker on a real store: what it does by itself, and that nothing stops it but being stopped."""

import gc
import logging
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from threading import Event
from time import monotonic

import pytest

from nearcast.domain.customer import Customer
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.domain.message import Message
from nearcast.domain.sending import Accepted, Attempt, Outbound
from nearcast.domain.track import Track
from nearcast.services.channel_ports import Capability
from nearcast.store.partitions import tokens_of
from nearcast.store.sql_store import SqlStore
from nearcast.store.tables import PARTITIONS
from nearcast.store.unit_of_work import SqlUnitOfWork
from tests.live.corner import ENTER, NOON, Heard, later, messages, names, open_corner, runs, scheduled, verdicts
from tests.worker.office import Office, eventually


class Deaf:
    """A channel that remembers nothing."""

    capabilities = Capability.OWN_NAMES

    def send(self, outbound: Outbound) -> Attempt:
        return Accepted()


def accepted(store: SqlStore, tenant: TenantId, customer: CustomerId) -> bool:
    """Whether everything has left, and something for that customer."""
    with store.reading(tenant) as uow:
        return uow.outbox.next_due() is None and bool(uow.outbox.of([customer])) and not uow.pings.waiting()


def test_who_walks_in_gets_a_message(office: Office) -> None:
    tenant = open_corner(office.store, ENTER, customers=names(3))
    office.worker("worker")
    office.walk_in(tenant, *names(3))
    eventually(lambda: office.heard.customers == names(3))
    eventually(lambda: messages(office.store, tenant) == {name: ["accepted"] for name in names(3)})


class PatientBell(Event):
    """Rings when the other does; who waits for it does not look up before."""

    def __init__(self, other: Event) -> None:
        super().__init__()
        self.set, self.clear = other.set, other.clear  # type: ignore[method-assign]
        self._other = other

    def wait(self, timeout: float | None = None) -> bool:
        return self._other.wait(60)


def test_pings_that_come_in_here_are_worked_on_at_once(office: Office) -> None:
    """They ring for it: it need not look by itself."""
    bell = PatientBell(office.application.pings_arrived)
    office.application = replace(office.application, pings_arrived=bell)
    tenant = open_corner(office.store, ENTER, customers=names(5))
    office.worker("worker")
    for n, name in enumerate(names(5)):
        office.walk_in(tenant, name)
        eventually(lambda n=n: len(office.heard.messages) == n + 1)  # type: ignore[misc]


def test_pings_that_came_in_elsewhere_are_found(office: Office) -> None:
    tenant = open_corner(office.store, ENTER, customers=names(1))
    elsewhere = Office(office.store)
    office.worker("worker")
    elsewhere.walk_in(tenant, *names(1))
    eventually(lambda: office.heard.customers == names(1))


def test_it_goes_by_the_applications_clock(office: Office) -> None:
    """A run at noon, one at five past; what was put off until ten past."""
    settings = {"dispatch": {"delay_s": 600}}
    tenant = open_corner(office.store, ENTER, customers=names(1), settings=settings)
    other = open_corner(office.store, scheduled("*/5 * * * *"), customers=names(1), tenant="t2", at=NOON)
    office.walk_in(tenant, *names(1))
    office.walk_in(other, *names(1), seconds=-60)
    worker = office.worker()
    eventually(lambda: len(runs(office.store, other)) == 1)
    eventually(lambda: messages(office.store, tenant) == {"cust-0000": ["queued"]})
    office.clock.at = later(300)
    eventually(lambda: len(runs(office.store, other)) == 2)
    assert messages(office.store, tenant) == {"cust-0000": ["queued"]}
    office.clock.at = later(600)
    eventually(lambda: messages(office.store, tenant) == {"cust-0000": ["accepted"]})
    eventually(lambda: worker.status()["due"].last_success_at == later(600))


def visits(store: SqlStore, tenant: TenantId) -> list[str]:
    with store.reading(tenant) as uow:
        return [transition.kind.value for _, transition in uow.transitions.every()]


def test_visits_end_by_themselves(office: Office) -> None:
    exit_offer = {**ENTER, "trigger": {"on": "exit"}}
    settings = {"presence": {"profile": "raw", "gap_s": 60}}
    tenant = open_corner(office.store, exit_offer, customers=names(1), settings=settings)
    office.worker()
    office.walk_in(tenant, *names(1))
    eventually(lambda: visits(office.store, tenant) == ["enter"])
    office.clock.at = later(61)
    eventually(lambda: visits(office.store, tenant) == ["enter", "exit"])
    eventually(lambda: len(verdicts(office.store, tenant)) == 1)


def test_leases_of_the_dead_end(office: Office) -> None:
    tenant = open_corner(office.store, ENTER, customers=names(1))
    office.walk_in(tenant, *names(1))
    with office.application.new_engines("dead").of(tenant) as dead:
        dead.work_pings(NOON)
        with office.store.writing(tenant) as uow:
            assert uow.outbox.claim_due(NOON, owner="dead", lease_s=60, limit=1)
            uow.commit()
    office.clock.at = later(61)
    office.worker("scheduler")
    eventually(lambda: messages(office.store, tenant) == {"cust-0000": ["accepted"]})


def test_what_was_kept_for_long_enough_goes(office: Office) -> None:
    tenant = open_corner(office.store, customers=names(1))
    with office.store.writing(tenant) as uow:
        uow.idempotency.begin("key", route="POST /v1/shops", body_sha256="0", now=later(-86_401))
        uow.commit()
    worker = office.worker("scheduler")
    eventually(lambda: worker.status()["retention"].last_success_at is not None)
    with office.store.writing(tenant) as uow:
        assert uow.idempotency.begin("key", route="POST /v1/shops", body_sha256="0", now=NOON) is None


def test_a_tenant_made_later_is_served(office: Office) -> None:
    worker = office.worker()
    eventually(lambda: all(status.last_success_at for status in worker.status().values()))
    tenant = open_corner(office.store, ENTER, customers=names(1))
    office.walk_in(tenant, *names(1))
    eventually(lambda: office.heard.customers == names(1))


def test_roles_part_the_work(office: Office) -> None:
    tenant = open_corner(office.store, ENTER, customers=names(1))
    office.walk_in(tenant, *names(1))
    scheduler = office.worker("scheduler")
    assert set(scheduler.status()) == {"dispatch", "due", "rescue", "reservations", "retention"}
    office.clock.at = later(1)
    eventually(lambda: all(scheduler.status()[loop].last_success_at == later(1) for loop in ("due", "dispatch")))
    assert office.heard.messages == []
    roles = {"care", "dispatch", "events", "heard", "partitions", "payments", "pings"}
    assert set(office.worker("worker").status()) == roles
    eventually(lambda: office.heard.customers == names(1))


def test_a_role_that_there_is_not(office: Office) -> None:
    with pytest.raises(ValueError, match="'janitor' is none of scheduler, worker"):
        office.unstarted(["worker", "janitor"])


def test_no_two_workers_bear_one_name(office: Office) -> None:
    office.unstarted()
    office.unstarted()
    assert len(set(office.owners)) == 2


def test_several_workers_send_everything_once(office: Office) -> None:
    customers = names(60)
    tenant = open_corner(office.store, ENTER, customers=customers)
    for _ in range(3):
        office.worker()
    for n in range(0, 60, 5):
        office.walk_in(tenant, *customers[n : n + 5])
    eventually(lambda: messages(office.store, tenant) == {name: ["accepted"] for name in customers}, within_s=30)
    assert office.heard.customers == customers


def test_what_a_dead_worker_had_leased_goes_on_within_seconds(office: Office) -> None:
    tenant = open_corner(office.store, ENTER, customers=names(30))
    assert len(office.store.keep_share("dead", office.store.database_now(), lease_s=1.5)) == PARTITIONS
    office.walk_in(tenant, *names(30))
    office.worker("worker")
    eventually(lambda: office.heard.customers == names(30))


def test_who_stops_gives_its_partitions_back(office: Office) -> None:
    tenant = open_corner(office.store, ENTER, customers=names(1))
    first = office.worker("worker")
    office.walk_in(tenant, *names(1))
    eventually(lambda: office.heard.customers == names(1))
    assert first.stop()
    assert len(office.store.keep_share("next", office.store.database_now(), lease_s=5)) == PARTITIONS


def poison(store: SqlStore, tenant: TenantId) -> None:
    """Settings that nobody can read."""
    with store.writing(tenant) as uow:
        uow.catalogue.put_settings({"tenant": {"timezone": "Atlantis/Secret-Street"}}, NOON)
        uow.commit()


def test_a_tenant_that_cannot_be_worked_does_not_stop_the_others(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    before, bad, after = (open_corner(office.store, ENTER, customers=names(1), tenant=t) for t in ("a", "b", "c"))
    office.walk_in(bad, *names(1))
    poison(office.store, bad)
    with caplog.at_level(logging.INFO):
        worker = office.worker()
        eventually(lambda: worker.status()["pings"].is_failing)
        for n, tenant in enumerate([before, after, before, after]):
            office.walk_in(tenant, *names(1), seconds=n)
        eventually(lambda: messages(office.store, before).keys() == messages(office.store, after).keys() != set())
        eventually(lambda: len(office.heard.messages) == 2)
    assert worker.status()["pings"].error == "InvalidInput"
    assert not worker.status()["rescue"].is_failing
    assert "pings of b failed and will be tried again: InvalidInput at " in caplog.text
    assert "Secret-Street" not in caplog.text
    assert caplog.text.count("pings of b failed") == 1
    with office.store.writing(bad) as uow:
        rules = {"tenant": {"timezone": "UTC"}, "presence": {"profile": "raw"}}
        uow.catalogue.put_settings(rules, NOON)
        uow.commit()
    eventually(lambda: messages(office.store, bad) == {"cust-0000": ["accepted"]})
    eventually(lambda: not any(status.is_failing for status in worker.status().values()))


def test_ticks_are_not_logged(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    open_corner(office.store, ENTER, customers=names(1))
    with caplog.at_level(logging.INFO):
        worker = office.worker()
        eventually(lambda: all(status.last_success_at for status in worker.status().values()))
        assert worker.stop()
    assert [record for record in caplog.records if record.name.startswith("apscheduler")] == []


class Slow(Heard):
    """Takes a message, and long over it."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.may_end = Event(), Event()

    def send(self, outbound: Outbound) -> Attempt:
        self.begun.set()
        assert self.may_end.wait(60)
        return super().send(outbound)


def test_a_slow_channel_keeps_no_ping_waiting(office: Office) -> None:
    slow = Slow()
    office.channel = slow
    tenant = open_corner(office.store, ENTER, customers=names(2))
    office.worker("worker")
    office.walk_in(tenant, names(2)[0])
    assert slow.begun.wait(30)
    office.walk_in(tenant, names(2)[1])
    eventually(lambda: messages(office.store, tenant).get(names(2)[1]) == ["queued"])
    slow.may_end.set()
    eventually(lambda: office.heard.messages == [] and len(slow.messages) == 2)


class AskedStore(SqlStore):
    """Counts which tenants are asked for."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.asked: Counter[TenantId] = Counter()

    def reading(self, tenant_id: TenantId) -> SqlUnitOfWork:
        self.asked[tenant_id] += 1
        return super().reading(tenant_id)


def test_tenants_that_have_nothing_to_do_are_left_alone(store: SqlStore, store_url: str) -> None:
    with closing(AskedStore(store_url)) as asked:
        idle, busy = (open_corner(store, ENTER, customers=names(1), tenant=tenant) for tenant in ("idle", "busy"))
        office = Office(asked)
        asked.asked.clear()  # whose addresses are to be sealed is asked once at the start
        office.worker("worker")
        for n in range(10):
            office.walk_in(busy, *names(1), seconds=n)
        eventually(lambda: len(office.heard.messages) == 1)
        office.close()
    assert asked.asked[busy] > 0
    assert asked.asked[idle] == 0


def test_a_tenants_trouble_is_over_when_there_is_nothing_to_do_for_it_any_more(office: Office) -> None:
    tenant = open_corner(office.store, ENTER, customers=names(1))
    office.walk_in(tenant, *names(1))
    poison(office.store, tenant)
    worker = office.worker("worker")
    eventually(lambda: worker.status()["pings"].is_failing)
    with office.store.writing(tenant) as uow:
        moves = uow.pings.read(uow.pings.waiting(), limit=9).moves
        assert uow.pings.move(moves, tokens_of(uow.connection, moves))
        uow.commit()
    eventually(lambda: not worker.status()["pings"].is_failing)


@pytest.mark.parametrize(("few", "many"), [(6, 36), pytest.param(50, 350, marks=pytest.mark.soak)])
def test_it_does_not_grow_with_those_it_has_seen(office: Office, few: int, many: int) -> None:
    """Many more customers, and hardly more is held than before."""
    customers = names(many)
    tenant = open_corner(office.store, ENTER, customers=customers)
    office.channel = Deaf()
    office.worker()

    def walk_in(some: Sequence[CustomerId]) -> None:
        office.walk_in(tenant, *some)
        eventually(lambda: accepted(office.store, tenant, some[-1]), within_s=60)
        eventually(lambda: set(messages(office.store, tenant)[customers[0]]) == {"accepted"})

    walk_in(customers[:few])
    before = _held()
    walk_in(customers[few:])
    eventually(lambda: _held() <= before + (many - few) // 3)  # a step in hand holds some


def _held() -> int:
    gc.collect()
    return sum(isinstance(thing, Message | Track | Customer) for thing in gc.get_objects())


def test_it_stops_at_once_when_it_has_nothing_to_do(office: Office) -> None:
    worker = office.worker()
    eventually(lambda: all(status.last_success_at for status in worker.status().values()))
    began = monotonic()
    assert worker.stop(timeout_s=60)
    assert monotonic() - began < 10


def test_stopping_lets_the_step_in_hand_end(office: Office) -> None:
    slow = Slow()
    office.channel = slow
    tenant = open_corner(office.store, ENTER, customers=names(1))
    worker = office.worker("worker")
    office.walk_in(tenant, *names(1))
    assert slow.begun.wait(30)
    began = monotonic()
    assert not worker.stop(timeout_s=0.2)
    assert monotonic() - began < 15
    slow.may_end.set()
    assert worker.stop()
    assert messages(office.store, tenant) == {"cust-0000": ["accepted"]}


def test_a_worker_that_never_started_can_be_stopped(office: Office) -> None:
    assert office.unstarted().stop()
