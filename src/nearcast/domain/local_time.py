"""Local wall-clock rules as UTC instants.

Everything is turned into instants before anything is compared. A local time that a clock change skips is the first
instant after the gap; one that happens twice starts a window at its first and ends it at its second occurrence, which
for quiet hours is the quieter reading.
"""

import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from nearcast.domain.errors import InvalidInput

DAY_S = 86_400
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EVERY_DAY = frozenset(range(7))
HOLIDAY = 7  # a day beside those of the week
_DAYS_KNOWN = 1_000  # decisions of a day ask for the same few
_SEARCH_DAYS = 400  # a rule that does not apply for over a year is taken not to apply
_NOT_OF_IANA = ("localtime", "posixrules")  # files of a machine, which mean another zone on each
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")


def zone(name: str) -> ZoneInfo:
    """The IANA zone of that name; InvalidInput where there is none."""
    try:
        if name in _NOT_OF_IANA:
            raise KeyError(name)
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise InvalidInput(f"unknown time zone {name!r}") from error


def seconds_of_day(text: str) -> int:
    """Seconds since local midnight of "HH:MM" or "HH:MM:SS", up to "24:00".

    >>> seconds_of_day("08:30"), seconds_of_day("24:00")
    (30600, 86400)
    """
    match = _TIME.fullmatch(text)
    if match:
        hours, minutes, seconds = (int(part or 0) for part in match.groups())
        total = hours * 3600 + minutes * 60 + seconds
        if minutes < 60 and seconds < 60 and total <= DAY_S:
            return total
    raise InvalidInput(f"{text!r} is not a time of day like 08:30 or 24:00")


@lru_cache(maxsize=16_384)
def instant(day: date, second: int, zone: ZoneInfo, *, fold: int = 0) -> datetime:
    """The UTC instant at `second` seconds of wall-clock time into a local day (a second past 24:00 is the next day's).

    >>> instant(date(2026, 3, 29), 2 * 3600 + 1800, ZoneInfo("Europe/Berlin")).isoformat()
    '2026-03-29T01:00:00+00:00'
    """
    wall = datetime.combine(day, datetime.min.time()) + timedelta(seconds=second)
    at = wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    if at.astimezone(zone).replace(tzinfo=None) == wall:
        return at
    early, late = (wall.replace(tzinfo=zone, fold=f).astimezone(UTC) for f in (1, 0))
    before = early.astimezone(zone).utcoffset()
    while late - early > timedelta(seconds=1):
        middle = early + timedelta(seconds=(late - early) // timedelta(seconds=2))
        early, late = (middle, late) if middle.astimezone(zone).utcoffset() == before else (early, middle)
    return late


def local_day(at: datetime, zone: ZoneInfo) -> date:
    return at.astimezone(zone).date()


@dataclass(frozen=True, slots=True)
class LocalWindow:
    """[start, end) in wall-clock seconds of the days on which it starts; an end past 24:00 lies on the next day.

    `days` are 0 for Monday to 6 for Sunday, and HOLIDAY.
    """

    start_s: int
    end_s: int
    days: frozenset[int] = EVERY_DAY

    @classmethod
    def parse(cls, start: str, end: str, days: frozenset[int] = EVERY_DAY) -> "LocalWindow":
        """From "21:00" and "08:00"; an end before the start is the next day's. Equal times are refused."""
        start_s, end_s = seconds_of_day(start), seconds_of_day(end)
        if start_s in (end_s, DAY_S):
            raise InvalidInput(f"{start}–{end} is no window; a whole day is 00:00–24:00")
        return cls(start_s, end_s if end_s > start_s else end_s + DAY_S, days)

    def on(self, day: date, zone: ZoneInfo, *, is_holiday: bool = False) -> tuple[datetime, datetime] | None:
        """Its instants where it starts on that local day; None where it does not."""
        if day.weekday() not in self.days and not (is_holiday and HOLIDAY in self.days):
            return None
        start, end = instant(day, self.start_s, zone), instant(day, self.end_s, zone, fold=1)
        return (start, end) if start < end else None


ALL_DAY = LocalWindow(0, DAY_S)


@dataclass(frozen=True, slots=True)
class LocalHours:
    """A union of local windows, except those that start on a `closed_on` date. `holidays` are the dates on which
    windows of HOLIDAY start as well, and instead of all others those of `on_holidays`, where there are any. A date in
    `instead` has windows of its own whatever day it is.
    """

    windows: tuple[LocalWindow, ...]
    closed_on: frozenset[date] = frozenset()
    holidays: Container[date] = frozenset()
    on_holidays: tuple[LocalWindow, ...] | None = None
    instead: Mapping[date, tuple[LocalWindow, ...]] = field(default_factory=dict, hash=False)
    _known: dict[tuple[date, ZoneInfo], list[tuple[datetime, datetime]]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _last: dict[ZoneInfo, tuple[datetime, datetime]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def on(self, day: date, zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
        """The instants of the windows that start on that local day, in order."""
        found = self._known.get((day, zone))
        if found is None:
            if len(self._known) >= _DAYS_KNOWN:
                self._known.clear()
            found = self._known[day, zone] = self._found_on(day, zone)
        return found

    def _found_on(self, day: date, zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
        if day in self.closed_on:
            return []
        is_holiday = day in self.holidays
        usual = self.windows if self.on_holidays is None or not is_holiday else self.on_holidays
        spans = (window.on(day, zone, is_holiday=is_holiday) for window in self.instead.get(day, usual))
        return sorted(span for span in spans if span is not None)

    def _spans(self, first: date, days: int, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
        for day in (first + timedelta(days=n) for n in range(days)):
            yield from self.on(day, zone)

    def spans(self, start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
        """Its windows that reach into [start, end), whole."""
        first = local_day(start, zone) - timedelta(days=2)
        days = (local_day(end, zone) - first).days + 1
        return (span for span in self._spans(first, days, zone) if span[0] < end and span[1] > start)

    def until(self, at: datetime, zone: ZoneInfo) -> datetime | None:
        """The end of the unbroken time inside that holds `at`; None where `at` is outside.

        Windows that touch or overlap count as one, so the end is itself outside. Hours that never end within a year
        end there.
        """
        end: datetime | None = None
        for start, span_end in self._spans(local_day(at, zone) - timedelta(days=2), _SEARCH_DAYS, zone):
            if start > (end or at):
                break
            if end is not None or at < span_end:
                end = max(end or span_end, span_end)
        return end

    def covers(self, at: datetime, zone: ZoneInfo) -> bool:
        last = self._last.get(zone)  # who asks one after the other asks for the same window
        if last is not None and last[0] <= at < last[1]:
            return True
        for span in self._spans(local_day(at, zone) - timedelta(days=2), 4, zone):
            if span[0] <= at < span[1]:
                self._last[zone] = span
                return True
        return False

    def next_start(self, at: datetime, zone: ZoneInfo) -> datetime | None:
        """The first instant after `at` at which a window starts; None within a year."""
        starts = (start for start, _ in self._spans(local_day(at, zone), _SEARCH_DAYS, zone) if start > at)
        return next(starts, None)
