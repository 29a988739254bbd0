"""Round every change of every clock from 2024 to 2035: wall times, quiet hours and what is due (P6)."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from nearcast.domain.campaign import Schedule
from nearcast.domain.local_time import LocalWindow, instant, local_day
from nearcast.domain.quiet_hours import QuietHours, silence
from nearcast.services.runs import due_runs
from tests.domain.builders import quiet_rule
from tests.domain.zones import clock_changes, every_clock_change

DAY_S = 86_400
changes = pytest.mark.parametrize(
    "changes", [clock_changes, pytest.param(every_clock_change, marks=pytest.mark.soak)], ids=["each once", "all"]
)


def offsets(zone: ZoneInfo, change: datetime) -> tuple[timedelta, timedelta]:
    """What clocks are ahead of UTC before and after."""
    before = (change - timedelta(seconds=1)).astimezone(zone).utcoffset()
    after = change.astimezone(zone).utcoffset()
    assert before is not None
    assert after is not None
    return before, after


def wall_times(zone: ZoneInfo, change: datetime) -> tuple[datetime, list[timedelta]]:
    """The first wall time that is skipped or said twice, and some of these times from there on."""
    before, after = offsets(zone, change)
    first = change.replace(tzinfo=None) + min(before, after)
    length = abs(after - before)
    return first, [timedelta(0), length / 3, length / 2, length - timedelta(seconds=1)]


def at_wall(wall: datetime, zone: ZoneInfo, fold: int) -> datetime:
    since_midnight = wall - datetime.combine(wall.date(), datetime.min.time())
    return instant(wall.date(), int(since_midnight.total_seconds()), zone, fold=fold)


@changes
def test_a_skipped_time_is_the_end_of_the_gap_and_a_repeated_one_is_two_instants(changes) -> None:
    skipped = repeated = 0
    for zone, change in changes():
        before, after = offsets(zone, change)
        first, further = wall_times(zone, change)
        for passed in further:
            wall = first + passed
            early, late = (at_wall(wall, zone, fold) for fold in (0, 1))
            if after > before:
                assert early == late == change, (zone, wall)
                skipped += 1
            else:
                assert early == (wall - before).replace(tzinfo=UTC), (zone, wall)
                assert late == (wall - after).replace(tzinfo=UTC), (zone, wall)
                repeated += 1
    assert min(skipped, repeated) > 1000


def quiet_round(first: datetime, length: timedelta) -> list[QuietHours]:
    """Quiet hours that begin or end at, within and beside the times in question."""
    second = int((first - datetime.combine(first.date(), datetime.min.time())).total_seconds())
    middle, end = second + int(length.total_seconds()) // 2, second + int(length.total_seconds())

    def until(stop: int, hours: int) -> LocalWindow:
        start = (stop - hours * 3600) % DAY_S
        return LocalWindow(start, start + hours * 3600)

    def since(start: int, hours: int) -> LocalWindow:
        return LocalWindow(start % DAY_S, start % DAY_S + hours * 3600)

    spans = [(until(middle, 9),), (since(middle, 9),), (until(second, 5), since(end, 4)), (since(middle, 23),)]
    return [QuietHours(tuple(quiet_rule(window) for window in windows)) for windows in spans]


@changes
def test_p6_silence_ends_outside_itself_and_after_the_instant(changes) -> None:
    ended = 0
    for zone, change in changes():
        first, _ = wall_times(zone, change)
        before, after = offsets(zone, change)
        for hours in quiet_round(first, abs(after - before)):
            for minutes in (-720, -61, -30, 0, 29, 59, 240):
                at = change + timedelta(minutes=minutes)
                found = silence([hours], at, [zone], channel="sms")
                is_quiet = any(rule.hours.covers(at, zone) for rule in hours.everywhere)
                assert (found is not None) == is_quiet, (zone, at, hours)
                if found is not None and found.until is not None:
                    end = found.until
                    assert end > at, (zone, at, hours)
                    assert not any(rule.hours.covers(end, zone) for rule in hours.everywhere), (zone, at, hours)
                    assert silence([hours], end - timedelta(seconds=1), [zone], channel="sms") is not None
                    ended += 1
    assert ended > 5_000


@changes
def test_what_is_due_daily_is_due_once_a_day(changes) -> None:
    """At its first time, and at the end of the gap where there is none."""
    for zone, change in changes():
        first, further = wall_times(zone, change)
        for passed in further[1:3]:
            wall = (first + passed).replace(second=0)
            begin, end = change - timedelta(hours=30), change + timedelta(hours=30)
            schedule = Schedule(cron=f"{wall.minute} {wall.hour} * * *", zone=zone)
            days = [local_day(change, zone) + timedelta(days=n) for n in range(-3, 4)]
            second = wall.hour * 3600 + wall.minute * 60
            expected = [at for day in days if begin < (at := instant(day, second, zone)) <= end]
            assert [run.due_at for run in due_runs(schedule, begin, end)] == expected, (zone, wall)
