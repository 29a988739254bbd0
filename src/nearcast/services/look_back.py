"""How far back the rules of a tenant look at what was sent."""

from collections.abc import Iterable
from datetime import timedelta

from nearcast.domain.policy import CalendarUnit, FrequencyCap

# a unit and the clock change within it
_CALENDAR = {
    CalendarUnit.DAY: timedelta(days=2),
    CalendarUnit.WEEK: timedelta(days=8),
    CalendarUnit.MONTH: timedelta(days=32),
}


def look_back(caps: Iterable[FrequencyCap]) -> timedelta:
    """The longest time for which any of these counts messages. Cooldown, re-eligibility and rotation ask for the last
    one, however long ago it was: they need no other.
    """
    return max(map(_span, caps), default=timedelta())


def local_days(count: int) -> timedelta:
    """As long as so many days of a local calendar last, from the beginning of the first and whatever clocks do."""
    return timedelta(days=count + 1)


def _span(cap: FrequencyCap) -> timedelta:
    return timedelta(seconds=cap.window_s or 0) if cap.unit is None else _CALENDAR[cap.unit]
