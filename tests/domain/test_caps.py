"""Frequency caps: what counts at an instant, and when a slot is free again."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nearcast.domain.errors import InvalidInput
from nearcast.domain.local_time import local_day
from nearcast.domain.policy import CalendarUnit, CapKind, CapScope, FrequencyCap
from tests.domain.builders import BERLIN, NOON, calendar, later, local, min_gap, rolling, utc
from tests.domain.zones import clock_changes

HOUR_S, DAY_S, WEEK_S = 3600.0, 86_400.0, 604_800.0


def counts(cap: FrequencyCap, sent_at: datetime, now: datetime, zone: ZoneInfo = BERLIN) -> bool:
    return cap.counted([sent_at], now, zone) == [sent_at]


@pytest.mark.parametrize("cap", [rolling(3, WEEK_S), min_gap(WEEK_S)])
@pytest.mark.parametrize(
    ("age_s", "counted"), [(0, True), (WEEK_S - 1, True), (WEEK_S - 1e-6, True), (WEEK_S, False), (WEEK_S + 1, False)]
)
def test_a_message_ages_out_exactly_when_the_window_has_passed(cap: FrequencyCap, age_s: float, counted: bool) -> None:
    assert counts(cap, later(-age_s), NOON) is counted


def test_a_window_is_measured_in_real_hours_over_a_clock_change() -> None:
    sent_at = local("2026-03-28 12:00")
    assert counts(rolling(1, DAY_S), sent_at, local("2026-03-29 12:59:59"))
    assert not counts(rolling(1, DAY_S), sent_at, local("2026-03-29 13:00"))


@pytest.mark.parametrize(
    ("unit", "now", "first", "after"),
    [
        ("day", "2026-06-02 12:00", "2026-06-02 00:00", "2026-06-03 00:00"),
        ("day", "2026-06-02 00:00", "2026-06-02 00:00", "2026-06-03 00:00"),
        ("day", "2026-06-02 23:59:59", "2026-06-02 00:00", "2026-06-03 00:00"),
        ("day", "2026-03-29 12:00", "2026-03-29 00:00", "2026-03-30 00:00"),
        ("day", "2026-10-25 12:00", "2026-10-25 00:00", "2026-10-26 00:00"),
        ("week", "2026-06-02 12:00", "2026-06-01 00:00", "2026-06-08 00:00"),
        ("week", "2026-06-01 00:00", "2026-06-01 00:00", "2026-06-08 00:00"),
        ("week", "2026-06-07 23:59:59", "2026-06-01 00:00", "2026-06-08 00:00"),
        ("week", "2027-01-01 12:00", "2026-12-28 00:00", "2027-01-04 00:00"),  # ISO week 53 of 2026
        ("week", "2026-03-29 12:00", "2026-03-23 00:00", "2026-03-30 00:00"),
        ("month", "2026-06-02 12:00", "2026-06-01 00:00", "2026-07-01 00:00"),
        ("month", "2026-01-31 12:00", "2026-01-01 00:00", "2026-02-01 00:00"),
        ("month", "2026-02-28 12:00", "2026-02-01 00:00", "2026-03-01 00:00"),
        ("month", "2028-02-29 12:00", "2028-02-01 00:00", "2028-03-01 00:00"),
        ("month", "2026-12-31 23:59:59", "2026-12-01 00:00", "2027-01-01 00:00"),
        ("month", "2026-04-30 12:00", "2026-04-01 00:00", "2026-05-01 00:00"),
    ],
)
def test_a_calendar_period_is_half_open_and_local(unit: str, now: str, first: str, after: str) -> None:
    cap, at = calendar(1, unit), local(now)
    start, end = local(first), local(after)
    assert counts(cap, start, at)
    assert not counts(cap, later(-1, start), at)
    assert counts(cap, later(-1, end), at)
    assert not counts(cap, end, at)
    assert cap.free_at([start], at, BERLIN) == end


@pytest.mark.parametrize(
    ("week_starts", "first", "after"),
    [
        (None, "2026-06-01 00:00", "2026-06-08 00:00"),
        (0, "2026-06-01 00:00", "2026-06-08 00:00"),
        (6, "2026-05-31 00:00", "2026-06-07 00:00"),  # from Sunday on
        (5, "2026-05-30 00:00", "2026-06-06 00:00"),
        (1, "2026-06-02 00:00", "2026-06-09 00:00"),  # today
        (2, "2026-05-27 00:00", "2026-06-03 00:00"),
    ],
)
def test_a_week_starts_on_the_day_that_one_likes(week_starts: int | None, first: str, after: str) -> None:
    cap = replace(calendar(1, "week"), week_starts=week_starts)
    start, end = local(first), local(after)
    assert counts(cap, start, NOON)
    assert not counts(cap, later(-1, start), NOON)
    assert cap.free_at([start], NOON, BERLIN) == end


@pytest.mark.parametrize(
    ("zone_name", "noon", "start", "end", "length_h"),
    [
        ("Europe/Berlin", "2026-03-29 12:00", "2026-03-28 23:00", "2026-03-29 22:00", 23),
        ("Europe/Berlin", "2026-10-25 12:00", "2026-10-24 22:00", "2026-10-25 23:00", 25),
        ("America/New_York", "2026-11-01 12:00", "2026-11-01 04:00", "2026-11-02 05:00", 25),
        ("Australia/Lord_Howe", "2026-04-05 12:00", "2026-04-04 13:00", "2026-04-05 13:30", 24.5),
        ("Asia/Beirut", "2026-03-29 12:00", "2026-03-28 22:00", "2026-03-29 21:00", 23),  # begins at one o'clock
        ("America/Havana", "2026-11-01 12:00", "2026-11-01 04:00", "2026-11-02 05:00", 25),  # midnight comes twice
        ("Pacific/Apia", "2011-12-29 12:00", "2011-12-29 10:00", "2011-12-30 10:00", 24),  # the 31st follows
    ],
)
def test_a_day_has_as_many_hours_as_its_clocks_show(
    zone_name: str, noon: str, start: str, end: str, length_h: float
) -> None:
    zone = ZoneInfo(zone_name)
    now = local(noon, zone)
    assert utc(end) - utc(start) == timedelta(hours=length_h)
    assert counts(calendar(1), utc(start), now, zone)
    assert not counts(calendar(1), later(-1, utc(start)), now, zone)
    assert calendar(1).free_at([now], now, zone) == utc(end)


def test_what_counts_is_told_oldest_first() -> None:
    newest_first = [later(-HOUR_S * hours) for hours in (1, 2, 3, 200)]
    assert rolling(3, WEEK_S).counted(newest_first, NOON, BERLIN) == newest_first[2::-1]
    assert calendar(3).counted(newest_first, NOON, BERLIN) == newest_first[2::-1]


@pytest.mark.parametrize(
    ("cap", "sent_hours_ago", "free_in_hours"),
    [
        (rolling(1, 24 * HOUR_S), [5], 19),
        (rolling(2, 24 * HOUR_S), [5, 3], 19),
        (rolling(2, 24 * HOUR_S), [9, 5, 3], 19),  # lowered from three to two: the oldest two must go
        (rolling(1, 24 * HOUR_S), [9, 5, 3], 21),
        (min_gap(4 * HOUR_S), [3, 1], 3),
        (calendar(2), [5, 3], 12),
    ],
)
def test_a_slot_is_free_again(cap: FrequencyCap, sent_hours_ago: list[int], free_in_hours: float) -> None:
    counted = cap.counted([later(-HOUR_S * hours) for hours in sent_hours_ago], NOON, BERLIN)
    assert cap.free_at(counted, NOON, BERLIN) == later(HOUR_S * free_in_hours)


@pytest.mark.parametrize("cap", [rolling(0, DAY_S), calendar(0)])
def test_a_cap_of_none_is_never_free(cap: FrequencyCap) -> None:
    assert cap.free_at([], NOON, BERLIN) is None


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"kind": CapKind.CALENDAR}, "a calendar cap needs a unit and no window_s"),
        ({"kind": CapKind.CALENDAR, "unit": CalendarUnit.DAY, "window_s": 60.0}, "needs a unit and no window_s"),
        ({"kind": CapKind.CALENDAR, "unit": CalendarUnit.DAY, "week_starts": 6}, "week_starts is of a calendar cap by"),
        ({"kind": CapKind.ROLLING, "window_s": 60.0, "week_starts": 6}, "week_starts is of a calendar cap by the week"),
        ({"kind": CapKind.ROLLING}, "a rolling cap needs a window_s above 0 and no unit"),
        ({"kind": CapKind.ROLLING, "window_s": 0.0}, "window_s above 0"),
        ({"kind": CapKind.ROLLING, "window_s": -1.0}, "window_s above 0"),
        ({"kind": CapKind.ROLLING, "window_s": 60.0, "unit": CalendarUnit.DAY}, "no unit"),
        ({"kind": CapKind.MIN_GAP}, "a min_gap cap needs a window_s above 0 and no unit"),
        ({"kind": CapKind.MIN_GAP, "window_s": 60.0, "limit": 2}, "limit 2 is not allowed for min_gap"),
        ({"kind": CapKind.MIN_GAP, "window_s": 60.0, "limit": 0}, "limit 0 is not allowed for min_gap"),
        ({"kind": CapKind.ROLLING, "window_s": 60.0, "limit": -1}, "limit -1 is not allowed for rolling"),
        ({"kind": CapKind.CALENDAR, "unit": CalendarUnit.DAY, "limit": -1}, "limit -1 is not allowed for calendar"),
    ],
)
def test_a_cap_that_says_too_much_or_too_little_is_refused(more: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match="cap G1: ") as refused:
        FrequencyCap(id="G1", scope=CapScope.CUSTOMER, **more)
    assert said in str(refused.value)


caps = st.one_of(
    st.builds(rolling, st.integers(1, 4), st.integers(1, 48).map(lambda hours: hours * HOUR_S)),
    st.builds(min_gap, st.integers(1, 48).map(lambda hours: hours * HOUR_S)),
    st.builds(calendar, st.integers(1, 4), st.sampled_from(["day", "week", "month"])),
)
ages_s = st.lists(st.integers(0, 200).map(lambda quarters: quarters * 900), min_size=1, max_size=8)


@settings(max_examples=100)
@given(caps, ages_s, st.data(), st.integers(-40 * 3600, 40 * 3600))
def test_free_at_is_the_first_instant_with_a_free_slot(
    cap: FrequencyCap, ages: list[int], data: st.DataObject, offset_s: int
) -> None:
    zone, change = data.draw(st.sampled_from(clock_changes()))
    now = later(offset_s, change)
    sent = [later(-age, now) for age in ages]
    counted = cap.counted(sent, now, zone)
    assume(len(counted) >= cap.limit)

    free_at = cap.free_at(counted, now, zone)

    assert free_at is not None
    assert free_at > now
    assert len(cap.counted(sent, free_at, zone)) < cap.limit
    assert len(cap.counted(sent, later(-1, free_at), zone)) >= cap.limit


@settings(max_examples=100)
@given(st.data(), st.integers(-40 * 3600, 40 * 3600), st.integers(-40 * 3600, 40 * 3600))
def test_two_instants_share_a_slot_of_the_day_where_clocks_show_the_same_date(
    data: st.DataObject, sent_s: int, now_s: int
) -> None:
    zone, change = data.draw(st.sampled_from(clock_changes()))
    sent_at, now = later(sent_s, change), later(now_s, change)
    assert counts(calendar(1), sent_at, now, zone) is (local_day(sent_at, zone) == local_day(now, zone))
