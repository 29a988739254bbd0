"""Many engines at once, and some of them die: every ping counts once and in order, no limit is passed, nobody who has
said no is written to.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from itertools import pairwise
from multiprocessing import get_context
from threading import Event, Timer
from typing import Any

import pytest

from nearcast.domain.consent import ConsentAction, ConsentEvent
from nearcast.domain.ids import CustomerId, GeofenceId, TenantId
from nearcast.domain.sending import Attempt, Outbound
from nearcast.services.intake import Intake
from nearcast.services.ledger_ports import LedgerLine
from nearcast.services.live import Live
from nearcast.store.pings import partition_of
from nearcast.store.sql_store import SqlStore
from nearcast.store.unit_of_work import SqlUnitOfWork
from tests.live.corner import (
    ENTER,
    INSIDE_DEG,
    NOON,
    OUTSIDE_DEG,
    Heard,
    arrive,
    later,
    messages,
    names,
    open_corner,
    runs,
    scheduled,
    seen,
    verdicts,
)
from tests.live.kills import DyingStore, until_it_lives
from tests.store.values import at_once

ROUNDS = [0, *(pytest.param(n, marks=pytest.mark.soak) for n in range(1, 11))]
PLAIN_CAP = {"id": "one", "scope": "customer", "kind": "rolling", "window_s": 86_400, "limit": 2}


def withdrawal(customer: CustomerId, at: datetime, purpose: str = "marketing.nearby") -> LedgerLine:
    event = ConsentEvent(
        event_id=f"{customer} no more {purpose}",
        customer_id=customer,
        purpose=purpose,
        action=ConsentAction.WITHDRAWN,
        at=at,
        channel=None,
        sender=None,
        valid_until=None,
    )
    return LedgerLine(event=event, recorded_at=at)


@pytest.fixture
def dying(store_url: str, store: SqlStore, round_no: int) -> Iterator[DyingStore]:
    with closing(DyingStore(store_url, seed=round_no)) as dying:
        yield dying


def walks(customers: list[CustomerId], dice: random.Random, steps: int) -> list[dict[CustomerId, bool]]:
    """Who is inside, minute by minute."""
    return [{name: dice.random() < 0.5 for name in dice.sample(customers, 6)} for _ in range(steps)]


def sides(steps: list[dict[CustomerId, bool]], customer: CustomerId) -> list[bool]:
    return [step[customer] for step in steps if customer in step]


def post(intake: Intake, tenant: TenantId, minute: int, step: dict[CustomerId, bool]) -> None:
    """As a client does: the same pings again until they are taken."""
    at = later(60 * minute)
    lat_deg: Any = [INSIDE_DEG if inside else OUTSIDE_DEG for inside in step.values()]
    batch = seen(list(step), at, lat_deg, ping_id=[str(minute)] * len(step))
    until_it_lives(lambda: intake.accept(tenant, batch, at))


@pytest.mark.parametrize("round_no", ROUNDS)
@pytest.mark.parametrize("workers", [1, 3])
def test_every_ping_counts_once_and_in_order_whoever_dies(
    store: SqlStore, dying: DyingStore, round_no: int, workers: int
) -> None:
    customers, heard, dice = names(12), Heard(), random.Random(round_no)  # noqa: S311
    tenant = open_corner(store, ENTER, customers=customers, settings={"ping_rules": {"max_age_s": 86_400}})
    steps, posted = walks(customers, dice, steps=25), Event()

    def walk() -> None:
        intake = Intake(dying, lambda: None)
        for minute, step in enumerate(steps):
            post(intake, tenant, minute, step)
        posted.set()

    def work(number: int) -> None:
        live = Live(dying, tenant, heard, owner=f"worker {number}", lease_s=10)
        while not posted.is_set() or until_it_lives(lambda: live.work_pings(later(3600))):
            until_it_lives(lambda: live.work_some_pings(later(3600)))
            until_it_lives(lambda: live.dispatch_some(later(3600)))

    at_once([walk, *(lambda n=n: work(n) for n in range(workers))])
    dying.risk = 0
    rest = Live(dying, tenant, heard)
    rest.work_pings(later(3600))
    rest.rescue(later(3610))
    rest.dispatch_due(later(3610))
    assert dying.deaths > 3
    enters = {}
    with dying.reading(tenant) as uow:
        assert uow.pings.waiting() == {}
        for customer in customers:
            told = [one.kind.value for _, one in uow.transitions.every(customer_id=customer)]
            mine = [False, *sides(steps, customer)]
            expected = ["enter" if now else "exit" for was, now in pairwise(mine) if was != now]
            assert told == expected, customer
            enters[customer] = expected.count("enter")
        assert uow.counters.get("pings") == {"accepted": sum(map(len, steps))}
    assert Counter(customer for customer, _ in verdicts(dying, tenant)) == Counter(enters)
    assert {customer: len(found) for customer, found in messages(dying, tenant).items()} == +Counter(enters)
    assert {status for found in messages(dying, tenant).values() for status in found} <= {"accepted", "unknown"}
    assert len({message.id for message in heard.messages}) == len(heard.messages)


def work_alone(url: str, tenant: TenantId, owner: str) -> None:
    """The whole of a worker's process."""
    with closing(SqlStore(url)) as store:
        live = Live(store, tenant, Heard(), owner=owner)
        for _ in range(400):
            live.work_some_pings(later(200))
            live.dispatch_some(later(200))


