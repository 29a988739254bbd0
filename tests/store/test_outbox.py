"""Claims: a message is sent by one at a time, and a late sender cannot undo what came after it."""

from dataclasses import replace
from typing import Any

from nearcast.domain.case import Send
from nearcast.domain.ids import CampaignId, CustomerId, GeofenceId, MessageId, TenantId
from nearcast.domain.message import Message, MessageStatus
from nearcast.services.ports import Claim, MessageFilter
from nearcast.store.sql_store import SqlStore
from tests.store.values import ANNA, BOB, NOON, at_once, later
from tests.store.values import message as plain_message


def message(number: int = 1, /, **changes: Any) -> Message:
    """Each to a customer of its own: of one customer only one is in flight."""
    return plain_message(number, **{"customer_id": CustomerId(f"cust-{number:03}"), **changes})


QUEUED, CLAIMED, SENDING = MessageStatus.QUEUED, MessageStatus.CLAIMED, MessageStatus.SENDING
ACCEPTED, CANCELLED, UNKNOWN = MessageStatus.ACCEPTED, MessageStatus.CANCELLED, MessageStatus.UNKNOWN


def queue(store: SqlStore, tenant: TenantId, *messages: Message) -> None:
    with store.writing(tenant) as uow:
        uow.outbox.insert(messages)
        uow.commit()


def claim(store: SqlStore, tenant: TenantId, owner: str = "a", *, now_s: float = 0, limit: int = 10) -> list[MessageId]:
    with store.writing(tenant) as uow:
        claims = uow.outbox.claim_due(later(now_s), owner=owner, lease_s=30, limit=limit)
        uow.commit()
    return [taken.message.id for taken in claims]


def held(item: Message, owner: str, attempt: int, *, until_s: float = 60) -> Claim:
    return Claim(message=item, owner=owner, attempt=attempt, until=later(until_s))


def status(store: SqlStore, tenant: TenantId, number: int = 1) -> MessageStatus:
    with store.reading(tenant) as uow:
        found = uow.outbox.get(MessageId(f"message-{number}"))
    assert found is not None
    return found.status


def test_what_is_due_is_claimed_the_longest_due_first(store: SqlStore, tenant: TenantId) -> None:
    queue(
        store,
        tenant,
        message(1, not_before=later(10)),
        message(2, not_before=later(5)),
        message(3, not_before=later(11)),
        message(4, status=MessageStatus.EXPIRED),
    )
    with store.reading(tenant) as uow:
        assert uow.outbox.next_due() == later(5)
    with store.writing(tenant) as uow:
        first, second = uow.outbox.claim_due(later(10), owner="a", lease_s=30, limit=10)
        assert [first.message.id, second.message.id] == ["message-2", "message-1"]
        assert first.message == message(2, not_before=later(5), status=CLAIMED)
        assert (first.owner, first.attempt, first.until) == ("a", 1, later(40))
        uow.commit()
    assert claim(store, tenant, "b", now_s=10) == []
    assert claim(store, tenant, "b", now_s=11) == ["message-3"]


def test_a_limit_is_kept(store: SqlStore, tenant: TenantId) -> None:
    queue(store, tenant, *(message(n) for n in range(1, 6)))
    assert claim(store, tenant, limit=2) == ["message-1", "message-2"]
    assert claim(store, tenant, limit=2) == ["message-3", "message-4"]


def test_no_message_is_claimed_twice_by_dispatchers_at_once(store: SqlStore, tenant: TenantId) -> None:
    queue(store, tenant, *(message(n) for n in range(1, 61)))

    def work(owner: str) -> list[MessageId]:
        mine: list[MessageId] = []
        while some := claim(store, tenant, owner, limit=7):
            mine += some
        return mine

    taken = [key for keys in at_once([lambda o=o: work(o) for o in "abcd"]) for key in keys]  # type: ignore[misc]
    assert sorted(taken) == sorted(f"message-{n}" for n in range(1, 61))


def test_a_claim_that_is_not_committed_is_none(store: SqlStore, tenant: TenantId) -> None:
    queue(store, tenant, message())
    with store.writing(tenant) as uow:
        assert len(uow.outbox.claim_due(NOON, owner="a", lease_s=30, limit=1)) == 1
    assert claim(store, tenant, "b") == ["message-1"]


def test_an_attempt_from_claim_to_acceptance(store: SqlStore, tenant: TenantId) -> None:
    queue(store, tenant, message())
    claim(store, tenant)
    sending = message(status=SENDING)
    with store.writing(tenant) as uow:
        assert not uow.outbox.proceed([held(sending, "b", 1, until_s=60)])
        assert not uow.outbox.proceed([held(sending, "a", 2, until_s=60)])
        assert uow.outbox.proceed([held(sending, "a", 1, until_s=60)])
        assert not uow.outbox.proceed([held(sending, "a", 1, until_s=60)])
        uow.commit()
    accepted = replace(sending, status=ACCEPTED, sent_at=later(1), provider_id="wamid.1")
    with store.writing(tenant) as uow:
        assert uow.outbox.proceed([held(accepted, "a", 1)])
        assert not uow.outbox.proceed([held(replace(accepted, status=UNKNOWN), "a", 1)])
        uow.commit()
    with store.reading(tenant) as uow:
        assert uow.outbox.get(MessageId("message-1")) == accepted


