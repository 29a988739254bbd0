"""What an answer of a provider makes of a message."""

from datetime import datetime, timedelta

import pytest

from nearcast.domain.message import Message, MessageStatus
from nearcast.domain.sending import (
    Accepted,
    Attempt,
    NotSent,
    ProviderError,
    Rejected,
    RetryClass,
    Template,
    Unknown,
)
from nearcast.services.outcomes import settled
from tests.domain.builders import NOON, later, message

S = MessageStatus
SENDING = message(S.SENDING, sent_at=NOON)
AS_TEMPLATE = message(S.SENDING, sent_at=NOON, template=Template(name="near_offer", language="de"))


def refused(retry: RetryClass, retry_after_s: float | None = None) -> Rejected:
    error = ProviderError(provider="whatsapp", code="131000", retry=retry, retry_after_s=retry_after_s)
    return Rejected(error=error)


@pytest.mark.parametrize(
    ("attempt", "status", "reason"),
    [
        (Accepted(provider_id="wamid.1"), S.ACCEPTED, None),
        (Accepted(provider_id="wamid.1", is_held=True), S.HELD, None),
        (refused(RetryClass.RETRY), S.QUEUED, "channel_busy"),
        (refused(RetryClass.PAIR_WAIT), S.QUEUED, "pair_wait"),
        (refused(RetryClass.THROTTLE), S.QUEUED, "rate_limited"),
        (refused(RetryClass.SENDER_STOP), S.QUEUED, "sender_stopped"),
        (refused(RetryClass.TEMPLATE_STOP), S.QUEUED, "template_not_approved"),
        (refused(RetryClass.USER_COOLDOWN), S.FAILED, "user_cooldown"),
        (refused(RetryClass.USER_OPTOUT), S.FAILED, "suppressed_address"),
        (refused(RetryClass.USER_UNREACHABLE), S.FAILED, "user_unreachable"),
        (refused(RetryClass.REPLAN), S.FAILED, "rejected_permanent"),
        (refused(RetryClass.BUG), S.FAILED, "rejected_permanent"),
        (NotSent(reason="connection_refused"), S.QUEUED, "channel_busy"),
        (NotSent(reason="market_blocked", is_final=True), S.FAILED, "market_blocked"),
        (Unknown(reason="timeout"), S.UNKNOWN, None),
    ],
)
def test_each_answer_has_its_end(attempt: Attempt, status: MessageStatus, reason: str | None) -> None:
    after = settled(SENDING, attempt, later(1), again_at=later(4))
    assert (after.status, after.reason) == (status, reason)
    assert after.takes_slot is (status is not S.FAILED)


def test_every_class_of_refusal_is_dealt_with() -> None:
    assert {settled(SENDING, refused(each), NOON).status for each in RetryClass} == {S.QUEUED, S.FAILED}


def test_a_refusal_keeps_the_providers_code_and_our_class_until_it_is_taken() -> None:
    waiting = settled(SENDING, refused(RetryClass.RETRY), later(1), again_at=later(4))
    assert (waiting.error_code, waiting.error_class, waiting.not_before) == ("131000", "retry", later(4))
    taken = settled(waiting.to(S.CLAIMED).to(S.SENDING), Accepted(provider_id="wamid.1"), later(5))
    assert (taken.error_code, taken.error_class, taken.provider_id) == (None, None, "wamid.1")


def _again_at(found: Message) -> datetime:
    assert found.status is S.QUEUED
    return found.not_before


def test_who_asks_for_a_pause_gets_it() -> None:
    assert _again_at(settled(SENDING, refused(RetryClass.RETRY, 60), later(1), again_at=later(4))) == later(61)
    assert _again_at(settled(SENDING, refused(RetryClass.THROTTLE), later(1), again_at=later(300))) == later(2)
    assert _again_at(settled(SENDING, refused(RetryClass.PAIR_WAIT), later(1), again_at=later(300))) == later(2)
    assert _again_at(settled(SENDING, NotSent(reason="busy", retry_after_s=9), later(1), again_at=later(4))) == later(
        10
    )


@pytest.mark.parametrize("attempt", [refused(RetryClass.RETRY), refused(RetryClass.RETRY, 5), NotSent(reason="busy")])
def test_nothing_is_tried_again_when_the_offer_is_over(attempt: Attempt) -> None:
    just_before = SENDING.expires_at - timedelta(seconds=1)
    after = settled(SENDING, attempt, just_before, again_at=SENDING.expires_at)
    assert (after.status, after.reason, after.takes_slot) == (S.FAILED, "retry_exhausted", False)


def test_a_template_is_sent_once_more_by_the_other_route() -> None:
    again = settled(AS_TEMPLATE, refused(RetryClass.REPLAN), later(1))
    assert again.status is S.QUEUED
    after = settled(again.to(S.CLAIMED).to(S.SENDING), refused(RetryClass.REPLAN), later(2))
    assert (after.status, after.reason) == (S.FAILED, "rejected_permanent")
