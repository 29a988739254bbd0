"""What channels have in common through which nobody answers."""

from collections.abc import Mapping, Sequence

from nearcast.domain.channel_event import ChannelEvent
from nearcast.services.channel_ports import BadSignature, ChannelHealth


class OneWay:
    """Nothing is heard of what has left, so nothing that comes is genuine."""

    def verify(self, headers: Mapping[str, str], raw: bytes) -> None:
        raise BadSignature("nobody answers on this channel")

    def parse(self, raw: bytes) -> Sequence[ChannelEvent]:
        return ()

    def probe(self) -> ChannelHealth:
        return ChannelHealth(is_ready=True)