def test_leases_that_run_out_are_rescued_and_late_senders_refused(store: SqlStore, tenant: TenantId) -> None:
    queue(store, tenant, message(1), message(2), message(3, not_before=later(20)))
    claim(store, tenant)
    with store.writing(tenant) as uow:
        assert uow.outbox.proceed([held(message(2, status=SENDING), "a", 1, until_s=30)])
        uow.commit()
    claim(store, tenant, now_s=20)
    with store.writing(tenant) as uow:
        assert uow.outbox.rescue(later(29)) == {QUEUED: [], UNKNOWN: []}
        assert uow.outbox.rescue(later(30)) == {QUEUED: ["message-1"], UNKNOWN: ["message-2"]}
        uow.commit()
    assert claim(store, tenant, "b", now_s=30) == ["message-1"]
    with store.writing(tenant) as uow:
        late = message(1, status=SENDING)
        assert not uow.outbox.proceed([held(late, "a", 1, until_s=90)])
        assert not uow.outbox.proceed([held(replace(late, status=ACCEPTED), "a", 1)])
        assert not uow.outbox.proceed([held(message(2, status=ACCEPTED), "a", 1)])
        assert uow.outbox.proceed([held(late, "b", 2, until_s=90)])
    assert status(store, tenant, 2) is UNKNOWN


def test_a_message_that_has_not_left_can_be_cancelled_and_its_claim_ends(store: SqlStore, tenant: TenantId) -> None:
    queue(store, tenant, message(1), message(2), message(3))
    claim(store, tenant, limit=2)
    with store.writing(tenant) as uow:
        assert uow.outbox.proceed([held(message(2, status=SENDING), "a", 1, until_s=30)])
        gone = [message(n, status=CANCELLED, reason="cancelled_consent") for n in (1, 2, 3)]
        assert uow.outbox.update(gone) == ["message-2"]
        assert not uow.outbox.proceed([held(message(1, status=SENDING), "a", 1, until_s=30)])
        uow.commit()
    assert [status(store, tenant, n) for n in (1, 2, 3)] == [CANCELLED, SENDING, CANCELLED]


def test_many_claims_are_finished_at_once_but_for_those_that_are_gone(store: SqlStore, tenant: TenantId) -> None:
    queue(store, tenant, *(message(n) for n in range(1, 5)))
    claim(store, tenant, limit=3)
    with store.writing(tenant) as uow:
        started = uow.outbox.proceed(held(message(n, status=SENDING), "a", 1) for n in (1, 2, 3, 4))
        assert started == {"message-1", "message-2", "message-3"}
        ends = [message(1, status=ACCEPTED, sent_at=NOON), message(2, status=UNKNOWN), message(3, status=ACCEPTED)]
        claims = [held(item, "a", attempt) for item, attempt in zip(ends, (1, 1, 2), strict=True)]
        assert uow.outbox.proceed(claims) == {"message-1", "message-2"}
        uow.commit()
    assert [status(store, tenant, n) for n in (1, 2, 3, 4)] == [ACCEPTED, UNKNOWN, SENDING, QUEUED]


def test_messages_are_found(store: SqlStore, tenant: TenantId) -> None:
    queue(
        store,
        tenant,
        message(2, customer_id=ANNA),
        message(1, customer_id=BOB),
        message(3, customer_id=ANNA, geofence_id=GeofenceId("f2")),
        message(4, customer_id=BOB, status=CANCELLED),
    )
    with store.reading(tenant) as uow:
        outbox = uow.outbox
        assert [m.id for m in outbox.of([ANNA, BOB])[BOB]] == ["message-1", "message-4"]
        assert outbox.queued_for_geofence(GeofenceId("f1")) == [ANNA, BOB]
        assert outbox.queued_for_geofence(GeofenceId("f2")) == [ANNA]
        page = outbox.page(limit=3)
        assert [m.id for m in page.items] == ["message-4", "message-3", "message-1"]
        assert [m.id for m in outbox.page(limit=3, cursor=page.next_cursor).items] == ["message-2"]
        wanted = MessageFilter(status=QUEUED, customer_id=BOB)
        assert [m.id for m in outbox.page(wanted, newest_first=False).items] == ["message-1"]
        assert outbox.page(MessageFilter(shop_ids=[])).items == []


def test_other_sends_count_unless_they_are_ghosts(store: SqlStore, tenant: TenantId) -> None:
    prior = Send(campaign_id=CampaignId("other"), at=NOON)
    ghost = Send(
        campaign_id=CampaignId("camp-7"),
        at=later(1),
        geofence_id=GeofenceId("f1"),
        channel="sms",
        is_ghost=True,
        decided_at=later(1),
    )
    with store.writing(tenant) as uow:
        uow.sends.append([(ANNA, ghost), (ANNA, prior), (BOB, prior)])
        uow.commit()
    with store.reading(tenant) as uow:
        assert uow.sends.of([ANNA, BOB]) == {ANNA: [ghost, prior], BOB: [prior]}
        assert uow.budgets.used() == {"other": 2}
