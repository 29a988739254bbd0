"""The clock is set back by minutes, or leaps over hours: nothing is lost, nothing comes twice, nothing is rushed."""

from typing import Any

import pytest

from nearcast.domain.consent import ConsentAction, ConsentEvent
from nearcast.domain.ids import TenantId
from nearcast.services.intake import Intake
from nearcast.services.ledger_ports import LedgerLine
from nearcast.services.live import Live
from nearcast.store.sql_store import SqlStore
from tests.live.corner import (
    ENTER,
    INSIDE_DEG,
    NOON,
    OUTSIDE_DEG,
    Heard,
    later,
    messages,
    names,
    open_corner,
    runs,
    scheduled,
    seen,
    verdicts,
)

(CUSTOMER,) = names(1)
BACK_S = -420


def opened(store: SqlStore, *campaigns: dict[str, Any], **settings: Any) -> tuple[TenantId, Live, Intake, Heard]:
    heard = Heard()
    tenant = open_corner(store, *campaigns, customers=names(1), at=later(-30), settings=settings or None)
    return tenant, Live(store, tenant, heard), Intake(store, lambda: None), heard


def location(action: ConsentAction, at_s: float, *, valid_until_s: float | None = None) -> LedgerLine:
    event = ConsentEvent(
        event_id=f"{action} {at_s}",
        customer_id=CUSTOMER,
        purpose="location.matching",
        action=action,
        at=later(at_s),
        channel=None,
        sender="t1",
        valid_until=None if valid_until_s is None else later(valid_until_s),
    )
    return LedgerLine(event=event, recorded_at=later(at_s))


def transitions(store: SqlStore, tenant: TenantId) -> list[str]:
    with store.reading(tenant) as uow:
        return [told.kind.value for _, told in uow.transitions.every()]


def test_a_ping_that_came_in_under_a_fresh_consent_is_not_lost(store: SqlStore) -> None:
    tenant, live, intake, _ = opened(store, ENTER)
    live.take_consent(location(ConsentAction.WITHDRAWN, -86_400), later(-86_400))
    live.take_consent(location(ConsentAction.GRANTED, -10), later(-10))
    assert intake.accept(tenant, seen(names(1), NOON), NOON) == []
    live.work_pings(later(BACK_S))
    assert transitions(store, tenant) == ["enter"]
    with store.reading(tenant) as uow:
        assert uow.counters.get("refused") == {}


def test_a_ping_is_never_taken_for_later_than_it_came_in(store: SqlStore) -> None:
    """Whoever sends the file may say so."""
    tenant, live, intake, _ = opened(store, ENTER)
    live.take_consent(location(ConsentAction.GRANTED, -10, valid_until_s=86_400), later(-10))
    batch = seen(names(1), NOON)
    batch.received_at_us[:] += 10**13
    assert intake.accept(tenant, batch, later(1)) == []
    live.work_pings(later(2))
    live.dispatch_due(later(2))
    assert messages(store, tenant) == {CUSTOMER: ["accepted"]}


def test_a_message_waits_until_the_clock_has_come_round_again_and_leaves_once(store: SqlStore) -> None:
    tenant, live, intake, heard = opened(store, ENTER)
    intake.accept(tenant, seen(names(1), NOON), NOON)
    live.work_pings(NOON)
    for at_s in (BACK_S, -60, 0, BACK_S, 0, 1):
        live.work_due(later(at_s))
        live.rescue(later(at_s))
    assert messages(store, tenant) == {CUSTOMER: ["accepted"]}
    assert len(heard.messages) == 1


def test_a_claim_does_not_end_early_and_does_not_last_for_ever(store: SqlStore) -> None:
    tenant, live, intake, heard = opened(store, ENTER)
    intake.accept(tenant, seen(names(1), NOON), NOON)
    live.work_pings(NOON)
    with store.writing(tenant) as uow:
        assert uow.outbox.claim_due(NOON, owner="dead", lease_s=60, limit=1)
        uow.commit()
    for at_s in (BACK_S, 0, 59):
        live.rescue(later(at_s))
        assert live.dispatch_due(later(at_s)) == 0
    live.rescue(later(60))
    live.dispatch_due(later(60))
    assert len(heard.messages) == 1


