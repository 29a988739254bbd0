"""How senders stand is kept, and their allowance is exact whoever asks at the same time."""

from dataclasses import replace

import pytest

from nearcast.domain.channel_event import UNLIMITED, SenderChange
from nearcast.domain.ids import CustomerId, MessageId, TenantId
from nearcast.domain.message import MessageStatus
from nearcast.domain.reason import Reason
from nearcast.domain.sender_state import DAY, TRIAL_EVERY
from nearcast.domain.sending import Accepted, Attempt, NotSent, ProviderError, Purpose, Rejected, RetryClass, Unknown
from nearcast.domain.throttle import Throttle
from nearcast.services.channel_ports import Limits
from nearcast.services.sender_states import Leaving, SenderStates, Tried
from nearcast.store.sql_store import SqlStore
from tests.store.values import NOON, at_once, later, message

WHATSAPP = "whatsapp"
FREE = SenderStates({WHATSAPP: "555"}, {})


def allowed(people: int | None, *, pair_interval_s: float | None = None) -> SenderStates:
    limits = Limits(body=1024, unique_recipients_24h=people, pair_interval_s=pair_interval_s)
    return SenderStates({WHATSAPP: "555"}, {WHATSAPP: limits})


def leaving(number: int, customer: int | None = None, purpose: Purpose = Purpose.MARKETING) -> Leaving:
    customer_id = CustomerId(f"c{number if customer is None else customer}")
    return Leaving(
        message_id=MessageId(f"message-{number}"), customer_id=customer_id, channel=WHATSAPP, purpose=purpose
    )


def asked(states: SenderStates, store: SqlStore, tenant: TenantId, *who: Leaving, at_s: float = 0) -> dict[str, Reason]:
    """Those that may not leave, with why."""
    with store.writing(tenant) as uow:
        blocked = states.may_send(uow, who, later(at_s))
        uow.commit()
    return {key: each.reason for key, each in blocked.items()}


def tell(
    states: SenderStates, store: SqlStore, tenant: TenantId, who: Leaving, attempt: Attempt, at_s: float = 0
) -> None:
    with store.writing(tenant) as uow:
        states.note(uow, [Tried(leaving=who, began_at=later(at_s), attempt=attempt)], later(at_s))
        uow.commit()


def refused(retry: RetryClass, code: str = "1") -> Rejected:
    return Rejected(error=ProviderError(provider=WHATSAPP, code=code, retry=retry))


def test_the_first_refusal_that_stops_a_sender_stops_all_of_it_and_one_trial_finds_out(
    store: SqlStore, tenant: TenantId
) -> None:
    assert asked(FREE, store, tenant, leaving(1)) == {}
    tell(FREE, store, tenant, leaving(1), refused(RetryClass.SENDER_STOP, "190"))
    assert asked(FREE, store, tenant, leaving(2), leaving(3, purpose=Purpose.SERVICE), at_s=1) == {
        "message-2": Reason.SENDER_STOPPED,
        "message-3": Reason.SENDER_STOPPED,
    }
    trial_s = TRIAL_EVERY.total_seconds()
    assert asked(FREE, store, tenant, leaving(2), leaving(3), at_s=trial_s) == {"message-3": Reason.SENDER_STOPPED}
    tell(FREE, store, tenant, leaving(2), Accepted(), trial_s + 1)
    assert asked(FREE, store, tenant, leaving(3), at_s=trial_s + 2) == {}


