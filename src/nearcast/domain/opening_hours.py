"""Opening hours in the common part of OpenStreetMap's notation.

Understood: days and ranges (`Mo-Fr`, `Sa,Su`), several times a day (`08:00-12:00,14:00-18:00`), times past midnight
(`16:00-02:00`), `off` and `closed`, `24/7`, rules separated by `;` of which the later one wins for its days, public
holidays (`PH off`, `Su,PH 10:00-14:00`), which win over weekdays. Anything else (months, weeks, school holidays,
sunrise) is refused rather than half understood.
Source: OpenStreetMap wiki, Key:opening_hours/specification.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from nearcast.domain.errors import InvalidInput
from nearcast.domain.local_time import ALL_DAY, EVERY_DAY, LocalWindow

_DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
_HOLIDAYS = "PH"
_RULE = re.compile(r"(?:(?P<days>(?:PH|[A-Z][a-z])(?:[-,](?:PH|[A-Z][a-z]))*)(?:\s+|$))?(?P<times>off|closed|\d.*)?")


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """The windows of a week, and those of a public holiday where it has any of its own; `text` is what was written."""

    text: str
    windows: tuple[LocalWindow, ...]
    on_holidays: tuple[LocalWindow, ...] | None = None

    @classmethod
    def parse(cls, text: str) -> "OpeningHours":
        """InvalidInput names the rule that is not understood.

        >>> OpeningHours.parse("Mo-Sa 08:00-20:00; PH off").on_holidays
        ()

        >>> [len(w.days) for w in OpeningHours.parse("Mo-Sa 08:00-20:00; We off").windows]
        [1, 1, 1, 1, 1]
        """
        if text.strip() == "24/7":
            return cls(text, (ALL_DAY,))
        by_day: dict[int, tuple[LocalWindow, ...]] = {}
        on_holidays: tuple[LocalWindow, ...] | None = None
        rules = [rule.strip() for rule in text.split(";") if rule.strip()]
        if not rules:
            raise InvalidInput(f"opening hours {text!r} say nothing")
        for rule in rules:
            match = _RULE.fullmatch(rule)
            if not match or not match["times"]:
                raise InvalidInput(f"opening hours {text!r}: {rule!r} is not understood")
            parts = None if match["days"] is None else match["days"].split(",")
            for day in EVERY_DAY if parts is None else _weekdays(part for part in parts if part != _HOLIDAYS):
                by_day[day] = windows_on(match["times"], frozenset({day}))
            if parts is not None and _HOLIDAYS in parts:
                on_holidays = windows_on(match["times"])
        if not by_day:
            raise InvalidInput(f"opening hours {text!r} say nothing of weekdays")
        return cls(text, tuple(window for day in sorted(by_day) for window in by_day[day]), on_holidays)


def _weekdays(parts: Iterable[str]) -> frozenset[int]:
    days: set[int] = set()
    for part in parts:
        names = part.split("-")
        if len(names) > 2 or any(name not in _DAYS for name in names):
            raise InvalidInput(f"opening hours: {part!r} is not a day or a range of days like Mo-Fr")
        first, last = _DAYS.index(names[0]), _DAYS.index(names[-1])
        days.update((first + n) % 7 for n in range((last - first) % 7 + 1))
    return frozenset(days)


def windows_on(text: str, days: frozenset[int] = EVERY_DAY) -> tuple[LocalWindow, ...]:
    """The windows of such days as `08:00-12:00,14:00-18:00` or `off` says them; InvalidInput where it says none.

    >>> windows_on("off")
    ()
    """
    if text in ("off", "closed"):
        return ()
    windows = []
    for part in text.split(","):
        start, dash, end = part.strip().partition("-")
        if not dash:
            raise InvalidInput(f"opening hours: {part.strip()!r} is not a span of time like 08:00-20:00")
        windows.append(LocalWindow.parse(start.strip(), end.strip(), days))
    return tuple(windows)
