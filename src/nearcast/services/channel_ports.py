"""What a channel may say of itself."""

from typing import Protocol, runtime_checkable

from nearcast.domain.message import Message


@runtime_checkable
class Repeatable(Protocol):
    """A channel whose provider recognises a message by its id: sent twice, it arrives once."""

    def repeatable_s(self, message: Message) -> float:
        """For how many seconds after the first attempt; 0 for not at all."""


def repeatable_s(channel: object, message: Message) -> float:
    """For how many seconds after an attempt without an answer the same message may be sent again; 0 for never."""
    return channel.repeatable_s(message) if isinstance(channel, Repeatable) else 0.0
