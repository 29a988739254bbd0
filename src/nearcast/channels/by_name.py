"""One channel made of many: each message leaves through the one it names."""

from collections.abc import Mapping

from nearcast.domain.message import Message
from nearcast.services.channel_ports import repeatable_s
from nearcast.services.ports import Channel, SendOutcome


class ByName:
    """`adapters` by a message's channel; the others go to `fallback`, or nowhere where there is none."""

    def __init__(self, adapters: Mapping[str, Channel], fallback: Channel | None) -> None:
        self._adapters, self._fallback = dict(adapters), fallback

    def repeatable_s(self, message: Message) -> float:
        """What the adapter says of itself."""
        return repeatable_s(self._adapters.get(message.channel, self._fallback), message)

    def send(self, message: Message) -> SendOutcome:
        """What the adapter says; UNAVAILABLE where there is none."""
        adapter = self._adapters.get(message.channel, self._fallback)
        return SendOutcome.UNAVAILABLE if adapter is None else adapter.send(message)
