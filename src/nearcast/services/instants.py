"""Instants as columns hold them: microseconds since 1970 UTC."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
US_PER_S = 1_000_000


def as_us(at: datetime) -> int:
    """Microseconds since 1970; ValueError for an instant without an offset."""
    if at.tzinfo is None:
        raise ValueError(f"{at!r} has no offset: it is no instant")
    since = at - EPOCH
    return (since.days * 86_400 + since.seconds) * US_PER_S + since.microseconds


def as_instant(us: int) -> datetime:
    return EPOCH + timedelta(microseconds=us)
