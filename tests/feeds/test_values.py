"""What one value means: instants in every spelling, numbers, texts."""

import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearcast.feeds.values import instant_us, number, text

NOON_US = 1_780_394_400_000_000  # 2026-06-02T10:00:00Z


@pytest.mark.parametrize(
    "value",
    [
        "2026-06-02T10:00:00Z",
        "2026-06-02t10:00:00z",
        "2026-06-02 10:00:00Z",
        "2026-06-02T12:00:00+02:00",
        "2026-06-02T04:30:00-05:30",
        "2026-06-02T10:00:00.000000999Z",
        1_780_394_400,
        1_780_394_400.0,
        1_780_394_400_000,
        "1780394400",
        "1780394400000",
        " 1.7803944e9 ",
    ],
)
def test_one_instant_in_many_spellings(value: object) -> None:
    assert instant_us(value) == NOON_US


def test_fractions_are_kept_to_microseconds() -> None:
    assert instant_us("2026-06-02T10:00:00.123456Z") == NOON_US + 123_456
    assert instant_us(1_780_394_400.25) == NOON_US + 250_000
    assert instant_us(1_780_394_400_000.5) == NOON_US + 500


def test_from_a_hundred_thousand_million_on_a_number_is_milliseconds() -> None:
    assert instant_us(99_999_999_999) == 99_999_999_999 * 10**6
    assert instant_us(100_000_000_000) == 100_000_000_000 * 10**3
    assert instant_us(-100_000_000_000) == -100_000_000_000 * 10**3


@given(
    st.datetimes(timezones=st.just(UTC)),
    st.integers(-23 * 60 - 59, 23 * 60 + 59),
)
def test_any_instant_in_any_offset_is_read_back(instant: datetime, offset_min: int) -> None:
    try:
        there = instant.astimezone(timezone(timedelta(minutes=offset_min)))
    except OverflowError:
        return
    expected = (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert instant_us(there.isoformat()) == expected


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("2026-06-02T10:00:00", "has no offset from UTC"),
        ("2026-06-02", "has no offset"),
        ("2026-02-30T10:00:00Z", "is not an instant: day is out of range"),
        ("2026-06-02T10:00:60Z", "is not an instant"),
        ("2026-06-02T10:00Z", "is neither RFC 3339 nor a unix time"),
        ("20260602T100000Z", "is neither RFC 3339"),
        ("yesterday", "is neither RFC 3339"),
        ("", "is neither RFC 3339"),
        (10**16, "is neither unix seconds nor milliseconds"),
        ("1e300", "is neither unix seconds nor milliseconds"),
        (math.nan, "is not an instant"),
        (math.inf, "is not an instant"),
        (True, "is not an instant"),
        ([], "is not an instant"),
    ],
)
def test_what_is_no_instant(value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        instant_us(value)


def test_numbers() -> None:
    assert [number(value) for value in (1, 1.5, "1.5", "-2", "1e3", " .5 ")] == [1.0, 1.5, 1.5, -2.0, 1000.0, 0.5]


@pytest.mark.parametrize("value", ["nan", "inf", "1e999", math.nan, math.inf, 10**400, "1_0", "52,5", "", True, [], {}])
def test_what_is_no_number(value: object) -> None:
    with pytest.raises(ValueError, match="is not a "):
        number(value)


def test_texts() -> None:
    assert [text(value) for value in ("c1", 7, " ", "é")] == ["c1", "7", " ", "é"]


@pytest.mark.parametrize("value", [1.5, True, ["c"], "\ud800"])
def test_what_is_no_text(value: object) -> None:
    with pytest.raises(ValueError, match=r"is neither|half a character"):
        text(value)
