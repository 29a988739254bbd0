"""Unions of local windows: half-open, merged where they touch, and over at an instant that is outside (P6)."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearcast.domain.local_time import ALL_DAY, EVERY_DAY, LocalHours, LocalWindow
from tests.domain.builders import BERLIN, hours, later, local, window
from tests.domain.zones import clock_changes

WEDNESDAY, FRIDAY = date(2026, 6, 3), date(2026, 6, 5)
NIGHT = hours("21:00-08:00")
WORKING_WEEK = hours(window("09:00-17:00", "mon tue wed thu fri"))


@pytest.mark.parametrize(
    ("wall", "is_inside"),
    [
        ("2026-06-02 20:59:59", False),
        ("2026-06-02 21:00", True),
        ("2026-06-03 00:00", True),
        ("2026-06-03 07:59:59", True),
        ("2026-06-03 08:00", False),
    ],
)
def test_windows_are_half_open(wall: str, is_inside: bool) -> None:
    at = local(wall)
    assert NIGHT.covers(at, BERLIN) is is_inside
    assert (NIGHT.until(at, BERLIN) is not None) is is_inside


@pytest.mark.parametrize(
    ("windows", "at", "until"),
    [
        (hours("08:00-12:00"), "2026-06-02 08:00", "2026-06-02 12:00"),
        (hours("08:00-12:00"), "2026-06-02 11:59:59", "2026-06-02 12:00"),
        (hours("08:00-12:00"), "2026-06-02 12:00", None),
        (hours("08:00-12:00"), "2026-06-02 07:59:59", None),
        (hours("08:00-12:00", "12:00-18:00"), "2026-06-02 09:00", "2026-06-02 18:00"),
        (hours("12:00-18:00", "08:00-12:00"), "2026-06-02 09:00", "2026-06-02 18:00"),
        (hours("08:00-13:00", "12:00-18:00"), "2026-06-02 09:00", "2026-06-02 18:00"),
        (hours("08:00-18:00", "09:00-10:00"), "2026-06-02 09:30", "2026-06-02 18:00"),
        (hours("08:00-12:00", "12:01-18:00"), "2026-06-02 09:00", "2026-06-02 12:00"),
        (hours("08:00-09:00", "08:30-12:00", "11:00-14:00"), "2026-06-02 08:00", "2026-06-02 14:00"),
        (hours("22:00-24:00", "00:00-06:00"), "2026-06-02 23:00", "2026-06-03 06:00"),
        (hours("22:00-02:00", "01:00-06:00"), "2026-06-02 23:00", "2026-06-03 06:00"),
        (hours(window("00:00-24:00", "sat sun"), "22:00-06:00"), "2026-06-05 23:00", "2026-06-08 06:00"),
        (hours(window("00:00-24:00", "mon tue")), "2026-06-01 12:00", "2026-06-03 00:00"),
        (hours(window("22:00-06:00", "fri")), "2026-06-06 05:59", "2026-06-06 06:00"),
        (hours(window("22:00-06:00", "fri")), "2026-06-07 05:59", None),
        (NIGHT, "2026-03-28 22:30", "2026-03-29 08:00"),
        (NIGHT, "2026-10-24 22:30", "2026-10-25 08:00"),
    ],
)
def test_time_inside_lasts_until_no_window_goes_on(windows: LocalHours, at: str, until: str | None) -> None:
    assert windows.until(local(at), BERLIN) == (until and local(until))


def test_hours_that_never_end_end_after_a_year() -> None:
    for endless in (LocalHours((ALL_DAY,)), hours("08:00-20:00", "20:00-08:00"), hours("22:00-21:00", "20:00-23:30")):
        until = endless.until(local("2026-06-02 12:00"), BERLIN)
        assert until is not None
        assert timedelta(days=365) < until - local("2026-06-02 12:00") < timedelta(days=800)


@pytest.mark.parametrize(
    ("windows", "at", "start"),
    [
        (NIGHT, "2026-06-02 12:00", "2026-06-02 21:00"),
        (NIGHT, "2026-06-02 20:59:59", "2026-06-02 21:00"),
        (NIGHT, "2026-06-02 21:00", "2026-06-03 21:00"),  # the next one, not this one
        (hours("16:00-18:00", "08:00-12:00"), "2026-06-02 07:00", "2026-06-02 08:00"),
        (hours("16:00-18:00", "08:00-12:00"), "2026-06-02 09:00", "2026-06-02 16:00"),
        (WORKING_WEEK, "2026-06-05 09:00", "2026-06-08 09:00"),
        (hours(window("02:30-05:00", "sun")), "2026-03-28 12:00", "2026-03-29 03:00"),  # half past two is skipped
        (hours("10:00-11:00", closed_on=[WEDNESDAY]), "2026-06-02 12:00", "2026-06-04 10:00"),
    ],
)
def test_the_next_start_comes_after_the_instant(windows: LocalHours, at: str, start: str) -> None:
    assert windows.next_start(local(at), BERLIN) == local(start)


def test_hours_without_windows_never_hold_and_never_start() -> None:
    noon, never = local("2026-06-02 12:00"), LocalHours(())
    assert not never.covers(noon, BERLIN)
    assert never.until(noon, BERLIN) is None
    assert never.next_start(noon, BERLIN) is None


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2026-06-04 23:00", True),
        ("2026-06-05 01:00", True),  # the night that began on Thursday goes on
        ("2026-06-05 02:00", False),
        ("2026-06-05 23:00", False),
        ("2026-06-06 01:00", False),
        ("2026-06-06 22:00", True),
    ],
)
def test_closed_on_takes_the_windows_that_start_on_that_day(at: str, is_open: bool) -> None:
    bar = hours("22:00-02:00", closed_on=[FRIDAY])
    assert bar.covers(local(at), BERLIN) is is_open
    assert (bar.until(local(at), BERLIN) is not None) is is_open


def test_a_closed_day_ends_the_unbroken_time_inside() -> None:
    always_but_wednesday = LocalHours((ALL_DAY,), frozenset({WEDNESDAY}))
    assert always_but_wednesday.until(local("2026-06-02 12:00"), BERLIN) == local("2026-06-03 00:00")
    assert always_but_wednesday.next_start(local("2026-06-03 12:00"), BERLIN) == local("2026-06-04 00:00")


QUARTER_S = 900
night_windows = st.builds(
    lambda start, length, days: LocalWindow(start * QUARTER_S, (start + length) * QUARTER_S, days),
    st.integers(18 * 4, 24 * 4 - 1),
    st.integers(1, 12 * 4),
    st.one_of(st.just(EVERY_DAY), st.sets(st.integers(0, 6), min_size=1).map(frozenset)),
)
nights = st.lists(night_windows, min_size=1, max_size=3).map(lambda windows: LocalHours(tuple(windows)))
round_a_change_s = st.integers(-40 * 3600, 40 * 3600)


@settings(max_examples=100)
@given(nights, st.data(), round_a_change_s)
def test_p6_quiet_hours_end_outside_themselves_and_after_the_instant(
    quiet: LocalHours, data: st.DataObject, offset_s: int
) -> None:
    there, change = data.draw(st.sampled_from(clock_changes()))
    at = later(offset_s, change)

    until = quiet.until(at, there)

    assert (until is not None) == quiet.covers(at, there)
    if until is not None:
        assert until > at
        assert not quiet.covers(until, there)
        quarters = range(0, int((until - at).total_seconds()), QUARTER_S)
        assert all(quiet.covers(later(second, at), there) for second in quarters)
        assert quiet.covers(later(-1, until), there)


@settings(max_examples=100)
@given(nights, st.data(), round_a_change_s)
def test_the_next_start_is_the_first_instant_inside(quiet: LocalHours, data: st.DataObject, offset_s: int) -> None:
    there, change = data.draw(st.sampled_from(clock_changes()))
    at = quiet.until(later(offset_s, change), there) or later(offset_s, change)

    start = quiet.next_start(at, there)

    assert start is not None
    assert start > at
    assert quiet.covers(start, there)
    quarters = range(0, int((start - at).total_seconds()), QUARTER_S)
    assert not any(quiet.covers(later(second, at), there) for second in quarters)
    assert not quiet.covers(later(-1, start), there)


CHRISTMAS_EVE = date(2026, 12, 24)  # a Thursday
SHORT_DAY = LocalHours((window("08:00-20:00"),), instead={CHRISTMAS_EVE: (window("10:00-13:00"),)})


@pytest.mark.parametrize(
    ("at", "is_inside", "next_start"),
    [
        ("2026-12-23 19:00", True, "2026-12-24 10:00"),
        ("2026-12-24 09:00", False, "2026-12-24 10:00"),
        ("2026-12-24 12:59:59", True, "2026-12-25 08:00"),
        ("2026-12-24 13:00", False, "2026-12-25 08:00"),
    ],
)
def test_a_date_has_hours_of_its_own_instead_of_the_weeks(at: str, is_inside: bool, next_start: str) -> None:
    assert SHORT_DAY.covers(local(at), BERLIN) is is_inside
    assert SHORT_DAY.next_start(local(at), BERLIN) == local(next_start)


def test_a_date_that_is_closed_is_so_whatever_hours_it_has() -> None:
    closed = replace(SHORT_DAY, closed_on=frozenset({CHRISTMAS_EVE}))
    assert closed.next_start(local("2026-12-24 00:00"), BERLIN) == local("2026-12-25 08:00")


def test_hours_that_held_a_moment_ago_are_asked_again_when_they_are_over() -> None:
    hours = LocalHours((LocalWindow.parse("08:00", "12:00"), LocalWindow.parse("14:00", "18:00")))
    asked = [datetime(2026, 6, 2, hour, tzinfo=UTC) for hour in (9, 11, 12, 13, 14, 17, 18, 9)]
    held = [hours.covers(at, ZoneInfo("UTC")) for at in asked]
    assert held == [True, True, False, False, True, True, False, True]
    assert not hours.covers(asked[0], ZoneInfo("America/New_York"))
