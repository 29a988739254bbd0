"""The other end of the wire: connections that send pings as fast as they are answered, or at a pace."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic, process_time

_STATUS_AT = 9  # behind "HTTP/1.1 "
_ACCEPTED = b"202"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """Bodies for `POST /v1/pings`. `every_s` is when the next one is due, 0 for as soon as a connection is free."""

    host: str
    port: int
    key: str
    bodies: Sequence[bytes]
    connections: int
    every_s: float = 0.0


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
    return asyncio.run(_send(sending))


async def _send(sending: Sending) -> Sent:
    answered_s = [0.0] * len(sending.bodies)
    coming = iter(range(len(sending.bodies)))
    begun_s, cpu_s = monotonic(), process_time()
    head = (
        f"POST /v1/pings HTTP/1.1\r\nHost: {sending.host}:{sending.port}\r\nAuthorization: Bearer {sending.key}\r\n"
        "Content-Type: application/json\r\nContent-Length: "
    ).encode()

    async def one() -> int:
        reader, writer = await asyncio.open_connection(sending.host, sending.port)
        refused = 0
        for n in coming:
            if sending.every_s:
                await asyncio.sleep(max(0.0, begun_s + n * sending.every_s - monotonic()))
            body = sending.bodies[n]
            writer.write(head + str(len(body)).encode() + b"\r\n\r\n" + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            length = answer.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length))
            answered_s[n] = monotonic()
            refused += answer[_STATUS_AT : _STATUS_AT + 3] != _ACCEPTED
        writer.close()
        return refused

    refused = sum(await asyncio.gather(*(one() for _ in range(sending.connections))))
    return Sent(begun_s=begun_s, answered_s=answered_s, refused=refused, cpu_s=process_time() - cpu_s)
