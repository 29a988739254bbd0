"""Wall-clock times as instants: where clocks skip an hour, half an hour, a day, and where they say a time twice."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearcast.domain.errors import InvalidInput
from nearcast.domain.local_time import ALL_DAY, LocalWindow, instant, local_day, seconds_of_day, zone
from tests.domain.builders import BERLIN, utc, window
from tests.domain.zones import clock_changes


def wall(text: str, zone_name: str, fold: int = 0) -> datetime:
    """The instant of "2026-03-29 02:30"."""
    day, time = text.split()
    return instant(date.fromisoformat(day), seconds_of_day(time), ZoneInfo(zone_name), fold=fold)


@pytest.mark.parametrize(
    ("text", "zone_name", "gap_end"),
    [
        ("2026-03-29 02:00", "Europe/Berlin", "2026-03-29 01:00"),
        ("2026-03-29 02:30", "Europe/Berlin", "2026-03-29 01:00"),
        ("2026-03-29 02:59:59", "Europe/Berlin", "2026-03-29 01:00"),
        ("2026-03-08 02:30", "America/New_York", "2026-03-08 07:00"),
        ("2026-10-04 02:00", "Australia/Lord_Howe", "2026-10-03 15:30"),
        ("2026-10-04 02:29:59", "Australia/Lord_Howe", "2026-10-03 15:30"),
        ("2026-09-27 03:00", "Pacific/Chatham", "2026-09-26 14:00"),
        ("2026-03-29 00:00", "Asia/Beirut", "2026-03-28 22:00"),  # midnight itself is skipped
        ("2011-12-30 00:00", "Pacific/Apia", "2011-12-30 10:00"),  # the whole day is skipped
        ("2011-12-30 12:34", "Pacific/Apia", "2011-12-30 10:00"),
        ("2011-12-30 23:59:59", "Pacific/Apia", "2011-12-30 10:00"),
    ],
)
@pytest.mark.parametrize("fold", [0, 1])
def test_a_time_that_clocks_skip_is_the_first_instant_after_the_gap(
    text: str, zone_name: str, gap_end: str, fold: int
) -> None:
    assert wall(text, zone_name, fold) == utc(gap_end)


@pytest.mark.parametrize(
    ("text", "zone_name", "first", "second"),
    [
        ("2026-10-25 02:00", "Europe/Berlin", "2026-10-25 00:00", "2026-10-25 01:00"),
        ("2026-10-25 02:30", "Europe/Berlin", "2026-10-25 00:30", "2026-10-25 01:30"),
        ("2026-11-01 01:30", "America/New_York", "2026-11-01 05:30", "2026-11-01 06:30"),
        ("2026-04-05 01:45", "Australia/Lord_Howe", "2026-04-04 14:45", "2026-04-04 15:15"),
        ("2026-04-05 03:15", "Pacific/Chatham", "2026-04-04 13:30", "2026-04-04 14:30"),
        ("2026-11-01 00:00", "America/Havana", "2026-11-01 04:00", "2026-11-01 05:00"),  # midnight comes twice
        ("2026-10-24 23:30", "Asia/Beirut", "2026-10-24 20:30", "2026-10-24 21:30"),
    ],
)
def test_a_time_that_clocks_say_twice(text: str, zone_name: str, first: str, second: str) -> None:
    assert wall(text, zone_name, fold=0) == utc(first)
    assert wall(text, zone_name, fold=1) == utc(second)


@pytest.mark.parametrize(
    ("text", "zone_name", "expected"),
    [
        ("2026-06-02 12:00", "Europe/Berlin", "2026-06-02 10:00"),
        ("2026-03-29 01:59:59", "Europe/Berlin", "2026-03-29 00:59:59"),
        ("2026-03-29 03:00", "Europe/Berlin", "2026-03-29 01:00"),
        ("2026-10-25 03:00", "Europe/Berlin", "2026-10-25 02:00"),
        ("2026-10-25 01:59:59", "Europe/Berlin", "2026-10-24 23:59:59"),
        ("2026-06-02 24:00", "Europe/Berlin", "2026-06-02 22:00"),
        ("2011-12-31 00:00", "Pacific/Apia", "2011-12-30 10:00"),
        ("2011-12-29 23:59:59", "Pacific/Apia", "2011-12-30 09:59:59"),
        ("2026-06-02 12:00", "Asia/Kathmandu", "2026-06-02 06:15"),
        ("2026-06-02 12:00", "UTC", "2026-06-02 12:00"),
    ],
)
def test_a_time_that_exists_once(text: str, zone_name: str, expected: str) -> None:
    assert wall(text, zone_name) == wall(text, zone_name, fold=1) == utc(expected)


def test_seconds_past_midnight_are_those_of_the_next_day() -> None:
    next_morning = instant(date(2026, 6, 3), 3600, BERLIN)
    assert instant(date(2026, 6, 2), 86_400 + 3600, BERLIN) == next_morning
    assert instant(date(2026, 3, 28), 86_400 + 2 * 3600, BERLIN) == utc("2026-03-29 01:00")


def test_instants_are_utc() -> None:
    assert wall("2026-06-02 12:00", "Europe/Berlin").tzinfo is UTC


@pytest.mark.parametrize(
    ("at", "zone_name", "day"),
    [
        ("2026-06-02 21:59:59", "Europe/Berlin", date(2026, 6, 2)),
        ("2026-06-02 22:00", "Europe/Berlin", date(2026, 6, 3)),
        ("2011-12-30 09:59:59", "Pacific/Apia", date(2011, 12, 29)),
        ("2011-12-30 10:00", "Pacific/Apia", date(2011, 12, 31)),
        ("2026-11-01 05:00", "America/Havana", date(2026, 11, 1)),
    ],
)
def test_local_day(at: str, zone_name: str, day: date) -> None:
    assert local_day(utc(at), ZoneInfo(zone_name)) == day


@settings(max_examples=100)
@given(st.data())
def test_every_wall_time_is_the_instant_at_which_clocks_reach_it(data: st.DataObject) -> None:
    there, change = data.draw(st.sampled_from(clock_changes()))
    day = local_day(change, there) + timedelta(days=data.draw(st.integers(-1, 1)))
    second, fold = data.draw(st.integers(0, 86_400)), data.draw(st.integers(0, 1))
    asked = datetime.combine(day, datetime.min.time()) + timedelta(seconds=second)

    at = instant(day, second, there, fold=fold)

    shown = at.astimezone(there).replace(tzinfo=None)
    if shown != asked:
        a_second_before = (at - timedelta(seconds=1)).astimezone(there).replace(tzinfo=None)
        assert a_second_before < asked < shown
    assert instant(day, second, there, fold=0) <= instant(day, second, there, fold=1)


@pytest.mark.parametrize(
    ("text", "second"),
    [("00:00", 0), ("8:05", 29_100), ("08:30", 30_600), ("23:59:59", 86_399), ("24:00", 86_400), ("24:00:00", 86_400)],
)
def test_a_time_of_day(text: str, second: int) -> None:
    assert seconds_of_day(text) == second


@pytest.mark.parametrize(
    "text",
    [
        "",
        "8",
        "08",
        "8:5",
        "24:01",
        "24:00:01",
        "25:00",
        "12:60",
        "12:00:60",
        "-1:00",
        "08:00 ",
        "08:00Z",
        "8 Uhr",
        "123:00",
    ],
)
def test_what_is_no_time_of_day_is_named(text: str) -> None:
    with pytest.raises(InvalidInput, match="is not a time of day like 08:30 or 24:00") as refused:
        seconds_of_day(text)
    assert repr(text) in str(refused.value)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("08:00", "20:00", (28_800, 72_000)),
        ("21:00", "08:00", (75_600, 115_200)),
        ("00:00", "24:00", (0, 86_400)),
        ("16:00", "00:00", (57_600, 86_400)),
        ("16:00", "24:00", (57_600, 86_400)),
        ("08:00", "07:59:59", (28_800, 115_199)),
    ],
)
def test_a_window_that_ends_before_it_starts_ends_the_next_day(start: str, end: str, expected: tuple[int, int]) -> None:
    parsed = LocalWindow.parse(start, end)
    assert (parsed.start_s, parsed.end_s) == expected


@pytest.mark.parametrize(
    ("start", "end"),
    [("08:00", "08:00"), ("00:00", "00:00"), ("24:00", "08:00"), ("24:00", "24:00"), ("08:00", "late"), ("x", "08:00")],
)
def test_what_is_no_window_is_refused(start: str, end: str) -> None:
    with pytest.raises(InvalidInput):
        LocalWindow.parse(start, end)


@pytest.mark.parametrize(
    ("span", "day", "zone_name", "start", "end"),
    [
        ("02:30-04:00", date(2026, 3, 29), "Europe/Berlin", "2026-03-29 01:00", "2026-03-29 02:00"),
        ("01:00-02:30", date(2026, 3, 29), "Europe/Berlin", "2026-03-29 00:00", "2026-03-29 01:00"),
        ("02:30-02:45", date(2026, 10, 25), "Europe/Berlin", "2026-10-25 00:30", "2026-10-25 01:45"),
        ("01:00-02:30", date(2026, 10, 25), "Europe/Berlin", "2026-10-24 23:00", "2026-10-25 01:30"),
        ("21:00-08:00", date(2026, 3, 28), "Europe/Berlin", "2026-03-28 20:00", "2026-03-29 06:00"),
        ("21:00-08:00", date(2026, 10, 24), "Europe/Berlin", "2026-10-24 19:00", "2026-10-25 07:00"),
        ("01:30-01:45", date(2026, 4, 5), "Australia/Lord_Howe", "2026-04-04 14:30", "2026-04-04 15:15"),
    ],
)
def test_a_window_starts_at_the_first_and_ends_at_the_second_of_two(
    span: str, day: date, zone_name: str, start: str, end: str
) -> None:
    assert window(span).on(day, ZoneInfo(zone_name)) == (utc(start), utc(end))


@pytest.mark.parametrize(
    ("span", "day", "zone_name"),
    [
        ("02:10-02:50", date(2026, 3, 29), "Europe/Berlin"),
        ("00:00-24:00", date(2011, 12, 30), "Pacific/Apia"),
        ("09:00-18:00", date(2011, 12, 30), "Pacific/Apia"),
    ],
)
def test_a_window_that_clocks_skip_whole_does_not_happen(span: str, day: date, zone_name: str) -> None:
    assert window(span).on(day, ZoneInfo(zone_name)) is None


def test_a_window_happens_on_the_days_on_which_it_starts() -> None:
    friday_night = window("22:00-02:00", "fri")
    assert friday_night.on(date(2026, 6, 5), BERLIN) == (utc("2026-06-05 20:00"), utc("2026-06-06 00:00"))
    assert friday_night.on(date(2026, 6, 6), BERLIN) is None


@pytest.mark.parametrize(
    ("day", "zone_name", "length_h"),
    [
        (date(2026, 6, 2), "Europe/Berlin", 24),
        (date(2026, 3, 29), "Europe/Berlin", 23),
        (date(2026, 10, 25), "Europe/Berlin", 25),
        (date(2026, 10, 4), "Australia/Lord_Howe", 23.5),
        (date(2026, 4, 5), "Australia/Lord_Howe", 24.5),
    ],
)
def test_a_day_is_as_long_as_its_clock_changes_make_it(day: date, zone_name: str, length_h: float) -> None:
    span = ALL_DAY.on(day, ZoneInfo(zone_name))
    assert span is not None
    assert span[1] - span[0] == timedelta(hours=length_h)


def test_a_zone_by_its_name() -> None:
    assert zone("Europe/Berlin") == BERLIN


@pytest.mark.parametrize(
    "name", ["", "Mars/Olympus", "Europe", "../etc/passwd", "/etc/localtime", "Europe/Berlin\0", "GMT+25", "x" * 300]
)
def test_what_is_no_zone_is_named(name: str) -> None:
    with pytest.raises(InvalidInput, match="unknown time zone"):
        zone(name)