@pytest.mark.parametrize("back_s", [-60, BACK_S])
def test_no_run_comes_twice_or_is_left_out(store: SqlStore, back_s: float) -> None:
    tenant, live, intake, heard = opened(store, scheduled(catch_up_s=3600))
    intake.accept(tenant, seen(names(1), later(-30)), later(-30))
    live.work_pings(later(-30))
    for at_s in (0, 60, back_s, back_s + 60, 0, 60, 120):
        live.work_due(later(at_s))
    assert [run.due_at for run in runs(store, tenant)] == [later(at_s) for at_s in (0, 60, 120)]
    assert len(heard.messages) == len(verdicts(store, tenant)) == 3


def test_after_a_night_asleep_what_is_over_is_over_and_the_rest_comes_once(store: SqlStore) -> None:
    """Shut at noon, opened at six the next morning: runs were missed, offers have expired, the visit has ended."""
    offers = {**ENTER, "offer": {"text": "Now!", "expires_after_s": 600}}, scheduled("0 * * * *", catch_up_s=1800)
    tenant, live, intake, heard = opened(store, *offers, presence={"profile": "raw", "gap_s": 900})
    intake.accept(tenant, seen(names(1), later(-5)), later(-5))
    live.work_pings(later(-5))
    morning = later(18 * 3600 + 60)
    for _ in range(2):
        live.work_due(morning)
        live.rescue(morning)
    assert [run.status.value for run in runs(store, tenant)] == ["missed"] * 18 + ["done"]
    assert transitions(store, tenant) == ["enter", "exit"]
    assert messages(store, tenant)[CUSTOMER][-1:] == ["expired"]
    assert len(heard.messages) == 1


def test_a_visit_that_went_on_while_the_workers_slept_is_not_ended(store: SqlStore) -> None:
    """Pings came in all the while: whoever wakes first, they are heard before anybody is taken to have left."""
    tenant, live, intake, heard = opened(
        store, {**ENTER, "trigger": {"on": "exit"}}, presence={"profile": "raw", "gap_s": 900}
    )
    intake.accept(tenant, seen(names(1), NOON), NOON)
    live.work_pings(NOON)
    for at_s in (600, 1200, 1800):
        intake.accept(tenant, seen(names(1), later(at_s)), later(at_s))
    live.work_due(later(1900))
    assert transitions(store, tenant) == ["enter"]
    live.work_pings(later(1901))
    live.work_due(later(1901))
    assert (transitions(store, tenant), heard.messages) == (["enter"], [])
    live.work_due(later(1800 + 900))
    assert transitions(store, tenant) == ["enter", "exit"]


def test_a_visit_ends_although_later_pings_wait(store: SqlStore) -> None:
    tenant, live, intake, _ = opened(store, ENTER, presence={"profile": "raw", "gap_s": 900})
    intake.accept(tenant, seen(names(1), NOON), NOON)
    live.work_pings(NOON)
    intake.accept(tenant, seen(names(1), later(2000), OUTSIDE_DEG), later(2000))
    live.work_due(later(2001))
    assert transitions(store, tenant) == ["enter", "exit"]


@pytest.mark.parametrize("days", [0, 6, 30])
def test_when_a_consent_ends_the_position_goes_however_long_nobody_looked(store: SqlStore, days: int) -> None:
    tenant, live, intake, _ = opened(store, ENTER)
    live.take_consent(location(ConsentAction.GRANTED, -10, valid_until_s=600), later(-10))
    intake.accept(tenant, seen(names(1), NOON, INSIDE_DEG), NOON)
    live.work_pings(NOON)
    Live(store, tenant, Heard()).end_due(later(599))
    with store.reading(tenant) as uow:
        assert uow.tracks.load([CUSTOMER]) != {}
    Live(store, tenant, Heard()).end_due(later(600 + days * 86_400))
    with store.reading(tenant) as uow:
        assert uow.tracks.load([CUSTOMER]) == {}
    assert transitions(store, tenant) == ["enter", "exit"]
