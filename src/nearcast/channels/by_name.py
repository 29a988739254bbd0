"""Many channels: each message leaves through the one it names."""

from collections.abc import Mapping

from nearcast.services.channel_ports import WayOut


class ByName:
    """`adapters` by a message's channel; the others go to `fallback`, or nowhere where there is none."""

    def __init__(self, adapters: Mapping[str, WayOut], fallback: WayOut | None) -> None:
        self._adapters, self._fallback = dict(adapters), fallback

    def through(self, channel: str) -> WayOut | None:
        return self._adapters.get(channel, self._fallback)
