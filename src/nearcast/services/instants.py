"""Instants as columns hold them: microseconds since 1970 UTC."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
US_PER_S = 1_000_000


def as_us(at: datetime) -> int:
    """Microseconds since 1970; ValueError for an instant without an offset."""
    if at.tzinfo is None:
        raise ValueError(f"{at!r} has no offset: it is no instant")
    return (at - EPOCH) // timedelta(microseconds=1)


def as_instant(us: int) -> datetime:
    return EPOCH + timedelta(microseconds=us)
