"""How answers leave: head and body together, for each time that something is handed to the network is dear."""

from asyncio import AbstractEventLoop, Transport
from typing import Any

MOST_HELD_BYTES = 64 << 10


class Together:
    """A transport that holds back what it is given until its loop comes round, but never much of it."""

    def __init__(self, transport: Transport, loop: AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._held: list[bytes] = []
        self._size = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """As the transport, which says when to write no more as soon as it has got too much."""
        if not self._held:
            self._loop.call_soon(self._send)
        self._held.append(data)
        self._size += len(data)
        if self._size > MOST_HELD_BYTES:
            self._send()

    def close(self) -> None:
        """As the transport: what was written before still leaves."""
        self._send()
        self._transport.close()

    def _send(self) -> None:
        if self._held and not self._transport.is_closing():  # who has gone gets nothing
            self._transport.write(b"".join(self._held))
        self._held.clear()
        self._size = 0
