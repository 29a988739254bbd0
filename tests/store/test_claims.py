"""Which message is claimed next: by priority, in time, one of each customer, no faster than throttles let them."""

from threading import Lock

from nearcast.domain.ids import CustomerId, MessageId, TenantId
from nearcast.domain.message import Message, MessageStatus
from nearcast.domain.throttle import Throttle
from nearcast.services.ports import Claim, MessageFilter
from nearcast.store.sql_store import SqlStore
from tests.store.values import ANNA, BOB, NOON, at_once, later, message

CLAIMED, EXPIRED = MessageStatus.CLAIMED, MessageStatus.EXPIRED
QUEUED, SENDING, UNKNOWN = MessageStatus.QUEUED, MessageStatus.SENDING, MessageStatus.UNKNOWN


def queue(store: SqlStore, tenant: TenantId, *messages: Message) -> None:
    with store.writing(tenant) as uow:
        uow.outbox.insert(messages)
        uow.commit()


def claim(
    store: SqlStore, tenant: TenantId, now_s: float = 0, *throttles: Throttle, limit: int = 10, owner: str = "a"
) -> list[MessageId]:
    with store.writing(tenant) as uow:
        claims = uow.outbox.claim_due(later(now_s), owner=owner, lease_s=30, limit=limit, throttles=throttles)
        uow.commit()
    return [taken.message.id for taken in claims]


def end(store: SqlStore, tenant: TenantId, message_id: MessageId, owner: str = "a") -> None:
    with store.writing(tenant) as uow:
        found = uow.outbox.get(message_id)
        assert found is not None
        claim = Claim(message=found.to(MessageStatus.CANCELLED), owner=owner, attempt=1, until=later(30))
        assert uow.outbox.proceed([claim]) == {message_id}
        uow.commit()


def of(store: SqlStore, tenant: TenantId, status: MessageStatus) -> list[Message]:
    with store.reading(tenant) as uow:
        return uow.outbox.page(MessageFilter(status=status), newest_first=False, limit=1000).items


def test_priority_goes_before_waiting_longer(store: SqlStore, tenant: TenantId) -> None:
    to = [CustomerId(f"cust-{n}") for n in range(5)]
    queue(
        store,
        tenant,
        message(1, customer_id=to[1], not_before=later(-9)),
        message(2, customer_id=to[2], priority=5),
        message(3, customer_id=to[3], priority=5, not_before=later(-1)),
        message(4, customer_id=to[4], priority=9, not_before=later(1)),
    )
    assert claim(store, tenant) == ["message-3", "message-2", "message-1"]


def test_what_is_over_is_never_claimed_but_ends(store: SqlStore, tenant: TenantId) -> None:
    tried = {"repeat_until": later(9999)}
    queue(
        store,
        tenant,
        message(1, expires_at=later(10)),
        message(2, expires_at=later(11), customer_id=BOB),
        message(3, expires_at=later(5), **tried),
    )
    assert claim(store, tenant, 10) == ["message-2"]
    with store.writing(tenant) as uow:
        assert uow.outbox.expire(later(10)) == 2
        uow.commit()
    assert [(m.id, m.reason, m.freed_at) for m in of(store, tenant, EXPIRED)] == [("message-1", "expired", later(10))]
    with store.reading(tenant) as uow:
        assert uow.budgets.used() == {message().campaign_id: 2}
    assert [(m.id, m.reason, m.freed_at) for m in of(store, tenant, UNKNOWN)] == [("message-3", None, None)]


def test_of_one_customer_one_message_is_in_flight(store: SqlStore, tenant: TenantId) -> None:
    queue(store, tenant, message(1), message(2), message(3), message(4, customer_id=BOB))
    assert claim(store, tenant) == ["message-1", "message-4"]
    assert claim(store, tenant) == []
    end(store, tenant, MessageId("message-1"))
    assert claim(store, tenant) == ["message-2"]


