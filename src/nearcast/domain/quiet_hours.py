"""Quiet hours: the union of what everybody may ask for.

Platform, tenant, the law of the place and the customer add up, each by the wall clock of every zone that may be the
customer's: the strictest wins, and nobody's hours loosen another's. Source: campaigns reference §5.3.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from nearcast.domain.local_time import LocalHours, instant, local_day

_ENDLESS = timedelta(days=15)  # the hours of a week, holidays and the clock changes of two zones come round in less
_DAYS_KEPT = 1_024


class QuietSource(StrEnum):
    """Who asks for silence, the broadest first."""

    PLATFORM = "platform"
    TENANT = "tenant"
    JURISDICTION = "jurisdiction"
    CUSTOMER = "customer"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietRule:
    """Silence in `hours`, on `channels`; None is on all. `name` is that of a jurisdiction.

    It is in force on local dates in [since, until), by the date on which a window starts; None is open.
    """

    source: QuietSource
    hours: LocalHours
    channels: frozenset[str] | None = None
    name: str | None = None
    since: date | None = None
    until: date | None = None

    def spans(self, first: date, days: int, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
        """The instants of its windows that start on these local days."""
        for n in range(days):
            day = first + timedelta(days=n)
            if (self.since is None or day >= self.since) and (self.until is None or day < self.until):
                yield from self.hours.on(day, zone)


class QuietSpan(NamedTuple):
    """[start, end) in which a rule asks for silence."""

    start: datetime
    end: datetime
    rule: QuietRule


@dataclass(frozen=True, slots=True)
class _Day:
    """What touches one local day: each rule's spans, and all of them merged."""

    spans: tuple[QuietSpan, ...]
    quiet: tuple[tuple[datetime, datetime], ...]

    @classmethod
    def of(cls, spans: Iterable[QuietSpan]) -> "_Day":
        told = tuple(spans)
        merged: list[tuple[datetime, datetime]] = []
        for start, end, _ in sorted(told, key=lambda span: span.start):
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(merged[-1][1], end))
            else:
                merged.append((start, end))
        return cls(told, tuple(merged))


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Rules that hold everywhere, and those of jurisdictions: `by_zone` names all that a time zone may lie in,
    `elsewhere` holds in zones that it does not name.
    """

    everywhere: tuple[QuietRule, ...] = ()
    by_zone: Mapping[str, tuple[QuietRule, ...]] = field(default_factory=dict)
    elsewhere: tuple[QuietRule, ...] = ()
    _days: dict[tuple[str, str, date], _Day] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __bool__(self) -> bool:
        return bool(self.everywhere or self.by_zone or self.elsewhere)

    def at(self, at: datetime, zone: ZoneInfo, channel: str) -> list[QuietSpan]:
        """What asks for silence at that instant by that zone's clocks, in the order of the rules."""
        day = local_day(at, zone)
        key = (zone.key, channel, day)
        found = self._days.get(key)
        if found is None:
            if len(self._days) >= _DAYS_KEPT:
                self._days.clear()
            found = self._days[key] = _Day.of(self._of_day(day, zone, channel))
        if not any(start <= at < end for start, end in found.quiet):
            return []
        return [span for span in found.spans if span.start <= at < span.end]

    def _of_day(self, day: date, zone: ZoneInfo, channel: str) -> Iterator[QuietSpan]:
        """What touches that local day. Two days back, for a window of nearly two days or a date that clocks skip."""
        starts, ends = instant(day, 0, zone), instant(day + timedelta(days=1), 0, zone, fold=1)
        for rule in (*self.everywhere, *self.by_zone.get(zone.key, self.elsewhere)):
            if rule.channels is None or channel in rule.channels:
                for start, end in rule.spans(day - timedelta(days=2), 4, zone):
                    if start < ends and end > starts:
                        yield QuietSpan(start, end, rule)


NO_QUIET_HOURS = QuietHours()


@dataclass(frozen=True, slots=True)
class Silence:
    """Why nobody may be written to at an instant: the rules by the index of the zone whose clocks say so, and whether
    the customer paused everything. `until` is the first instant without any reason; None where that never comes.
    """

    rules: tuple[tuple[int, QuietRule], ...]
    is_paused: bool
    until: datetime | None


def silence(
    said: Sequence[QuietHours],
    at: datetime,
    zones: Sequence[ZoneInfo],
    *,
    channel: str,
    paused_until: date | None = None,
) -> Silence | None:
    """What asks for silence at that instant; None where nothing does.

    `paused_until` is the first local date on which the customer wants to hear something again.
    """
    resumes_at = None if paused_until is None else max(instant(paused_until, 0, zone) for zone in zones)
    is_paused = resumes_at is not None and at < resumes_at
    rules = [(n, span.rule) for n, zone in enumerate(zones) for hours in said for span in hours.at(at, zone, channel)]
    if not (rules or is_paused):
        return None
    start = resumes_at if resumes_at is not None and is_paused else at
    return Silence(tuple(dict.fromkeys(rules)), is_paused, _end(said, start, zones, channel))


def _end(said: Sequence[QuietHours], at: datetime, zones: Sequence[ZoneInfo], channel: str) -> datetime | None:
    """The first instant from `at` on at which no rule asks for silence in any zone."""
    end = at
    # the end in one zone, or of one rule, may lie inside the quiet hours of another
    while ends := [span.end for zone in zones for hours in said for span in hours.at(end, zone, channel)]:
        end = max(ends)
        if end - at > _ENDLESS:
            return None
    return end
