"""The other end of the wire: connections that send pings as fast as they are answered, or at a pace."""

import asyncio
from asyncio import Future
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import monotonic, process_time
from typing import cast

import uvloop

_STATUS_AT = 9  # behind "HTTP/1.1 "
_ACCEPTED = b"202"
_LENGTH, _HEAD_ENDS, _LINE_ENDS = b"content-length:", b"\r\n\r\n", b"\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """Bodies for `POST /v1/pings`. `every_s` is when the next one is due, 0 for as soon as a connection is free."""

    host: str
    port: int
    key: str
    bodies: Sequence[bytes]
    connections: int
    every_s: float = 0.0
    media: str = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """When each body's answer came, on a clock that all processes share; how many were no 202; what it cost here."""

    begun_s: float
    answered_s: list[float]
    refused: int
    cpu_s: float

    @property
    def took_s(self) -> float:
        return max(self.answered_s) - self.begun_s


def send(sending: Sending) -> Sent:
    """Send all of it. For a process of its own."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_send(sending))


async def _send(sending: Sending) -> Sent:
    loop, sheet = asyncio.get_running_loop(), _Sheet(sending)
    begun_s, cpu_s = sheet.begun_s, process_time()
    lines = [_Line(sheet, loop) for _ in range(sending.connections)]
    for line in lines:
        await loop.create_connection(lambda line=line: line, sending.host, sending.port)  # type: ignore[misc]
    await asyncio.gather(*(line.ended for line in lines))
    return Sent(begun_s=begun_s, answered_s=sheet.answered_s, refused=sheet.refused, cpu_s=process_time() - cpu_s)


class _Sheet:
    """What is to be sent, and what came of it."""

    def __init__(self, sending: Sending) -> None:
        self.sending, self.begun_s, self.refused = sending, monotonic(), 0
        self.coming: Iterator[int] = iter(range(len(sending.bodies)))
        self.answered_s = [0.0] * len(sending.bodies)
        self.head = (
            f"POST /v1/pings HTTP/1.1\r\nHost: {sending.host}:{sending.port}\r\nAuthorization: Bearer {sending.key}\r\n"
            f"Content-Type: {sending.media}\r\nContent-Length: "
        ).encode()


class _Line(asyncio.Protocol):
    """One connection: a request, its answer, the next one."""

    def __init__(self, sheet: _Sheet, loop: asyncio.AbstractEventLoop) -> None:
        self._sheet, self._loop = sheet, loop
        self._answer, self._n = b"", 0
        self.ended: Future[None] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by name
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(exc or EOFError("the server hung up"))

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, ends, body = self._answer.partition(_HEAD_ENDS)
        if not ends or len(body) < int(head.lower().partition(_LENGTH)[2].partition(_LINE_ENDS)[0]):
            return
        self._sheet.answered_s[self._n] = monotonic()
        self._sheet.refused += head[_STATUS_AT : _STATUS_AT + 3] != _ACCEPTED
        self._answer = b""
        self._next()

    def _next(self) -> None:
        n = next(self._sheet.coming, None)
        if n is None:
            self.ended.set_result(None)
            self._transport.close()
            return
        self._n, every_s = n, self._sheet.sending.every_s
        wait_s = self._sheet.begun_s + n * every_s - monotonic()
        if every_s and wait_s > 0:
            self._loop.call_later(wait_s, self._send)
        else:
            self._send()

    def _send(self) -> None:
        body = self._sheet.sending.bodies[self._n]
        self._transport.write(b"%b%d%b%b" % (self._sheet.head, len(body), _HEAD_ENDS, body))
