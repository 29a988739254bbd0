"""A channel that prints: for trying things out where no provider is set up."""

import json
import sys
from threading import Lock
from typing import TextIO

from nearcast.channels.one_way import OneWay
from nearcast.domain.sending import Accepted, Attempt, NotSent, Outbound
from nearcast.services.channel_ports import Capability, Limits


class Console(OneWay):
    """One line per message: its id, channel, customer and text, quoted; never an address.

    `stream` None is the process's standard output at the time of sending.
    """

    name = "console"
    capabilities = Capability.TEXT | Capability.TEMPLATE | Capability.LIST | Capability.OWN_NAMES
    limits = Limits(body=sys.maxsize)

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._lock = Lock()

    def render(self, outbound: Outbound) -> bytes:
        """The line as it is printed where all letters can be."""
        return _line(outbound).encode()

    def send(self, outbound: Outbound) -> Attempt:
        """Print and flush; nothing has left where the stream is closed or broken, for nobody has read it."""
        line = _line(outbound)
        with self._lock:
            stream = self._stream or sys.stdout
            try:
                encoding = stream.encoding or "utf-8"
                stream.write(line.encode(encoding, "backslashreplace").decode(encoding))
                stream.flush()
            except (OSError, ValueError):
                return NotSent(reason="stream_closed", is_final=True)
        return Accepted()


def _line(outbound: Outbound) -> str:
    said = (outbound.id, outbound.channel, outbound.to.user_id or "", outbound.content.body)
    return f"message {' '.join(map(_quoted, said))}\n"


def _quoted(text: str) -> str:
    """On one line and without what steers a terminal: no text can pass for another message."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in quoted)
