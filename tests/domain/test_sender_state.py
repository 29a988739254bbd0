"""A stop holds for everything of a sender until something shows that it is over; a complaint halves its rate."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from nearcast.domain.allowance import Allowance
from nearcast.domain.ids import CustomerId
from nearcast.domain.pair_wait import PairWait
from nearcast.domain.reason import Reason
from nearcast.domain.recipient_state import RecipientState
from nearcast.domain.sender_state import DAY, TRIAL_EVERY, Blocked, SenderState
from nearcast.domain.sending import Purpose, Scope

NOON = datetime(2026, 6, 2, 10, tzinfo=UTC)
GOOD = SenderState(channel="whatsapp", sender="555")


def later(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_a_stop_blocks_everything_until_its_trial() -> None:
    stopped = GOOD.stopped("190", NOON, later(1))
    until = later(1) + TRIAL_EVERY
    assert stopped.blocks(later(2)) == Blocked(reason=Reason.SENDER_STOPPED, until=until)
    assert stopped.blocks(until) is None
    assert stopped.tried(until).blocks(until) == Blocked(reason=Reason.SENDER_STOPPED, until=until + TRIAL_EVERY)


def test_what_began_before_the_stop_does_not_end_it_and_a_trial_does() -> None:
    stopped = GOOD.stopped("190", NOON, later(1))
    assert stopped.succeeded(NOON, later(2)).is_stopped
    assert not stopped.succeeded(later(400), later(401)).is_stopped


def test_a_late_refusal_of_what_began_before_somebody_resumed_it_stops_nothing() -> None:
    resumed = GOOD.stopped("190", NOON, later(1)).resumed(later(60))
    assert not resumed.stopped("190", later(59), later(70)).is_stopped
    assert resumed.stopped("190", later(60), later(70)).is_stopped


def test_a_stop_of_marketing_stops_nothing_else_and_is_ended_by_nothing_else() -> None:
    stopped = GOOD.stopped("131048", NOON, later(1), scope=Scope.MARKETING)
    assert stopped.blocks(later(2)) is not None
    assert stopped.blocks(later(2), Purpose.SERVICE) is None
    assert stopped.blocks(later(2), Purpose.UTILITY) is None
    assert stopped.succeeded(later(400), later(401), Purpose.SERVICE).is_stopped
    assert not stopped.succeeded(later(400), later(401)).is_stopped


def test_a_stop_of_marketing_leaves_one_of_everything_as_it_is() -> None:
    stopped = GOOD.stopped("190", NOON, later(1), scope=Scope.TOKEN)
    assert stopped.stopped("131048", later(2), later(3), scope=Scope.MARKETING) == stopped
    widened = GOOD.stopped("131048", NOON, later(1), scope=Scope.MARKETING).stopped("190", later(2), later(3))
    assert widened.blocks(later(4), Purpose.SERVICE) is not None


@given(st.lists(st.tuples(st.sampled_from(["send", "stop", "accept", "resume"]), st.integers(1, 400)), max_size=40))
def test_while_it_is_stopped_no_more_than_one_message_leaves_in_each_pause(story: list[tuple[str, int]]) -> None:
    state, at, began_at = GOOD, NOON, NOON
    stopped_at: datetime | None = None  # the model: when it was stopped, and when the last trial left
    tried_at: datetime | None = None
    for what, wait_s in story:
        at += timedelta(seconds=wait_s)
        if what == "send" and state.blocks(at) is None:
            began_at = at
            if stopped_at is not None:
                assert at - max(stopped_at, tried_at or stopped_at) >= TRIAL_EVERY
                tried_at, state = at, state.tried(at)
        elif what == "send":
            assert stopped_at is not None
            assert at - max(stopped_at, tried_at or stopped_at) < TRIAL_EVERY
        elif what == "stop" and not (state.resumed_at and began_at < state.resumed_at):
            state, stopped_at, tried_at = state.stopped("190", began_at, at), at, None
        elif what == "accept":
            began_after = stopped_at is not None and state.stopped_at is not None and began_at > state.stopped_at
            state = state.succeeded(began_at, at)
            stopped_at = None if began_after else stopped_at
        elif what == "resume":
            state, stopped_at, tried_at = state.resumed(at), None, None
        assert state.is_stopped == (stopped_at is not None)


def test_a_complaint_halves_the_rate_and_every_minute_doubles_it_again() -> None:
    slowed = GOOD.slowed(NOON)
    assert [slowed.rate(later(s)) for s in (0, 59.9, 60)] == [0.5, 0.5, 1.0]
    again = slowed.slowed(later(2))
    assert [again.rate(later(s)) for s in (2, 62, 122)] == [0.25, 0.5, 1.0]


def test_complaints_that_come_together_are_one() -> None:
    assert GOOD.slowed(NOON).slowed(later(0.5)).rate(later(1)) == 0.5


@given(st.lists(st.floats(0, 300), max_size=30))
def test_a_rate_is_never_nothing_and_never_more_than_all(waits: list[float]) -> None:
    state, at = GOOD, NOON
    for wait_s in waits:
        at += timedelta(seconds=wait_s)
        state = state.slowed(at)
        assert 0 < state.rate(at) <= 0.5
    assert state.rate(at + timedelta(minutes=10)) == 1


def test_two_messages_to_one_person_are_apart_and_complaints_put_them_further_apart() -> None:
    person = PairWait().leaving(NOON, 6)
    assert person.blocks(later(5.9)) == Blocked(reason=Reason.PAIR_WAIT, until=later(6))
    assert person.blocks(later(6)) is None
    waits = []
    for _ in range(3):
        person = person.complained(NOON)
        waits.append(person.wait_until)
    assert waits == [later(1), later(4), later(16)]
    assert person.succeeded().complained(NOON).wait_until == later(1)


def test_whom_the_provider_did_not_bring_marketing_is_left_alone_for_a_day_but_not_without_answers() -> None:
    person = RecipientState().cooled(NOON)
    assert person.blocks(Purpose.MARKETING, later(86_399)) == Blocked(reason=Reason.USER_COOLDOWN, until=later(86_400))
    assert person.blocks(Purpose.UTILITY, NOON) is None
    assert person.blocks(Purpose.MARKETING, later(86_400)) is None
    assert person.cooled(NOON, retry_after_s=200_000).cooldown_until == later(200_000)


def test_twice_unreachable_within_a_week_gives_the_channel_up_until_they_write() -> None:
    once = RecipientState().unreachable(NOON)
    assert once.blocks(Purpose.MARKETING, later(1)) is None
    assert once.unreachable(NOON + timedelta(days=7)).given_up_at is None
    twice = once.unreachable(NOON + timedelta(days=7, seconds=-1))
    assert twice.blocks(Purpose.UTILITY, later(10**7)) == Blocked(reason=Reason.USER_UNREACHABLE)
    assert twice.blocks(Purpose.SERVICE, later(10**7)) is None
    assert twice.heard_from().blocks(Purpose.MARKETING, later(10**7)) is None


@given(
    limit=st.integers(0, 6),
    sends=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 50_000)), max_size=60),
)
def test_in_no_24_hours_are_there_more_people_than_allowed(limit: int, sends: list[tuple[int, int]]) -> None:
    at, last, let_through = NOON, dict[CustomerId, datetime](), list[tuple[datetime, CustomerId]]()
    for number, wait_s in sends:
        at += timedelta(seconds=wait_s)
        customer_id = CustomerId(f"c{number}")
        counted = {key for key, sent_at in last.items() if sent_at > at - DAY}
        first_at = min((last[key] for key in counted), default=None)
        blocked = Allowance(limit, len(counted), set(counted), first_at).take(customer_id)
        if blocked is None:
            last[customer_id] = at
            let_through.append((at, customer_id))
        else:
            assert customer_id not in counted
            assert len(counted) == limit
            assert blocked.until == (None if first_at is None else first_at + DAY)
    for end, _ in let_through:
        assert len({key for sent_at, key in let_through if end - DAY < sent_at <= end}) <= limit
