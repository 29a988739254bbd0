"""Whoever says no waits for nobody else, and nobody waits for long who has something to write down."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import chain, count, repeat
from threading import Event
from time import monotonic, sleep
from typing import Any

import pytest
from sqlalchemy import text

from nearcast.bootstrap import application
from nearcast.domain.campaign import CampaignState
from nearcast.domain.ids import CampaignId, CustomerId, TenantId
from nearcast.domain.sending import Attempt, Outbound
from nearcast.services.access import Principal, Role
from nearcast.services.application import Application
from nearcast.services.consent_lines import ConsentDocument
from nearcast.services.intake import Intake
from nearcast.services.live import Live
from nearcast.settings import Settings
from nearcast.store.sql_store import SqlStore
from tests.live.corner import ENTER, FENCE, NOON, Heard, arrive, later, messages, names, open_corner, seen
from tests.store.values import at_once

ADA, BOB = names(2)
where_writers_meet = pytest.mark.parametrize(
    "store_url", [pytest.param("postgresql", marks=pytest.mark.enable_socket)], indirect=True
)
"""On SQLite a writer waits for all others."""


class StandingClock:
    at = NOON

    def now(self) -> datetime:
        return self.at


@contextmanager
def held(store: SqlStore, tenant: TenantId, *customers: CustomerId) -> Iterator[None]:
    """Somebody works on these customers."""
    with store.writing(tenant) as uow:
        assert uow.customers.lock(customers) == list(customers)
        yield


def office(store: SqlStore) -> Application:
    return application(Settings(), store, clock=StandingClock())


def operator(tenant: TenantId) -> Principal:
    return Principal(tenant_id=tenant, key_id="desk", role=Role.OPERATOR)


def say_no(app: Application, tenant: TenantId, customer: CustomerId, purpose: str = "marketing.nearby") -> None:
    said = ConsentDocument.model_validate({"purpose": purpose, "action": "withdrawn"})
    app.consents.take(operator(tenant), customer, said, NOON)


def suppress(app: Application, tenant: TenantId, customer: CustomerId) -> None:
    app.customers.suppress(operator(tenant), customer, "sms", NOON)


def erase(app: Application, tenant: TenantId, customer: CustomerId) -> None:
    app.erasure.erase(operator(tenant), customer, NOON)


@where_writers_meet
@pytest.mark.parametrize("no", [say_no, suppress, erase])
def test_one_who_says_no_does_not_wait_for_another_who_has_to(store: SqlStore, no: Any) -> None:
    tenant, app = open_corner(store, ENTER, customers=[ADA, BOB]), office(store)
    ada_is_held, bob_is_done = Event(), Event()

    def ada() -> None:
        assert ada_is_held.wait(20)
        no(app, tenant, ADA)

    def bob() -> None:
        with held(store, tenant, ADA):
            ada_is_held.set()
            until_somebody_waits(store)
            no(app, tenant, BOB)
            bob_is_done.set()

    at_once([bob, ada])
    assert bob_is_done.is_set()


def until_somebody_waits(store: SqlStore) -> None:
    until_s = monotonic() + 20
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while not connection.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")):
            assert monotonic() < until_s
            sleep(0.02)


def test_a_visit_that_ends_with_the_consent_names_the_geofence_as_it_stands(store: SqlStore) -> None:
    tenant, app = open_corner(store, ENTER, customers=[ADA]), office(store)
    live = Live(store, tenant, Heard())
    arrive(store, tenant, [ADA], later(-60))
    live.work_pings(later(-60))
    live.put_geofence({**FENCE, "properties": {**FENCE["properties"], "radius_m": 90}}, later(-30))
    say_no(app, tenant, ADA, "location.matching")
    with store.reading(tenant) as uow:
        told = [one for _, one in uow.transitions.every(customer_id=ADA)]
    assert [(one.kind, one.reason, one.geofence_revision) for one in told] == [
        ("enter", None, 1),
        ("exit", "consent", 2),
    ]
    assert messages(store, tenant) == {ADA: ["cancelled"]}


def test_who_says_no_is_judged_by_the_campaigns_of_now(store: SqlStore) -> None:
    tenant, app = open_corner(store, ENTER, customers=[ADA, BOB]), office(store)
    say_no(app, tenant, ADA)
    with store.writing(tenant) as uow:
        late = {**ENTER, "id": "late", "state": "active"}
        uow.catalogue.campaigns.put_campaign("late", late, NOON, state=CampaignState.ACTIVE)
        uow.commit()
    arrive(store, tenant, [BOB])
    Live(store, tenant, Heard()).work_pings(NOON)
    say_no(app, tenant, BOB)
    assert messages(store, tenant) == {BOB: ["cancelled"]}


class OneIsBusy(Heard):
    """While the first message leaves, somebody takes the other customer in hand."""

    def __init__(self) -> None:
        super().__init__()
        self.first: list[CustomerId] = []
        self.sent, self.is_held = Event(), Event()

    def send(self, outbound: Outbound) -> Attempt:
        if not self.first:
            self.first.append(CustomerId(outbound.to.user_id or ""))
            self.sent.set()
            assert self.is_held.wait(20)
        return super().send(outbound)


@where_writers_meet
def test_what_has_left_is_written_down_before_a_dispatcher_waits(store: SqlStore) -> None:
    tenant, channel = open_corner(store, ENTER, customers=[ADA, BOB]), OneIsBusy()
    arrive(store, tenant, [ADA, BOB])
    live = Live(store, tenant, channel)
    live.work_pings(NOON)

    def hold() -> None:
        assert channel.sent.wait(20)
        (other,) = {ADA, BOB} - set(channel.first)
        with held(store, tenant, other):
            channel.is_held.set()
            until_somebody_waits(store)
            found = messages(store, tenant)
        assert found == {channel.first[0]: ["accepted"], other: ["claimed"]}

    at_once([hold, lambda: live.dispatch_due(NOON)])
    assert messages(store, tenant) == {ADA: ["accepted"], BOB: ["accepted"]}


@where_writers_meet
def test_who_has_waited_decides_by_the_clock_of_then(store: SqlStore) -> None:
    tenant, clock, heard = open_corner(store, ENTER, customers=[ADA]), StandingClock(), Heard()
    arrive(store, tenant, [ADA])
    live, is_held = Live(store, tenant, heard, lease_s=10_000), Event()
    live.work_pings(NOON)

    def hold() -> None:
        with held(store, tenant, ADA):
            is_held.set()
            until_somebody_waits(store)
            clock.at = later(5000)  # its offer is over by then

    def send() -> None:
        assert is_held.wait(20)
        live.dispatch_some(NOON, clock.now)

    at_once([hold, send])
    assert (messages(store, tenant), heard.messages) == ({ADA: ["expired"]}, [])


def test_a_message_that_leaves_late_in_its_claim_has_a_whole_lease(store: SqlStore) -> None:
    tenant = open_corner(store, ENTER, customers=[ADA])
    arrive(store, tenant, [ADA])
    rescuer = Live(store, tenant, Heard(), owner="rescuer")

    class Slow(Heard):
        def send(self, outbound: Outbound) -> Attempt:
            rescuer.rescue(later(70))
            return super().send(outbound)

    live = Live(store, tenant, Slow(), lease_s=60)
    live.work_pings(NOON)
    told = chain([later(50)] * 2, repeat(later(51)))
    live.dispatch_some(NOON, lambda: next(told))
    assert messages(store, tenant) == {ADA: ["accepted"]}


@where_writers_meet
def test_a_rescue_leaves_alone_what_is_being_written_down(store: SqlStore) -> None:
    tenant = open_corner(store, ENTER, customers=[ADA])
    arrive(store, tenant, [ADA])
    live = Live(store, tenant, Heard())
    live.work_pings(NOON)
    with store.writing(tenant) as uow:
        claims = uow.outbox.claim_due(NOON, owner="slow", lease_s=10, limit=9)
        uow.commit()
    with store.writing(tenant) as uow:
        assert uow.outbox.proceed(claims)
        live.rescue(later(60))
    assert messages(store, tenant) == {ADA: ["claimed"]}
    live.rescue(later(60))
    assert messages(store, tenant) == {ADA: ["queued"]}


@where_writers_meet
def test_counts_wait_for_nobody_who_waits_for_a_budget(store: SqlStore) -> None:
    tenant = open_corner(store, ENTER, customers=[ADA])
    with store.writing(tenant) as counting, store.writing(tenant) as holding:
        holding.connection.execute(text("SET LOCAL lock_timeout = '5s'"))
        counting.counters.add("pings", {"accepted": 1})
        holding.budgets.hold([CampaignId("camp-7")])
        holding.counters.add("pings", {"accepted": 1})
        holding.commit()
        counting.budgets.take([CampaignId("camp-7")])
        counting.commit()
    with store.reading(tenant) as uow:
        assert uow.counters.get("pings") == {"accepted": 2}


def test_steps_that_are_slow_take_fewer_pings_and_quick_ones_more_again(store: SqlStore) -> None:
    customers, step_s, at_s = names(70), 10.0, 0.0
    tenant = open_corner(store, customers=customers)

    def read() -> float:
        nonlocal at_s
        at_s += step_s
        return at_s

    live, intake = Live(store, tenant, Heard(), pings_at_once=40, monotonic_s=read), Intake(store, lambda: None)
    intake.accept(tenant, seen(customers, NOON), NOON)
    done = [live.work_some_pings(NOON) for _ in range(3)]
    assert done[0] > 30
    assert max(done[1:]) <= 25
    step_s = 0.0
    live.work_pings(NOON)
    intake.accept(tenant, seen(customers, later(1)), later(1))
    assert max(live.work_some_pings(later(1)) for _ in range(4)) > 30


def test_steps_may_take_longer_where_not_all_writers_wait_for_them(store: SqlStore) -> None:
    customers, readings_s = names(150), count(step=0.2)
    tenant = open_corner(store, customers=customers)
    live = Live(store, tenant, Heard(), pings_at_once=40, monotonic_s=lambda: next(readings_s))
    Intake(store, lambda: None).accept(tenant, seen(customers, NOON), NOON)
    done = [live.work_some_pings(NOON) for _ in range(2)]
    assert (done[0] > 30, done[1] > 30) == (True, not store.has_one_writer)
