"""Opening hours in the common part of OpenStreetMap's notation.

Understood: days and ranges (`Mo-Fr`, `Sa,Su`), several times a day (`08:00-12:00,14:00-18:00`), times past midnight
(`16:00-02:00`), `off` and `closed`, `24/7`, rules separated by `;` of which the later one wins for its days. Anything
else (public holidays, months, weeks, sunrise) is refused rather than half understood.
Source: OpenStreetMap wiki, Key:opening_hours/specification.
"""

import re
from dataclasses import dataclass

from nearcast.domain.errors import InvalidInput
from nearcast.domain.local_time import ALL_DAY, EVERY_DAY, LocalWindow

_DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
_RULE = re.compile(r"(?:(?P<days>[A-Z][a-z](?:[-,][A-Z][a-z])*)(?:\s+|$))?(?P<times>off|closed|\d.*)?")


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """The windows of a week; `text` is what was written."""

    text: str
    windows: tuple[LocalWindow, ...]

    @classmethod
    def parse(cls, text: str) -> "OpeningHours":
        """InvalidInput names the rule that is not understood.

        >>> [len(w.days) for w in OpeningHours.parse("Mo-Sa 08:00-20:00; We off").windows]
        [1, 1, 1, 1, 1]
        """
        if text.strip() == "24/7":
            return cls(text, (ALL_DAY,))
        by_day: dict[int, tuple[LocalWindow, ...]] = {}
        rules = [rule.strip() for rule in text.split(";") if rule.strip()]
        if not rules:
            raise InvalidInput(f"opening hours {text!r} say nothing")
        for rule in rules:
            match = _RULE.fullmatch(rule)
            if not match or not match["times"]:
                raise InvalidInput(f"opening hours {text!r}: {rule!r} is not understood")
            for day in _weekdays(match["days"]):
                by_day[day] = tuple(_windows(match["times"], day))
        return cls(text, tuple(window for day in sorted(by_day) for window in by_day[day]))


def _weekdays(text: str | None) -> frozenset[int]:
    if text is None:
        return EVERY_DAY
    days: set[int] = set()
    for part in text.split(","):
        names = part.split("-")
        if len(names) > 2 or any(name not in _DAYS for name in names):
            raise InvalidInput(f"opening hours: {part!r} is not a day or a range of days like Mo-Fr")
        first, last = _DAYS.index(names[0]), _DAYS.index(names[-1])
        days.update((first + n) % 7 for n in range((last - first) % 7 + 1))
    return frozenset(days)


def _windows(text: str, day: int) -> list[LocalWindow]:
    if text in ("off", "closed"):
        return []
    windows = []
    for part in text.split(","):
        start, dash, end = part.strip().partition("-")
        if not dash:
            raise InvalidInput(f"opening hours: {part.strip()!r} is not a span of time like 08:00-20:00")
        windows.append(LocalWindow.parse(start.strip(), end.strip(), frozenset({day})))
    return windows
