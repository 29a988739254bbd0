"""A message's state machine, and while in which states it takes up a slot."""

import pytest

from nearcast.domain.errors import InvalidInput
from nearcast.domain.message import MessageStatus, next_attempt_at
from tests.domain.builders import NOON, later, message

S = MessageStatus
STEPS = {
    S.QUEUED: {S.CLAIMED, S.CANCELLED, S.EXPIRED, S.UNKNOWN},
    S.CLAIMED: {S.QUEUED, S.SENDING, S.CANCELLED, S.EXPIRED, S.UNKNOWN},
    S.SENDING: {S.ACCEPTED, S.HELD, S.FAILED, S.UNKNOWN, S.QUEUED},
}


@pytest.mark.parametrize("before", S)
@pytest.mark.parametrize("after", S)
def test_state_machine(before: MessageStatus, after: MessageStatus) -> None:
    if after in STEPS.get(before, set()):
        assert message(before).to(after) == message(after)
    else:
        with pytest.raises(InvalidInput, match=f"message m1 is {before.value} and cannot become {after.value}"):
            message(before).to(after)


def test_a_step_says_why_and_when() -> None:
    cancelled = message().to(S.CANCELLED, reason="cancelled_consent")
    accepted = message(S.SENDING).to(S.ACCEPTED, sent_at=later(5))
    assert cancelled == message(S.CANCELLED, reason="cancelled_consent")
    assert accepted == message(S.ACCEPTED, sent_at=later(5))


def test_what_a_step_does_not_say_stays() -> None:
    assert message(S.CLAIMED, sent_at=NOON).to(S.SENDING) == message(S.SENDING, sent_at=NOON)


def test_a_message_that_is_put_off_stays_marked_as_such() -> None:
    put_off = message(S.CLAIMED).to(S.QUEUED, reason="quiet_hours", not_before=later(600))
    assert put_off == message(not_before=later(600), is_deferred=True, reason="quiet_hours")
    assert put_off.to(S.CLAIMED) == message(S.CLAIMED, not_before=later(600), is_deferred=True)


@pytest.mark.parametrize("status", S)
def test_a_message_takes_a_slot_until_it_is_cancelled_expires_or_fails_unaccepted(status: MessageStatus) -> None:
    freed = {S.CANCELLED, S.EXPIRED, S.FAILED}
    assert message(status).takes_slot is (status not in freed)


def test_failure_after_acceptance_frees_nothing() -> None:
    assert message(S.FAILED, sent_at=NOON).takes_slot


def test_what_may_have_left_is_never_ended_as_if_it_had_not() -> None:
    tried = message(repeat_until=later(60))
    for status in (S.CANCELLED, S.EXPIRED):
        ended = tried.to(status, reason="cancelled_consent", freed_at=later(1))
        assert ended == message(S.UNKNOWN, repeat_until=later(60))
        assert ended.takes_slot


def test_an_attempt_that_came_to_nothing_is_repeated_while_the_offer_holds() -> None:
    sending = message(S.SENDING)
    again = sending.again(later(5), NOON)
    assert again == message(not_before=later(5), reason="channel_busy")
    assert not again.is_deferred
    too_late = sending.again(sending.expires_at, later(1))
    assert too_late == message(S.FAILED, reason="retry_exhausted", freed_at=later(1))


def test_an_attempt_without_an_answer_is_repeated_while_it_would_be_recognised() -> None:
    sending = message(S.SENDING, repeat_until=later(60))
    assert sending.again(later(59), NOON) == message(
        not_before=later(59), reason="channel_busy", repeat_until=later(60)
    )
    assert sending.again(later(60), NOON) == message(S.UNKNOWN, repeat_until=later(60))


@pytest.mark.parametrize(("attempt", "longest_s"), [(1, 2), (2, 4), (3, 8), (8, 256), (9, 300), (5000, 300)])
def test_pauses_double_up_to_five_minutes_with_full_jitter(attempt: int, longest_s: float) -> None:
    assert next_attempt_at(NOON, attempt, 0.0) == NOON
    assert next_attempt_at(NOON, attempt, 0.5) == later(longest_s / 2)
    assert next_attempt_at(NOON, attempt, 1.0) == later(longest_s)
