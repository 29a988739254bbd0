"""Budgets: what campaigns have lost is known at once, and the last of it goes to one."""

from threading import Event

import pytest

from nearcast.domain.errors import Overtaken
from nearcast.domain.ids import CampaignId, CustomerId, TenantId
from nearcast.domain.message import MessageStatus
from nearcast.services.ports import Claim
from nearcast.store.sql_store import SqlStore
from tests.store.values import NOON, at_once, later, message

CAMPAIGN, OTHER = CampaignId("camp-7"), CampaignId("camp-8")


def used(store: SqlStore, tenant: TenantId) -> dict[CampaignId, int]:
    with store.reading(tenant) as uow:
        return uow.budgets.used()


def test_a_message_takes_from_its_budget_as_long_as_it_takes_a_slot(store: SqlStore, tenant: TenantId) -> None:
    every = [message(n, customer_id=CustomerId(f"c{n}"), status=state) for n, state in enumerate(MessageStatus, 1)]
    bounced = message(99, status=MessageStatus.FAILED, sent_at=NOON)
    with store.writing(tenant) as uow:
        uow.outbox.insert([*every, bounced, message(100, campaign_id=OTHER)])
        assert uow.budgets.used() == {CAMPAIGN: sum(item.takes_slot for item in (*every, bounced)), OTHER: 1}
        uow.commit()
    assert used(store, tenant) == {CAMPAIGN: sum(item.takes_slot for item in (*every, bounced)), OTHER: 1}


@pytest.mark.parametrize("by_claim", [True, False])
def test_a_message_that_is_freed_gives_back_what_it_took_once(
    store: SqlStore, tenant: TenantId, by_claim: bool
) -> None:
    with store.writing(tenant) as uow:
        uow.outbox.insert([message(1), message(2, customer_id=CustomerId("c2"))])
        (first, _) = uow.outbox.claim_due(NOON, owner="a", lease_s=60, limit=2)
        uow.commit()
    gone = message(1, status=MessageStatus.CANCELLED, freed_at=NOON)
    claim = Claim(message=gone, owner="a", attempt=first.attempt, until=first.until)
    for _ in range(2):
        with store.writing(tenant) as uow:
            uow.outbox.proceed([claim]) if by_claim else uow.outbox.update([gone])
            uow.commit()
    assert used(store, tenant) == {CAMPAIGN: 1}


def test_it_is_known_of_some_campaigns_with_what_this_transaction_changes(store: SqlStore, tenant: TenantId) -> None:
    with store.writing(tenant) as uow:
        uow.outbox.insert([message(1), message(2, campaign_id=OTHER), message(3, campaign_id=OTHER)])
        uow.commit()
    with store.writing(tenant) as uow:
        uow.outbox.insert([message(4), message(5, campaign_id=OTHER)])
        assert uow.budgets.used([CAMPAIGN]) == {CAMPAIGN: 2}
        assert uow.budgets.used([OTHER, CampaignId("camp-9")]) == {OTHER: 3}
        assert uow.budgets.used([]) == {}


def test_what_is_rolled_back_takes_nothing(store: SqlStore, tenant: TenantId) -> None:
    with store.writing(tenant) as uow:
        uow.outbox.insert([message(1)])
    assert used(store, tenant) == {}


def test_no_more_is_taken_than_there_is(store: SqlStore, tenant: TenantId) -> None:
    with store.writing(tenant) as uow:
        uow.outbox.insert([message(1), message(2, campaign_id=OTHER)])
        uow.budgets.limit({CAMPAIGN: 1, OTHER: 0})
        with pytest.raises(Overtaken):
            uow.commit()
    assert used(store, tenant) == {}
    with store.writing(tenant) as uow:
        uow.outbox.insert([message(1)])
        uow.budgets.limit({CAMPAIGN: 1, OTHER: 0})
        uow.commit()
    with store.writing(tenant) as uow:  # a limit that was lowered keeps nobody from giving back
        uow.budgets.limit({CAMPAIGN: 0})
        uow.outbox.update([message(1, status=MessageStatus.EXPIRED, freed_at=later(1))])
        uow.commit()
    assert used(store, tenant) == {}


def test_of_two_that_saw_the_last_message_one_gets_it(store: SqlStore, tenant: TenantId) -> None:
    def take(number: int) -> bool:
        with store.writing(tenant) as uow:
            uow.outbox.insert([message(number)])
            uow.budgets.limit({CAMPAIGN: 1})
            try:
                uow.commit()
            except Overtaken:
                return False
        return True

    assert sorted(at_once([lambda: take(1), lambda: take(2)])) == [False, True]
    assert used(store, tenant) == {CAMPAIGN: 1}


def test_whoever_holds_budgets_keeps_others_from_taking(store: SqlStore, tenant: TenantId) -> None:
    held, done = Event(), Event()
    seen: list[int] = []

    def hold() -> None:
        with store.writing(tenant) as uow:
            uow.budgets.hold([CAMPAIGN, OTHER])
            held.set()
            assert not done.wait(0.2)
            uow.outbox.insert([message(1)])
            uow.commit()

    def take() -> None:
        assert held.wait(20)
        with store.writing(tenant) as uow:
            uow.outbox.insert([message(2)])
            uow.commit()
        seen.append(used(store, tenant)[CAMPAIGN])
        done.set()

    at_once([hold, take])
    assert seen == [2]
