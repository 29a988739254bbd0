"""When scheduled runs are due, by clocks that skip and repeat hours, and which of them are made up for."""

from datetime import timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearcast.domain.campaign import Schedule
from nearcast.domain.errors import InvalidInput
from nearcast.services.runs import check_cron, due_runs, next_due
from tests.domain.builders import later, utc
from tests.domain.zones import clock_changes


def rule(cron: str, zone_name: str = "Europe/Berlin", catch_up_s: float = 0.0) -> Schedule:
    return Schedule(cron=cron, zone=ZoneInfo(zone_name), catch_up_s=catch_up_s)


def due(cron: str, zone_name: str, first: str, last: str) -> list[str]:
    """What is due from the first instant to the last, as "HH:MM" UTC; both included."""
    after, now = later(-1, utc(first)), utc(last)
    return [f"{run.due_at:%H:%M}" for run in due_runs(rule(cron, zone_name), after, now)]


@pytest.mark.parametrize(
    ("cron", "zone_name", "first", "last", "expected"),
    [
        ("30 11 * * *", "Europe/Berlin", "2026-06-02 00:00", "2026-06-02 23:59", ["09:30"]),
        ("30 11 * * *", "Europe/Berlin", "2026-12-02 00:00", "2026-12-02 23:59", ["10:30"]),
        ("30 11 * * mon-fri", "Europe/Berlin", "2026-06-06 00:00", "2026-06-08 23:59", ["09:30"]),
        ("0 9 1 * *", "Europe/Berlin", "2026-06-02 00:00", "2026-07-01 23:59", ["07:00"]),
        # what clocks skip runs once, when the gap ends
        ("30 2 * * *", "Europe/Berlin", "2026-03-28 22:00", "2026-03-29 22:00", ["01:00"]),
        ("0,15,45 2 * * *", "Europe/Berlin", "2026-03-28 22:00", "2026-03-29 22:00", ["01:00"]),
        ("30 2,3 * * *", "Europe/Berlin", "2026-03-28 22:00", "2026-03-29 22:00", ["01:00", "01:30"]),
        ("15 2 * * *", "Australia/Lord_Howe", "2026-10-03 12:00", "2026-10-04 12:00", ["15:30"]),
        ("0 0 * * *", "Asia/Beirut", "2026-03-28 12:00", "2026-03-29 12:00", ["22:00"]),
        ("0 9 * * *", "Pacific/Apia", "2011-12-29 11:00", "2011-12-31 11:00", ["19:00", "10:00", "19:00"]),
        # what clocks say twice runs once, the first time
        ("30 2 * * *", "Europe/Berlin", "2026-10-24 22:00", "2026-10-25 22:00", ["00:30"]),
        ("30 1 * * *", "America/New_York", "2026-11-01 00:00", "2026-11-02 00:00", ["05:30"]),
        ("45 1 * * *", "Australia/Lord_Howe", "2026-04-04 12:00", "2026-04-05 12:00", ["14:45"]),
        ("0 0 * * *", "America/Havana", "2026-10-31 12:00", "2026-11-01 12:00", ["04:00"]),
        # an hourly rule runs every real hour
        ("0 * * * *", "Europe/Berlin", "2026-03-28 23:30", "2026-03-29 02:30", ["00:00", "01:00", "02:00"]),
        ("0 * * * *", "Europe/Berlin", "2026-10-24 23:30", "2026-10-25 02:30", ["00:00", "01:00", "02:00"]),
        ("*/30 * * * *", "Australia/Lord_Howe", "2026-04-04 14:30", "2026-04-04 15:30", ["14:30", "15:00", "15:30"]),
        # a day of 23 or 25 hours
        ("30 11 * * *", "Europe/Berlin", "2026-03-28 12:00", "2026-03-29 12:00", ["09:30"]),
        ("30 11 * * *", "Europe/Berlin", "2026-10-24 12:00", "2026-10-25 12:00", ["10:30"]),
    ],
)
def test_due_instants(cron: str, zone_name: str, first: str, last: str, expected: list[str]) -> None:
    assert due(cron, zone_name, first, last) == expected


def test_the_next_run_is_later_than_the_instant() -> None:
    at_half_past = utc("2026-06-02 09:30")
    assert next_due(rule("30 11 * * *"), later(-1, at_half_past)) == at_half_past
    assert next_due(rule("30 11 * * *"), later(-1e-6, at_half_past)) == at_half_past
    assert next_due(rule("30 11 * * *"), at_half_past) == utc("2026-06-03 09:30")


