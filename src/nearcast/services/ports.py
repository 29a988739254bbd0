"""What the use cases ask of the outside, as the use cases see it."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Protocol, TypeAlias

from nearcast.domain.message import Message
from nearcast.geo.batch import PingBatch

PingReader: TypeAlias = Callable[[Path], PingBatch]
Progress: TypeAlias = Callable[[int, int], None]
"""Called with (done, of) while long work goes on."""


class SendOutcome(StrEnum):
    """What one attempt came to."""

    ACCEPTED = "accepted"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Channel(Protocol):
    """What messages leave through."""

    def send(self, message: Message) -> SendOutcome:
        """One attempt, never repeated by the channel itself."""
