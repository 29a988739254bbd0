"""Several engines on one store at the same time: nothing is lost, nothing happens twice."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from nearcast.domain.message import MessageStatus
from nearcast.domain.sending import Attempt, Outbound
from nearcast.services.intake import Intake
from nearcast.services.live import Live
from nearcast.services.ports import RunStatus
from nearcast.store.sql_store import SqlStore
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
from tests.store.values import at_once


def engines(store: SqlStore, tenant: str, heard: Heard, count: int = 3) -> list[Live]:
    return [Live(store, tenant, heard, owner=f"worker {n}") for n in range(count)]  # type: ignore[arg-type]


def each(lives: list[Live], work: Callable[[Live], object]) -> None:
    at_once([lambda live=live: work(live) for live in lives])  # type: ignore[misc]


def test_every_ping_is_decided_once_and_every_message_sent_once(store: SqlStore) -> None:
    customers, heard = names(120), Heard()
    tenant = open_corner(store, {**ENTER, "budget": {"messages": 100}}, customers=customers)
    intake = Intake(store, lambda: None)
    for minute, lat_deg in enumerate([OUTSIDE_DEG, INSIDE_DEG]):
        intake.accept(tenant, seen(customers, later(60 * minute), lat_deg), later(60 * minute))

    def work(live: Live) -> None:
        live.work_pings(later(61))
        live.dispatch_due(later(61))

    each(engines(store, tenant, heard), work)
    rest = Live(store, tenant, heard)
    rest.work_pings(later(61))
    rest.dispatch_due(later(61))
    assert sorted(customer for customer, _ in verdicts(store, tenant)) == customers
    with store.reading(tenant) as uow:
        assert uow.counters.get("pings") == {"accepted": 240}
    assert len(heard.messages) == len(set(heard.customers)) == 100
    assert messages(store, tenant) == {customer: ["accepted"] for customer in heard.customers}


def test_a_due_instant_has_one_run_whoever_comes_first(store: SqlStore) -> None:
    customers, heard = names(20), Heard()
    made_at = later(-240)
    tenant = open_corner(
        store,
        scheduled(catch_up_s=120),
        {**scheduled(catch_up_s=120), "id": "camp-9"},
        customers=customers,
        at=made_at,
        settings={"policy": {"caps": [{"id": "gap", "scope": "customer", "kind": "min_gap", "window_s": 3600}]}},
    )
    live = Live(store, tenant, heard)
    arrive(store, tenant, customers, later(-300))
    live.work_pings(later(-300))
    each(engines(store, tenant, heard), lambda live: live.work_due(NOON))
    found = runs(store, tenant)
    assert [(run.campaign_id, run.due_at, run.status) for run in found] == [
        (campaign, later(-60 * minutes), RunStatus.MISSED if minutes > 2 else RunStatus.DONE)
        for minutes in (4, 3, 2, 1, 0)
        for campaign in ("camp-8", "camp-9")
    ]
    assert {run.entries for run in found if run.status is RunStatus.DONE} == {20}
    assert heard.customers == customers
    assert messages(store, tenant) == {customer: ["accepted"] for customer in customers}
    assert len(verdicts(store, tenant)) == 3 * 2 * 20


def test_one_dispatcher_takes_over_from_another_that_died(store: SqlStore) -> None:
    customers, heard = names(3), Heard()
    tenant = open_corner(store, ENTER, customers=customers)
    arrive(store, tenant, customers)
    dead, alive = Live(store, tenant, heard, owner="dead", lease_s=5), Live(store, tenant, heard, owner="alive")
    dead.work_pings(NOON)
    with store.writing(tenant) as uow:
        (first, *_) = uow.outbox.claim_due(NOON, owner="dead", lease_s=5, limit=10)
        assert uow.outbox.proceed([replace(first, message=first.message.to(MessageStatus.SENDING))])
        uow.commit()
    alive.rescue(later(4))
    assert alive.dispatch_due(later(4)) == 0
    alive.rescue(later(5))
    assert alive.dispatch_due(later(5)) == 2
    assert sorted(status for (status,) in messages(store, tenant).values()) == ["accepted", "accepted", "unknown"]
    assert first.message.customer_id not in heard.customers


def test_the_lease_is_as_long_as_it_was_said(store: SqlStore) -> None:
    class Dying(Heard):
        def send(self, outbound: Outbound) -> Attempt:
            raise KeyboardInterrupt

    tenant = open_corner(store, ENTER, customers=names(1))
    arrive(store, tenant, names(1))
    live = Live(store, tenant, Dying(), lease_s=7)
    live.work_pings(NOON)
    with pytest.raises(KeyboardInterrupt):
        live.dispatch_due(NOON)
    live.rescue(later(6))
    assert messages(store, tenant) == {"cust-0000": ["sending"]}
    live.rescue(later(7))
    assert messages(store, tenant) == {"cust-0000": ["unknown"]}
