"""Every clock change on earth from 2024 to 2035, for properties that must hold round all of them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

FIRST, LAST = datetime(2024, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)
_STEP = timedelta(days=14)  # no clock is changed twice and back within it


def every_clock_change() -> Iterator[tuple[ZoneInfo, datetime]]:
    """(zone, first instant of the new offset) of all zones, those that always agree too."""
    for name in sorted(available_timezones()):
        zone = ZoneInfo(name)
        yield from ((zone, at) for at in _changes(zone))


@cache
def clock_changes() -> tuple[tuple[ZoneInfo, datetime], ...]:
    """(zone, first instant of the new offset); of zones that always agree one stands for all."""
    behaviours: dict[tuple[object, ...], tuple[ZoneInfo, list[datetime]]] = {}
    for name in sorted(available_timezones()):
        zone = ZoneInfo(name)
        changes = _changes(zone)
        behaviour = (FIRST.astimezone(zone).utcoffset(), *changes, *(at.astimezone(zone).utcoffset() for at in changes))
        behaviours.setdefault(behaviour, (zone, changes))
    return tuple((zone, at) for zone, changes in behaviours.values() for at in changes)


def _changes(zone: ZoneInfo) -> list[datetime]:
    found, at, offset = [], FIRST, FIRST.astimezone(zone).utcoffset()
    while at < LAST:
        before, at = at, at + _STEP
        old, offset = offset, at.astimezone(zone).utcoffset()
        if offset != old:
            found.append(_first_instant_of_new_offset(before, at, zone))
    return found


def _first_instant_of_new_offset(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    old = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        before, after = (middle, after) if middle.astimezone(zone).utcoffset() == old else (before, middle)
    return after
