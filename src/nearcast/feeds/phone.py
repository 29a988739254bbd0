"""What phones' apps have in common: JSON of any kind, numbers in quotes, zeros that say nothing, wrong clocks."""

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

from nearcast.feeds import values
from nearcast.feeds.pings import EARLIEST_US, LATEST_US

MILLISECONDS, EPOCH_2001, WEEKS_1024 = "clock_in_milliseconds", "clock_from_2001", "clock_1024_weeks_behind"
_FROM_2001_S = 978_307_200  # from 1970 to 2001
_ROLL_OVER_S = 619_315_200  # the week counter of satellites has ten bits
_NEAR, _RECENT, _AHEAD = timedelta(days=1), timedelta(days=7), timedelta(minutes=5)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_INTEGER = 30
_LONGEST_ID_BYTES = 255


class NoFix(ValueError):
    """What is no position at an instant. Its text never repeats a value."""


def document(body: bytes) -> Any:
    """A JSON document; NoFix for what is none."""
    try:
        return json.loads(body.decode("utf-8-sig"), parse_int=_integer)
    except (ValueError, RecursionError):
        raise NoFix("it is not JSON") from None


def degrees(value: object) -> float:
    """A finite number, in quotes or not; NoFix for what is none."""
    try:
        return values.number(value)
    except ValueError:
        raise NoFix("a coordinate is missing or no number") from None


def known(value: object) -> float | None:
    """A length or a speed where the phone knows one: a finite number from 0, in quotes or not; else None."""
    try:
        found = values.number(value)
    except ValueError:
        return None
    return found if found >= 0 else None


def accuracy(value: object) -> float | None:
    """As `known`; 0 m means unknown, too: no phone is as good as that."""
    return known(value) or None


def name(value: object) -> str | None:
    """What a phone calls a fix, where every database can keep it; else None."""
    try:
        found = values.text(value)
    except ValueError:
        return None
    return found if found and "\0" not in found and len(found.encode()) <= _LONGEST_ID_BYTES else None


def instant(value: object) -> datetime:
    """RFC 3339 or unix seconds or milliseconds, as text or number; NoFix for what is none between 1900 and 2200."""
    try:
        at_us = values.instant_us(value)
    except (ValueError, OverflowError):
        raise NoFix("its time is missing or no time") from None
    if not EARLIEST_US <= at_us < LATEST_US:
        raise NoFix("its time is not between 1900 and 2200")
    return _EPOCH + timedelta(microseconds=at_us)


def repaired(
    value: object, received_at: datetime, *, built_at: object = None, may_count_from_2001: bool = False
) -> tuple[datetime, str | None]:
    """When it was by the phone's clock, and what was wrong with that clock where it could be told; NoFix as `instant`.

    Milliseconds are taken as such. 1024 weeks are added where that leads to within a day of `built_at`, when the phone
    says that it built its message, or of the receipt. What may count from 2001 does where that leads to the last week.
    """
    at = instant(value)
    later = at + timedelta(seconds=_ROLL_OVER_S)
    if any(abs(later - mark) <= _NEAR for mark in (received_at, _instant_or(built_at, received_at))):
        return later, WEEKS_1024
    from_2001 = at + timedelta(seconds=_FROM_2001_S)
    if may_count_from_2001 and received_at - _RECENT <= from_2001 <= received_at + _AHEAD:
        return from_2001, EPOCH_2001
    return at, MILLISECONDS if _is_in_milliseconds(value) else None


def _instant_or(value: object, otherwise: datetime) -> datetime:
    try:
        return instant(value)
    except NoFix:
        return otherwise


def _is_in_milliseconds(value: object) -> bool:
    try:
        return abs(values.number(value)) >= values.MILLISECONDS_FROM
    except ValueError:
        return False


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else math.nan
