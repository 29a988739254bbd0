"""HTTP/1.1 for a server that breaks off, keeps silent or talks nonsense when it is told to; no framework lets it."""

import asyncio
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from threading import Event, Thread
from typing import TypeAlias, cast
from urllib.parse import parse_qsl, unquote, urlsplit

import httptools
import uvloop

from nearcast.domain.value import value

_MOST_BYTES = 8 << 20
_START_S, _STOP_S = 10.0, 5.0


@value(kw_only=True)
class Request:
    """`path` is decoded; of a header or a query field that comes twice the last one stands. Header names are small."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@value(kw_only=True)
class Answer:
    status: int = 200
    body: bytes = b""
    media_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


Handler: TypeAlias = Callable[[Request], Awaitable[Answer | None]]
"""What becomes of a request; None closes the connection without a word. Who never answers is cancelled when the other
side has gone.
"""


class _Connection(asyncio.Protocol):
    """One client's, which may ask again and again."""

    def __init__(self, handle: Handler, alive: "set[_Connection]") -> None:
        self._handle, self._alive = handle, alive
        self._parser = httptools.HttpRequestParser(self)
        self._waiting = deque[Request]()
        self._task: asyncio.Task[None] | None = None
        self._url, self._headers, self._body = b"", dict[str, str](), bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by name
        self._alive.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._alive.discard(self)
        if self._task is not None:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.close()

    def on_message_begin(self) -> None:
        self._url, self._headers, self._body = b"", {}, bytearray()

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._body += body
        if len(self._body) > _MOST_BYTES:
            self.close()

    def on_message_complete(self) -> None:
        parts = urlsplit(self._url.decode("latin-1"))
        request = Request(
            method=self._parser.get_method().decode("latin-1"),
            path=unquote(parts.path),
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            headers=self._headers,
            body=bytes(self._body),
        )
        self._waiting.append(request)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._answer_all())

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    async def _answer_all(self) -> None:
        while self._waiting and self._transport is not None:
            request = self._waiting.popleft()
            answer = await self._handle(request)
            if answer is None:
                self._transport.close()
                return
            self._transport.write(_written(answer))


def _written(answer: Answer) -> bytes:
    named = {each.value: each.phrase for each in HTTPStatus}
    lines = [f"HTTP/1.1 {answer.status} {named.get(answer.status, '')}", f"Content-Type: {answer.media_type}"]
    lines += [f"{name}: {said}" for name, said in answer.headers]
    lines += [f"Content-Length: {len(answer.body)}", "", ""]
    return "\r\n".join(lines).encode("latin-1") + answer.body


class HttpServer:
    """Serves on `listening` in a thread of its own, with what else `beside` does in the same loop."""

    def __init__(self, listening: socket.socket, handle: Handler, beside: Callable[[], Awaitable[None]]) -> None:
        self._listening, self._handle, self._beside = listening, handle, beside
        self._thread = Thread(target=self._run, name="fake whatsapp", daemon=True)
        self._ready = Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending: asyncio.Event | None = None

    def start(self) -> None:
        self._thread.start()
        self._ready.wait(_START_S)

    def stop(self) -> None:
        """Whoever waits for an answer is left without one."""
        if self._loop is not None and self._ending is not None:
            self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join(_STOP_S)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._ending = asyncio.get_running_loop(), asyncio.Event()
        alive = set[_Connection]()
        server = await self._loop.create_server(lambda: _Connection(self._handle, alive), sock=self._listening)
        beside = self._loop.create_task(_forever(self._beside))
        self._ready.set()
        await self._ending.wait()
        beside.cancel()
        for connection in [*alive]:
            connection.close()
        server.close()


async def _forever(work: Callable[[], Awaitable[None]]) -> None:
    await work()
