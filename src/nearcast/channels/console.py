"""A channel that prints: for trying things out where no provider is set up."""

import json
import sys
from threading import Lock
from typing import TextIO

from nearcast.domain.message import Message
from nearcast.services.ports import SendOutcome


class Console:
    """One line per message: its id, channel, customer and text, quoted; never an address.

    `stream` None is the process's standard output at the time of sending.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._lock = Lock()

    def send(self, message: Message) -> SendOutcome:
        """Print and flush; FAILED where the stream is closed or broken, for nobody has read it."""
        said = (message.id, message.channel, message.customer_id, message.text)
        line = f"message {' '.join(map(_quoted, said))}\n"
        with self._lock:
            stream = self._stream or sys.stdout
            try:
                encoding = stream.encoding or "utf-8"
                stream.write(line.encode(encoding, "backslashreplace").decode(encoding))
                stream.flush()
            except (OSError, ValueError):
                return SendOutcome.FAILED
        return SendOutcome.ACCEPTED


def _quoted(text: str) -> str:
    """On one line and without what steers a terminal: no text can pass for another message."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in quoted)