def test_a_stop_is_told_once_and_not_for_every_message(
    store: SqlStore, tenant: TenantId, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(3):
        tell(FREE, store, tenant, leaving(number), refused(RetryClass.SENDER_STOP, "190"))
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert "190" in record.getMessage()
    assert "555" not in record.getMessage()


def test_what_waits_for_a_stopped_sender_may_leave_when_somebody_resumes_it(store: SqlStore, tenant: TenantId) -> None:
    waiting = message(1, channel=WHATSAPP, reason=Reason.SENDER_STOPPED, not_before=later(300))
    others = message(2, channel=WHATSAPP, reason=Reason.QUIET_HOURS, not_before=later(300), customer_id=CustomerId("b"))
    tell(FREE, store, tenant, leaving(1), refused(RetryClass.SENDER_STOP))
    with store.writing(tenant) as uow:
        uow.outbox.insert(
            [waiting, others, message(3, channel="sms", reason=Reason.SENDER_STOPPED, not_before=later(9))]
        )
        FREE.resume(uow, WHATSAPP, "555", later(10))
        uow.commit()
    with store.reading(tenant) as uow:
        found = {item.id: item.not_before for item in uow.outbox.page().items}
        assert not uow.senders.get(WHATSAPP, "555").is_stopped
    assert found == {"message-1": later(10), "message-2": later(300), "message-3": later(9)}
    assert all(item == MessageStatus.QUEUED for item in [waiting.status, others.status])


def test_an_allowance_counts_people_and_not_messages_and_answers_not_at_all(store: SqlStore, tenant: TenantId) -> None:
    states = allowed(2)
    assert asked(states, store, tenant, leaving(1, 1), leaving(2, 1), leaving(3, 2), leaving(4, 3)) == {
        "message-4": Reason.ALLOWANCE_EXHAUSTED
    }
    assert asked(states, store, tenant, leaving(5, 2), leaving(6, 4, Purpose.SERVICE), at_s=5) == {}
    with store.writing(tenant) as uow:
        blocked = states.may_send(uow, [leaving(7, 7)], later(10))
    assert blocked[MessageId("message-7")].until == NOON + DAY
    day_s = DAY.total_seconds()
    assert asked(states, store, tenant, leaving(8, 8), leaving(9, 9), at_s=day_s) == {
        "message-9": Reason.ALLOWANCE_EXHAUSTED
    }


@pytest.mark.parametrize("attempt", [refused(RetryClass.BUG), NotSent(reason="refused")])
def test_whoever_did_not_get_a_message_does_not_count(store: SqlStore, tenant: TenantId, attempt: Attempt) -> None:
    states = allowed(1)
    assert asked(states, store, tenant, leaving(1)) == {}
    tell(states, store, tenant, leaving(1), attempt)
    tell(states, store, tenant, leaving(1), attempt)
    assert asked(states, store, tenant, leaving(2)) == {}
    tell(states, store, tenant, leaving(2), Unknown(reason="no answer"))
    assert asked(states, store, tenant, leaving(3)) == {"message-3": Reason.ALLOWANCE_EXHAUSTED}


def test_a_message_that_fails_leaves_the_one_before_it_counted(store: SqlStore, tenant: TenantId) -> None:
    states = allowed(1)
    assert asked(states, store, tenant, leaving(1, 1)) == {}
    assert asked(states, store, tenant, leaving(2, 1), at_s=60) == {}
    for _ in range(2):  # told twice, taken back once
        tell(states, store, tenant, leaving(2, 1), refused(RetryClass.BUG), 61)
    day_s = DAY.total_seconds()
    assert asked(states, store, tenant, leaving(3, 3), at_s=day_s - 1) == {"message-3": Reason.ALLOWANCE_EXHAUSTED}
    assert asked(states, store, tenant, leaving(3, 3), at_s=day_s) == {}


def test_of_many_that_ask_at_once_no_more_pass_than_are_allowed(store: SqlStore, tenant: TenantId) -> None:
    states = allowed(3)

    def ask(number: int) -> int:
        some = [leaving(10 * number + n) for n in range(2)]
        return len(some) - len(asked(states, store, tenant, *some))

    assert sum(at_once([lambda n=n: ask(n) for n in range(1, 6)])) == 3  # type: ignore[misc]


def test_what_the_provider_says_of_its_limit_holds_from_then_on(store: SqlStore, tenant: TenantId) -> None:
    states = allowed(1)
    for limit, blocked in ((3, {}), (UNLIMITED, {}), (0, {"message-9": Reason.ALLOWANCE_EXHAUSTED})):
        change = SenderChange(key="k", at=NOON, sender="waba", what="TIER", unique_recipients_24h=limit)
        with store.writing(tenant) as uow:
            states.change(uow, WHATSAPP, change, NOON)
            assert {key: each.reason for key, each in states.may_send(uow, [leaving(9)], NOON).items()} == blocked


def test_a_sender_that_the_provider_has_shut_is_stopped(store: SqlStore, tenant: TenantId) -> None:
    with store.writing(tenant) as uow:
        change = SenderChange(key="k", at=NOON, sender="waba", what="DISABLED_UPDATE", is_stopped=True)
        FREE.change(uow, WHATSAPP, change, NOON)
        uow.commit()
    assert asked(FREE, store, tenant, leaving(1), at_s=1) == {"message-1": Reason.SENDER_STOPPED}


def test_one_persons_complaint_holds_up_nobody_else(store: SqlStore, tenant: TenantId) -> None:
    tell(FREE, store, tenant, leaving(1), refused(RetryClass.PAIR_WAIT))
    assert asked(FREE, store, tenant, leaving(1), leaving(2), at_s=0.5) == {"message-1": Reason.PAIR_WAIT}
    tell(FREE, store, tenant, leaving(1), refused(RetryClass.PAIR_WAIT), at_s=1)
    assert asked(FREE, store, tenant, leaving(1), at_s=4.9) == {"message-1": Reason.PAIR_WAIT}
    assert asked(FREE, store, tenant, leaving(1), at_s=5) == {}


def test_messages_to_one_person_keep_their_distance(store: SqlStore, tenant: TenantId) -> None:
    states = allowed(None, pair_interval_s=6)
    assert asked(states, store, tenant, leaving(1, 1), leaving(2, 1)) == {"message-2": Reason.PAIR_WAIT}
    assert asked(states, store, tenant, leaving(2, 1), at_s=6) == {}


def test_whoever_could_not_be_reached_twice_is_given_up_until_they_write(store: SqlStore, tenant: TenantId) -> None:
    for at_s in (0, 60):
        tell(FREE, store, tenant, leaving(1), refused(RetryClass.USER_UNREACHABLE), at_s)
    assert asked(FREE, store, tenant, leaving(1), at_s=61) == {"message-1": Reason.USER_UNREACHABLE}
    with store.writing(tenant) as uow:
        FREE.heard_from(uow, [CustomerId("c1")], WHATSAPP, later(62))
        uow.commit()
    assert asked(FREE, store, tenant, leaving(1), at_s=63) == {}


def test_a_complaint_slows_the_channels_throttles_for_a_while(store: SqlStore, tenant: TenantId) -> None:
    both = Throttle(channel=WHATSAPP, per_s=80), Throttle(channel="sms", per_s=10)
    tell(FREE, store, tenant, leaving(1), refused(RetryClass.THROTTLE))
    with store.reading(tenant) as uow:
        assert FREE.throttles(uow, both, later(1)) == (replace(both[0], per_s=40), both[1])
        assert FREE.throttles(uow, both, later(60)) == both


def test_no_throttle_is_faster_than_the_provider(store: SqlStore, tenant: TenantId) -> None:
    states = SenderStates({}, {WHATSAPP: Limits(body=1024, per_s=80), "sms": Limits(body=160)})
    fast, slow = Throttle(channel=WHATSAPP, per_s=500, burst=50), Throttle(channel=WHATSAPP, per_s=5)
    of_one = Throttle(channel=WHATSAPP, sender="t1", per_s=500)
    providers = Throttle(channel=WHATSAPP, per_s=80, is_providers=True)
    with store.reading(tenant) as uow:
        assert states.throttles(uow, (), NOON) == (providers,)
        assert states.throttles(uow, (fast,), NOON) == (providers,)
        assert states.throttles(uow, (slow,), NOON) == (slow, providers)
        assert set(states.throttles(uow, (of_one,), NOON)) == {of_one, providers}


def test_what_says_nothing_any_more_is_forgotten(store: SqlStore, tenant: TenantId) -> None:
    tell(FREE, store, tenant, leaving(1), refused(RetryClass.PAIR_WAIT))
    for number, times in ((2, 1), (3, 2)):
        for _ in range(times):
            tell(FREE, store, tenant, leaving(number), refused(RetryClass.USER_UNREACHABLE))
    with store.writing(tenant) as uow:
        assert uow.allowances.prune(later(2), limit=10) == 1
        assert uow.senders.prune(later(1), later(2), limit=10) == 0
        assert uow.senders.prune(later(1), NOON + 7 * DAY, limit=10) == 1
        assert set(uow.senders.channels_of(CustomerId("c3"))) == {WHATSAPP}
