"""One value as a file has it, text or number, taken for what its column means; ValueError says what is wrong."""

import math
import re
from datetime import UTC, datetime, timedelta

MILLISECONDS_FROM = 10**11  # as unix seconds that would be the year 5138
LATEST_MILLISECOND = 253_402_300_799_999  # the end of the year 9999, the last that datetime knows
EARLIEST_MILLISECOND = -62_135_596_800_000

# RFC 3339, which allows a space for the T and small letters
INSTANT = r"^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$"
_INSTANT = re.compile(INSTANT)
_NAIVE = re.compile(r"\d{4}-\d{2}-\d{2}([Tt ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def number(value: object) -> float:
    """A finite number, or the decimal text of one."""
    if isinstance(value, str) and is_number(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{value!r} is not a number")
    try:
        if math.isfinite(value):
            return float(value)
    except OverflowError:
        pass
    raise ValueError(f"{value!r} is not a finite number")


def text(value: object) -> str:
    """Text, or a whole number in decimal."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ValueError(f"{value!r} is neither text nor a whole number")
    answer = str(value)
    if not answer.isascii() and answer.encode(errors="ignore").decode() != answer:
        raise ValueError(f"{value!r} has half a character")  # a lone surrogate: JSON can say it, no file can hold it
    return answer


def is_number(value: str) -> bool:
    return _NUMBER.fullmatch(value.strip()) is not None


def instant_us(value: object) -> int:
    """Microseconds since 1970 UTC of an RFC 3339 text with offset, or of unix seconds or milliseconds.

    A number from 100,000,000,000 on, on either side of zero, is milliseconds. Finer than microseconds is cut off.
    """
    if isinstance(value, str) and not is_number(value):
        return _rfc3339_us(value)
    if isinstance(value, str):
        value = int(value) if value.strip().lstrip("+-").isdigit() else number(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{value!r} is not an instant")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value!r} is not an instant")
    scale = 1000 if abs(value) >= MILLISECONDS_FROM else 1_000_000
    if scale == 1000 and not EARLIEST_MILLISECOND <= value <= LATEST_MILLISECOND:
        raise ValueError(f"{str(value)[:40]} is neither unix seconds nor milliseconds")
    return round(value * scale)


def _rfc3339_us(value: str) -> int:
    if not _INSTANT.match(value):
        if _NAIVE.fullmatch(value):
            raise ValueError(f"{value!r} has no offset from UTC")
        raise ValueError(f"{value!r} is neither RFC 3339 nor a unix time")
    try:
        return (datetime.fromisoformat(value.upper()) - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{value!r} is not an instant: {error}") from None