def test_processes_share_the_work(store: SqlStore, store_url: str) -> None:
    customers = names(60)
    tenant = open_corner(store, {**ENTER, "budget": {"messages": 50}}, customers=customers)
    intake = Intake(store, lambda: None)
    processes = [get_context("spawn").Process(target=work_alone, args=(store_url, tenant, o)) for o in ("a", "b")]
    for process in processes:
        process.start()
    for minute, lat_deg in enumerate([OUTSIDE_DEG, INSIDE_DEG, OUTSIDE_DEG]):
        for n in range(0, 60, 10):
            intake.accept(tenant, seen(customers[n : n + 10], later(60 * minute), lat_deg), later(60 * minute))
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    rest = Live(store, tenant, Heard())
    rest.work_pings(later(200))
    rest.dispatch_due(later(200))
    assert Counter(reason for _, reason in verdicts(store, tenant)) == {None: 50, "budget_exhausted": 10}
    assert Counter(status for found in messages(store, tenant).values() for status in found) == {"accepted": 50}


@pytest.mark.parametrize("round_no", ROUNDS)
def test_caps_hold_when_pings_and_runs_decide_at_once(store: SqlStore, round_no: int) -> None:
    customers, heard = names(8), Heard()
    tenant = open_corner(
        store,
        ENTER,
        *({**scheduled(catch_up_s=3600), "id": f"run-{n}"} for n in range(3)),
        customers=customers,
        at=later(-170),
        settings={"policy": {"caps": [PLAIN_CAP]}},
    )
    intake = Intake(store, lambda: None)
    intake.accept(tenant, seen(customers, later(-200), OUTSIDE_DEG), later(-200))
    Live(store, tenant, heard).work_pings(later(-200))
    for n, lat_deg in enumerate([INSIDE_DEG, OUTSIDE_DEG] * 3):
        intake.accept(tenant, seen(customers, later(n), lat_deg), later(n))
    works: list[Callable[[Live], object]] = [
        lambda live: live.work_pings(later(10)),
        lambda live: live.run_due(later(11)),
        lambda live: live.dispatch_due(later(12)),
    ]
    lives = [Live(store, tenant, heard, owner=f"{round_no} {n}") for n in range(8)]
    at_once([lambda n=n, live=live: works[n % 3](live) for n, live in enumerate(lives)])  # type: ignore[misc]
    rest = Live(store, tenant, heard)
    rest.work_pings(later(20))
    rest.work_due(later(20))
    found = messages(store, tenant)
    assert {customer: len(statuses) for customer, statuses in found.items()} == dict.fromkeys(customers, 2)
    assert Counter(heard.customers) == Counter(customers * 2)
    assert len(runs(store, tenant)) == 3 * 3


