"""Work that is one process's at a time, for all tenants: when it is due next, as the use cases see it."""

from datetime import datetime
from typing import Protocol


class Duties(Protocol):
    """Everybody's, by name."""

    def is_due(self, name: str, now: datetime) -> bool:
        """Whether somebody may take it, as far as can be told without waiting for anybody."""

    def begin(self, name: str, now: datetime, until: datetime) -> bool:
        """Take a piece of work that is due, which it is at first, until somebody else may; False where it is not."""

    def end(self, name: str, due_at: datetime, *, failed: bool) -> None:
        """It is done, or has `failed` once more; due again at `due_at`."""

    def failures(self, name: str) -> int:
        """How often in a row it has failed."""

    def hurry(self, name: str, at: datetime, *, apart_s: float) -> None:
        """It is due at that instant, but not within `apart_s` of when it began last."""


def templates_of(channel: str) -> str:
    """The name of reading back the templates of a channel."""
    return f"templates {channel}"


def probe_of(channel: str, sender: str) -> str:
    """The name of asking a provider whether it takes what a sender says again."""
    return f"probe {channel} {sender}"