def test_a_rule_that_comes_once_in_four_years() -> None:
    assert next_due(rule("0 12 29 2 *", "UTC"), utc("2026-01-01")) == utc("2028-02-29 12:00")


@settings(max_examples=50)
@given(
    st.data(),
    st.sampled_from(["30 2 * * *", "0 0 * * *", "30 1,3 * * *", "*/20 * * * *", "15 * * * *", "59 23 * * *"]),
    st.integers(-4 * 3600, 4 * 3600),
)
def test_runs_round_every_clock_change_follow_each_other(data: st.DataObject, cron: str, offset_s: int) -> None:
    zone, change = data.draw(st.sampled_from(clock_changes()))
    first = later(offset_s, change) - timedelta(days=3)
    last = first + timedelta(days=6)
    instants = [run.due_at for run in due_runs(Schedule(cron=cron, zone=zone), first, last)]
    at_most = timedelta(minutes=90) if cron.endswith(" * * * *") else timedelta(hours=26)
    assert all(timedelta(0) < after - before <= at_most for before, after in pairwise([first, *instants]))
    assert timedelta(0) <= last - instants[-1] <= at_most
    asked = later(offset_s, change)
    assert next_due(Schedule(cron=cron, zone=zone), asked) == next(at for at in instants if at > asked)


# --- catching up


@pytest.mark.parametrize(
    ("late_s", "catch_up_s", "is_missed"),
    [
        (0, 0.0, False),
        (1, 0.0, True),
        (1799, 1800.0, False),
        (1800, 1800.0, False),
        (1800.001, 1800.0, True),
        (4 * 3600, 1800.0, True),
    ],
)
def test_a_run_is_made_up_for_until_catch_up_s_have_passed(late_s: float, catch_up_s: float, is_missed: bool) -> None:
    due_at = utc("2026-06-02 09:30")
    (run,) = due_runs(rule("30 11 * * *", catch_up_s=catch_up_s), later(-60, due_at), later(late_s, due_at))
    assert (run.due_at, run.is_missed) == (due_at, is_missed)


def test_every_run_of_a_long_outage_is_recorded_and_the_latest_made_up_for() -> None:
    schedule = rule("0 * * * *", catch_up_s=1800)
    runs = list(due_runs(schedule, utc("2026-06-02 08:00"), utc("2026-06-02 12:20")))
    assert [(f"{run.due_at:%H:%M}", run.is_missed) for run in runs] == [
        ("09:00", True),
        ("10:00", True),
        ("11:00", True),
        ("12:00", False),
    ]


@pytest.mark.parametrize(
    ("after", "now"), [("2026-06-02 09:30", "2026-06-03 09:29:59"), ("2026-06-02 12:00", "2026-06-02 12:00")]
)
def test_nothing_is_due_between_two_runs(after: str, now: str) -> None:
    assert list(due_runs(rule("30 11 * * *"), utc(after), utc(now))) == []


# --- expressions


@pytest.mark.parametrize(
    "cron", ["30 11 * * *", "30 11 * * mon-fri", "*/15 8-20 * * *", "0 9 1,15 * *", "0 0 L * *", "0 9 * * 1#1"]
)
def test_a_cron_expression(cron: str) -> None:
    check_cron(cron)


@pytest.mark.parametrize(
    "cron",
    [
        "",
        "30 11 * *",
        "60 11 * * *",
        "30 24 * * *",
        "30 11 0 * *",
        "30 11 * 13 *",
        "30 11 * * 8",
        "30 11 * * monday",
        "-1 11 * * *",
        "*/0 * * * *",
        "20-10 * * * *",
        "half past eleven",
        "@daily",
        "0 0 30 2 *",
        # with seconds, a skipped time would not run and one that comes twice would run twice
        "0 30 2 * * *",
    ],
)
def test_what_is_no_cron_expression_is_named(cron: str) -> None:
    with pytest.raises(InvalidInput, match="is not a cron expression") as refused:
        check_cron(cron)
    assert repr(cron) in str(refused.value)


@pytest.mark.parametrize(
    ("cron", "zone_name", "after"),
    [
        ("30 2 * * *", "Europe/Berlin", "2026-10-25 01:10"),
        ("30 1 * * *", "America/New_York", "2026-11-01 06:10"),
        ("45 1 * * *", "Australia/Lord_Howe", "2026-04-04 15:00:30"),
    ],
)
def test_asked_within_the_repeated_hour_the_next_run_is_tomorrows(cron: str, zone_name: str, after: str) -> None:
    found = next_due(rule(cron, zone_name), utc(after))
    assert found is not None
    assert found > utc(after) + timedelta(hours=23)