def test_however_many_claim_at_once_of_one_customer_one_is_in_flight(store: SqlStore, tenant: TenantId) -> None:
    customers = [CustomerId(f"cust-{n}") for n in range(6)]
    queue(store, tenant, *(message(n, customer_id=customers[n % 6]) for n in range(48)))
    guard, sent = Lock(), []

    def work(owner: str) -> None:
        idle = 0
        while idle < 3:
            mine = claim(store, tenant, owner=owner, limit=4)
            idle = 0 if mine else idle + 1
            in_flight = [m.customer_id for m in of(store, tenant, CLAIMED)]
            assert len(set(in_flight)) == len(in_flight)
            for key in mine:
                with guard:
                    sent.append(key)
                end(store, tenant, key, owner)

    at_once([lambda o=o: work(o) for o in "abc"])  # type: ignore[misc]
    work("rest")
    assert sorted(sent) == sorted(f"message-{n}" for n in range(48))


def test_a_throttle_holds_back_what_is_too_much_and_says_so(store: SqlStore, tenant: TenantId) -> None:
    to = [CustomerId(f"cust-{n}") for n in range(9)]
    queue(store, tenant, *(message(n, customer_id=to[n], priority=1, sender="s1") for n in range(6)))
    queue(store, tenant, message(6, customer_id=to[6], sender="t1"), message(7, customer_id=to[7], channel="email"))
    throttle = Throttle(channel="sms", sender="s1", per_s=2, burst=2)
    assert claim(store, tenant, 0, throttle, limit=4) == ["message-0", "message-1"]
    assert claim(store, tenant, 0, throttle, limit=4) == ["message-6", "message-7"]
    assert [m.id for m in of(store, tenant, QUEUED) if m.reason == "rate_limited"] == [
        f"message-{n}" for n in range(2, 6)
    ]
    with store.reading(tenant) as uow:
        assert uow.outbox.free_at([throttle], NOON) == later(0.5)
        assert uow.outbox.free_at([throttle], later(0.5)) is None
    assert claim(store, tenant, 0.499, throttle) == []
    assert claim(store, tenant, 0.5, throttle) == ["message-2"]
    assert claim(store, tenant, 99, throttle) == ["message-3", "message-4"]


def test_processes_together_send_no_faster_than_the_throttle(store: SqlStore, tenant: TenantId) -> None:
    """Three of them, with clocks up to 90 ms apart, for two seconds by their clocks."""
    queue(store, tenant, *(message(n, customer_id=CustomerId(f"cust-{n}")) for n in range(80)))
    throttle, guard, claimed_s = Throttle(channel="sms", per_s=10, burst=2), Lock(), []

    def work(skew_s: float, owner: str) -> None:
        for n in range(20):
            now_s = n / 10 + skew_s
            for _ in claim(store, tenant, now_s, throttle, owner=owner):
                with guard:
                    claimed_s.append(now_s)

    at_once([lambda n=n: work(n * 0.045, f"worker {n}") for n in range(3)])  # type: ignore[misc]
    span_s = 19 / 10 + 0.09
    assert 2 <= len(claimed_s) <= 10 * span_s + 2


def test_an_attempt_that_would_be_recognised_is_queued_again_by_a_rescue(store: SqlStore, tenant: TenantId) -> None:
    queue(store, tenant, message(1), message(2, customer_id=BOB), message(3, customer_id=CustomerId("cat")))
    claim(store, tenant)
    with store.writing(tenant) as uow:
        for n, repeat_until in ((1, None), (2, later(40)), (3, later(30))):
            changes = {"customer_id": [ANNA, BOB, CustomerId("cat")][n - 1], "repeat_until": repeat_until}
            sending = message(n, status=SENDING, **changes)
            assert uow.outbox.proceed([Claim(message=sending, owner="a", attempt=1, until=later(30))])
        uow.commit()
    with store.writing(tenant) as uow:
        assert uow.outbox.rescue(later(30)) == {QUEUED: ["message-2"], UNKNOWN: ["message-1", "message-3"]}
        uow.commit()
    assert claim(store, tenant, 30, owner="b") == ["message-2"]


def test_old_messages_go(store: SqlStore, tenant: TenantId) -> None:
    queue(
        store,
        tenant,
        message(1, status=MessageStatus.ACCEPTED, sent_at=NOON),
        message(2, status=EXPIRED, freed_at=later(5)),
        message(3, status=EXPIRED, freed_at=NOON),
        message(4),
    )
    with store.writing(tenant) as uow:
        assert uow.outbox.prune(NOON, limit=9) == 0
        assert uow.outbox.prune(later(1), limit=9) == 2
        assert uow.outbox.prune(later(9), limit=9) == 1
        assert [m.id for m in uow.outbox.page().items] == ["message-4"]