@pytest.mark.parametrize("round_no", ROUNDS)
def test_a_budget_holds_when_many_customers_are_decided_at_once(store: SqlStore, round_no: int) -> None:
    customers, heard = names(80), Heard()
    campaigns = {**ENTER, "budget": {"messages": 31}}, {**ENTER, "id": "b", "priority": 9, "budget": {"messages": 7}}
    tenant = open_corner(store, *campaigns, customers=customers)
    intake = Intake(store, lambda: None)
    lives = [Live(store, tenant, heard, owner=f"{round_no} {n}") for n in range(4)]

    def arrive(n: int) -> None:
        intake.accept(tenant, seen(customers[n * 20 : n * 20 + 20], later(n)), later(n))

    def work(live: Live) -> None:
        for _ in range(12):
            live.work_some_pings(later(60))
            live.dispatch_some(later(60))

    at_once([*(lambda n=n: arrive(n) for n in range(4)), *(lambda live=live: work(live) for live in lives)])
    lives[0].work_pings(later(60))
    lives[0].dispatch_due(later(60))
    with store.reading(tenant) as uow:
        campaigns_of = {message.id: message.campaign_id for message in uow.outbox.page(limit=100).items}
    assert Counter(campaigns_of[message.id] for message in heard.messages) == {"camp-7": 31, "b": 7}
    assert Counter(reason for _, reason in verdicts(store, tenant))["budget_exhausted"] >= 80 - 38


@pytest.mark.parametrize("round_no", ROUNDS)
def test_whoever_says_no_in_time_gets_nothing(store: SqlStore, round_no: int) -> None:
    """What was queued when the withdrawal came is cancelled by it; the rest had left before."""
    customers, heard, dice = names(40), Heard(), random.Random(round_no)  # noqa: S311
    tenant = open_corner(store, ENTER, customers=customers)
    arrive(store, tenant, customers)
    lives = [Live(store, tenant, heard, owner=f"{round_no} {n}") for n in range(4)]
    lives[0].work_pings(NOON)
    withdrawing, at_commit = dice.sample(customers, 40), {}

    def withdraw() -> None:
        for customer in withdrawing:
            assert lives[3].take_consent(withdrawal(customer, NOON), NOON)
            at_commit[customer] = messages(store, tenant)[customer]

    at_once([withdraw, *(lambda live=live: live.dispatch_due(NOON) for live in lives[:2])])
    lives[0].dispatch_due(NOON)
    found = messages(store, tenant)
    assert {customer for customer, statuses in found.items() if statuses == ["cancelled"]}.isdisjoint(heard.customers)
    assert {customer for customer, statuses in found.items() if statuses == ["accepted"]} == set(heard.customers)
    assert {status for statuses in found.values() for status in statuses} <= {"cancelled", "accepted"}
    assert {status for statuses in at_commit.values() for status in statuses} <= {"cancelled", "sending", "accepted"}


def test_a_withdrawal_while_a_run_is_decided_waits_for_it_and_cancels_what_it_queued(store: SqlStore) -> None:
    customers, heard = names(30), Heard()
    tenant = open_corner(store, scheduled(), customers=customers, at=later(-30))
    arrive(store, tenant, customers, later(-30))
    lives = [Live(store, tenant, heard, owner=str(n)) for n in range(3)]
    lives[0].work_pings(later(-30))

    def withdraw() -> None:
        for n, customer in enumerate(customers):
            purpose = "location.matching" if n % 2 else "marketing.nearby"
            lives[0].take_consent(withdrawal(customer, NOON, purpose), NOON)

    at_once([withdraw, lambda: lives[1].run_due(NOON), lambda: lives[2].run_due(NOON)])
    lives[0].dispatch_due(NOON)
    assert heard.messages == []
    assert {status for statuses in messages(store, tenant).values() for status in statuses} <= {"cancelled"}
    assert len(runs(store, tenant)) == 1


