"""A channel that keeps what would have been sent and accepts it at once."""

import sys

from nearcast.channels.one_way import OneWay
from nearcast.domain.sending import Accepted, Attempt, Outbound
from nearcast.services.channel_ports import Capability, Limits

_TAKEN = Accepted()


class Recorder(OneWay):
    """For replays and forecasts: nothing leaves the machine."""

    name = "recorder"
    capabilities = Capability.TEXT | Capability.TEMPLATE | Capability.LIST | Capability.OWN_NAMES
    limits = Limits(body=sys.maxsize)

    def __init__(self) -> None:
        self.sent: list[Outbound] = []

    def render(self, outbound: Outbound) -> bytes:
        return outbound.content.body.encode("utf-8", "backslashreplace")

    def send(self, outbound: Outbound) -> Attempt:
        self.sent.append(outbound)
        return _TAKEN
