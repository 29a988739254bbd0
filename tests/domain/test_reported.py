"""What receipts make of a message, in whatever order and however often they come."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearcast.domain.channel_event import Rank
from nearcast.domain.message import Message, MessageStatus
from nearcast.domain.sending import ProviderError, RetryClass
from tests.domain.builders import NOON, later, message

S = MessageStatus
BLOCKED = ProviderError(provider="whatsapp", code="131026", retry=RetryClass.USER_UNREACHABLE)
ACCEPTED = message(S.ACCEPTED, sent_at=NOON, provider_id="wamid.1")
said = st.lists(st.tuples(st.sampled_from([*Rank, BLOCKED]), st.integers(1, 9).map(later)), min_size=1, max_size=6)


def told(before: Message, *receipts: object) -> Message:
    for n, what in enumerate(receipts, start=1):
        assert isinstance(what, Rank | ProviderError)
        before = before.reported(what, later(n))
    return before


@pytest.mark.parametrize(
    ("receipts", "status"),
    [
        ([Rank.HELD], S.ACCEPTED),
        ([Rank.SENT], S.SENT),
        ([Rank.DELIVERED, Rank.SENT], S.DELIVERED),
        ([Rank.READ], S.READ),
        ([Rank.READ, Rank.DELIVERED], S.READ),
        ([BLOCKED], S.FAILED),
        ([BLOCKED, Rank.SENT], S.FAILED),
        ([BLOCKED, Rank.DELIVERED], S.DELIVERED),
        ([Rank.READ, BLOCKED], S.READ),
    ],
)
def test_the_furthest_that_was_told_counts(receipts: list[object], status: MessageStatus) -> None:
    assert told(ACCEPTED, *receipts).status is status


@pytest.mark.parametrize(
    ("rank", "status"),
    [(Rank.HELD, S.HELD), (Rank.ACCEPTED, S.ACCEPTED), (Rank.SENT, S.SENT), (Rank.DELIVERED, S.DELIVERED)],
)
@pytest.mark.parametrize("before", [S.SENDING, S.UNKNOWN, S.QUEUED, S.CLAIMED])
def test_who_was_not_heard_of_has_left_after_all(before: MessageStatus, rank: Rank, status: MessageStatus) -> None:
    after = message(before, repeat_until=later(60)).reported(rank, later(1), provider_id="wamid.2")
    assert (after.status, after.provider_id, after.sent_at) == (status, "wamid.2", later(1))
    assert (after.takes_slot, after.repeat_until, after.has_not_left) == (True, None, False)


@pytest.mark.parametrize("before", [S.CANCELLED, S.EXPIRED])
@pytest.mark.parametrize("what", [Rank.READ, BLOCKED])
def test_what_never_left_stays_as_it_is(before: MessageStatus, what: Rank | ProviderError) -> None:
    assert message(before, freed_at=NOON).reported(what, later(1)) == message(before, freed_at=NOON)


def test_a_failure_that_comes_later_says_why_and_gives_nothing_back() -> None:
    failed = ACCEPTED.reported(BLOCKED, later(1))
    assert (failed.error_code, failed.error_class) == ("131026", "user_unreachable")
    assert failed.takes_slot


def test_a_refusal_that_is_told_again_by_a_receipt_frees_what_it_freed() -> None:
    refused = message(S.SENDING, sent_at=NOON).to(S.FAILED, freed_at=later(1))
    assert not refused.reported(BLOCKED, later(2)).takes_slot
    assert refused.reported(Rank.DELIVERED, later(3)).takes_slot


def test_read_means_delivered() -> None:
    read = ACCEPTED.reported(Rank.READ, later(5))
    assert (read.delivered_at, read.read_at) == (later(5), later(5))
    after = read.reported(Rank.DELIVERED, later(3))
    assert (after.delivered_at, after.read_at) == (later(3), later(5))


def test_what_comes_when_the_offer_is_over_is_late() -> None:
    just_in_time = ACCEPTED.reported(Rank.DELIVERED, ACCEPTED.expires_at - timedelta(microseconds=1))
    assert not just_in_time.is_late
    assert just_in_time.reported(Rank.READ, ACCEPTED.expires_at).is_late
    assert ACCEPTED.reported(Rank.DELIVERED, ACCEPTED.expires_at).is_late


@given(receipts=said, data=st.data())
def test_the_order_of_receipts_and_their_repetition_change_nothing(
    receipts: list[tuple[Rank | ProviderError, object]], data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(receipts), max_size=3))
    shuffled = data.draw(st.permutations(receipts + again))

    def after(events: list[tuple[Rank | ProviderError, object]]) -> Message:
        found = ACCEPTED
        for what, at in events:
            found = found.reported(what, at)  # type: ignore[arg-type]
        return found

    assert after(shuffled) == after(receipts)


@given(receipts=said)
def test_a_message_never_goes_back(receipts: list[tuple[Rank | ProviderError, object]]) -> None:
    places = [S.HELD, S.ACCEPTED, S.SENT, S.FAILED, S.DELIVERED, S.READ]
    found = replace(ACCEPTED, status=S.HELD)
    for what, at in receipts:
        after = found.reported(what, at)  # type: ignore[arg-type]
        assert places.index(after.status) >= places.index(found.status)
        assert after.provider_id == "wamid.1"
        found = after