class Busy(Heard):
    """Takes a message, and says when it may go on."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.may_end = Event(), Event()

    def send(self, outbound: Outbound) -> Attempt:
        self.begun.set()
        assert self.may_end.wait(20)
        return super().send(outbound)


def test_a_message_that_is_leaving_when_the_withdrawal_comes_is_the_last(store: SqlStore) -> None:
    (customer,), busy = names(1), Busy()
    tenant = open_corner(store, ENTER, {**ENTER, "id": "next"}, customers=names(1))
    intake = Intake(store, lambda: None)
    sender, other = (Live(store, tenant, busy, owner=owner) for owner in ("sender", "other"))
    intake.accept(tenant, seen([customer], NOON), NOON)
    sender.work_pings(NOON)

    def withdraw() -> None:
        assert busy.begun.wait(20)
        assert other.take_consent(withdrawal(customer, later(1)), later(1))
        assert messages(store, tenant) == {customer: ["sending"]}
        busy.may_end.set()

    at_once([withdraw, lambda: sender.dispatch_due(NOON)])
    assert messages(store, tenant) == {customer: ["accepted"]}
    for n, lat_deg in enumerate([OUTSIDE_DEG, INSIDE_DEG], 2):
        intake.accept(tenant, seen([customer], later(n), lat_deg), later(n))
    other.work_pings(later(4))
    other.dispatch_due(later(4))
    assert len(busy.messages) == 1


class PausingStore(SqlStore):
    """Stops before each commit until it may go on."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.reached, self.may_go_on = Event(), Event()

    def writing(self, tenant_id: TenantId) -> "PausingUnitOfWork":
        return PausingUnitOfWork(self, tenant_id)


class PausingUnitOfWork(SqlUnitOfWork):
    def __init__(self, store: PausingStore, tenant_id: TenantId) -> None:
        super().__init__(store.engine, tenant_id)
        self._store = store

    def commit(self) -> None:
        self._store.reached.set()
        assert self._store.may_go_on.wait(20)
        super().commit()


def test_a_budget_that_others_use_up_before_the_commit_is_seen_to_be_used_up(store: SqlStore, store_url: str) -> None:
    customers, heard = sorted(names(40), key=partition_of), Heard()
    tenant = open_corner(store, {**ENTER, "budget": {"messages": 30}}, customers=customers)
    boundary = partition_of(customers[20])
    halves = [[c for c in customers if (partition_of(c) < boundary) is is_low] for is_low in (True, False)]
    intake = Intake(store, lambda: None)
    intake.accept(tenant, seen(halves[0], NOON), NOON)

    with closing(PausingStore(store_url)) as pausing:

        def first() -> None:
            Live(pausing, tenant, heard, owner="first").work_pings(NOON)

        def second() -> None:
            assert pausing.reached.wait(20)
            Timer(0.5, pausing.may_go_on.set).start()
            intake.accept(tenant, seen(halves[1], NOON), NOON)
            Live(store, tenant, heard, owner="second").work_pings(NOON)

        at_once([first, second])
    assert Counter(reason for _, reason in verdicts(store, tenant)) == {None: 30, "budget_exhausted": 10}


def test_whoever_walks_into_a_fence_while_it_is_deleted_is_not_left_in_it(store: SqlStore, store_url: str) -> None:
    """The deletion waits for those who are deciding on the fence, and then ends their visits, too."""
    (customer,), heard = names(1), Heard()
    tenant = open_corner(store, ENTER, customers=names(1))
    arrive(store, tenant, [customer])

    with closing(PausingStore(store_url)) as pausing:

        def work() -> None:
            Live(pausing, tenant, heard, owner="worker").work_pings(NOON)

        def delete() -> None:
            assert pausing.reached.wait(20)
            Timer(0.3, pausing.may_go_on.set).start()
            Live(store, tenant, heard, owner="editor").delete_geofence(GeofenceId("f"), later(1))

        at_once([work, delete])
    Live(store, tenant, heard).dispatch_due(later(2))
    assert messages(store, tenant) == {customer: ["cancelled"]}
    assert heard.messages == []
    with store.reading(tenant) as uow:
        assert [told.kind.value for _, told in uow.transitions.every()] == ["enter", "exit"]
        assert uow.tracks.visiting(GeofenceId("f")) == []
