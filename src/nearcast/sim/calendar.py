"""The day of the simulation as instants: Tuesday 2026-06-02 in Berlin, which is on summer time."""

from datetime import UTC, datetime, timedelta

TIMEZONE = "Europe/Berlin"
MIDNIGHT = datetime(2026, 6, 1, 22, 0, tzinfo=UTC)  # 2026-06-02 00:00 in Berlin


def instant(since_midnight_s: float) -> str:
    """RFC 3339 in UTC, to the second; negative is before the day.

    >>> instant(43_200), instant(-86_400)
    ('2026-06-02T10:00:00Z', '2026-05-31T22:00:00Z')
    """
    at = MIDNIGHT + timedelta(seconds=int(since_midnight_s))
    return at.isoformat().replace("+00:00", "Z")


def on(day: int, hour: float) -> float:
    """Seconds since the day's midnight, `day` days later (or, if negative, earlier) at that hour.

    >>> on(-1, 6.5)
    -63000.0
    """
    return day * 86_400 + hour * 3600
