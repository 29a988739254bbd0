"""How single values are written in documents from outside: an instant, an id, a span of time."""

from datetime import UTC, date, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

_MILLISECONDS_FROM = 1e11  # as seconds this is the year 5138, as milliseconds 1973
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
MAX_SECONDS = 1e9  # some 30 years: longer spans are slips of a unit


def parse_instant(value: object) -> datetime:
    """RFC 3339 text with an offset, or unix seconds or milliseconds, as an aware UTC instant; ValueError otherwise."""
    if isinstance(value, datetime):
        at = value
    elif isinstance(value, str):
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{value!r} is not an instant like 2026-06-02T10:00:00Z") from None
    elif isinstance(value, int | float) and not isinstance(value, bool):
        try:
            at = datetime.fromtimestamp(value / 1000 if abs(value) >= _MILLISECONDS_FROM else value, UTC)
        except (OverflowError, OSError, ValueError):
            raise ValueError(f"{str(value)[:40]} is not an instant") from None
    else:
        raise ValueError(f"{value!r} is not an instant like 2026-06-02T10:00:00Z")
    if at.tzinfo is None:
        raise ValueError(f"{value!r} has no offset: write Z or +02:00 behind it")
    # compared before it is moved to UTC, which fails at the ends of the calendar
    if not _EARLIEST <= at < _LATEST:
        raise ValueError(f"{value!r} is not between 1970 and 2200")
    return at.astimezone(UTC)


def _text_of_number(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("has characters that cannot be printed")
    return text


Id = Annotated[str, BeforeValidator(_text_of_number), StringConstraints(min_length=1)]
Instant = Annotated[datetime, BeforeValidator(parse_instant)]
Day = Annotated[date, Field(strict=False)]
Seconds = Annotated[float, Field(ge=0, le=MAX_SECONDS)]
Said = Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(_printable)]
Rank = Annotated[int, Field(ge=0, le=100)]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
