"""Throttles: never more than is allowed, in any second, whoever asks and however their clocks differ; and no less."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearcast.domain.errors import InvalidInput
from nearcast.domain.throttle import Quota, Throttle
from tests.domain.builders import NOON, later

SECOND = timedelta(seconds=1)
RATES = st.integers(1, 50).map(float) | st.floats(0.2, 50)


def let_through(throttle: Throttle, asked_at: list[datetime]) -> list[datetime]:
    """The instants at which one message got through, asked for one after another."""
    full_until, through = None, []
    for now in asked_at:
        quota = Quota([throttle], now, {} if full_until is None else {throttle: full_until}, now)
        if quota.take(throttle.channel, "t1") is not None:
            through.append(now)
            full_until = quota.taken[throttle]
    return through


@given(RATES, st.integers(1, 8), st.lists(st.integers(0, 400_000), min_size=1, max_size=80))
def test_no_second_has_more_than_is_allowed(per_s: float, burst: int, steps_us: list[int]) -> None:
    throttle = Throttle(channel="sms", per_s=per_s, burst=burst)
    at, asked_at = NOON, []
    for step_us in steps_us:
        at += timedelta(microseconds=step_us)
        asked_at += [at] * 3
    through = let_through(throttle, asked_at)
    for first in through:
        assert sum(first <= other < first + SECOND for other in through) <= per_s + burst
        if per_s.is_integer():
            assert sum(first <= other < first + SECOND for other in through) <= per_s + burst - 1


@given(RATES, st.integers(1, 8))
def test_who_asks_often_gets_all_that_is_allowed(per_s: float, burst: int) -> None:
    throttle = Throttle(channel="sms", per_s=per_s, burst=burst)
    asked_at = [NOON + n * throttle.apart for n in range(20) for _ in range(burst)]
    assert len(let_through(throttle, asked_at)) == burst + 19


@given(st.lists(st.integers(-3_000, 3_000), min_size=5, max_size=60))
def test_clocks_that_differ_let_no_more_through_than_the_fastest_of_them(jitters_ms: list[int]) -> None:
    throttle = Throttle(channel="sms", per_s=2.0)
    asked_at = [later(n * 0.1) + timedelta(milliseconds=jitter) for n, jitter in enumerate(jitters_ms)]
    through = let_through(throttle, asked_at)
    span_s = (max(asked_at) - min(asked_at)).total_seconds()
    assert len(through) <= 2 * span_s + 1


def test_burst_at_once_and_then_one_by_one() -> None:
    throttle = Throttle(channel="sms", per_s=10.0, burst=3)
    asked_at = [later(seconds) for seconds in (0, 0, 0, 0, 0.099999, 0.1, 0.1, 0.2)]
    assert let_through(throttle, asked_at) == [later(seconds) for seconds in (0, 0, 0, 0.1, 0.2)]


def test_a_message_goes_through_all_throttles_that_cover_it_or_takes_from_none() -> None:
    everybody, ours = Throttle(channel="sms", per_s=1, burst=2), Throttle(channel="sms", sender="t1", per_s=1)
    quota = Quota([everybody, ours], NOON, {}, NOON)
    assert [quota.take("sms", "t1"), quota.take("sms", "t1"), quota.take("email", "t1")] == [NOON, None, NOON]
    assert quota.exhausted == [ours]
    assert quota.take("sms", "s1")
    assert quota.exhausted == [everybody, ours]
    assert everybody.free_at(quota.taken[everybody], NOON) == later(1)


@pytest.mark.parametrize(
    "wrong", [{"per_s": 0.0}, {"per_s": -1.0}, {"per_s": float("inf")}, {"per_s": 1.0, "burst": 0}]
)
def test_a_throttle_that_lets_nothing_or_everything_through_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidInput):
        Throttle(channel="sms", **wrong)  # type: ignore[arg-type]
