"""The way of a request with pings that is as most are: past all that the others need."""

import asyncio
from collections.abc import Awaitable, Generator
from time import perf_counter
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nearcast.api import problems
from nearcast.api.body import LONGEST_LENGTH
from nearcast.api.patience import PATIENCE_S
from nearcast.api.pings import JSON, MEDIA, MOST_BYTES, PATH, media_of, taken
from nearcast.api.problems import Refusal
from nearcast.api.watch import request_id_of, tell
from nearcast.services.access import Principal, Role
from nearcast.services.application import Application

_ROLES = (Role.INGEST, Role.OPERATOR)
_RAW_PATH, _JSON = PATH.encode(), JSON.encode()
_OF_OTHERS = (b"idempotency-key", b"content-encoding")


class ShortCut:
    """Takes the requests that the route would let in, and nothing else: those of a key that was asked for a moment ago,
    whose body has a length and a format that is read, and that count as often as they come. They are answered, counted
    and waited for as on the long way.
    """

    def __init__(self, app: ASGIApp, within_s: float = PATIENCE_S) -> None:
        self._app, self._within_s = app, within_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope.get("raw_path") == _RAW_PATH and scope["method"] == "POST":
            application: Application = scope["app"].state.application
            headers = dict(scope["headers"])
            asker, media = _recalled(application, headers), _plain_media(scope, headers)
            if asker is not None and media in MEDIA:
                await self._answer(application, asker, media, headers, scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _answer(
        self,
        application: Application,
        asker: Principal,
        media: str,
        headers: dict[bytes, bytes],
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        began_s, request_id = perf_counter(), request_id_of(headers.get(b"x-request-id", b""))
        status, said, more = 202, b"", [(b"x-request-id", request_id.encode())]
        try:
            raw = await self._body(receive)
            said = await taken(application, asker, media, raw)
            more += [(b"content-length", b"%d" % len(said)), (b"content-type", _JSON)]
        except Exception as error:
            problem = problems.answer_to(Request(scope), error)
            status, said = problem.status_code, bytes(problem.body)
            more += problem.raw_headers
        try:
            await send({"type": "http.response.start", "status": status, "headers": more})
            await send({"type": "http.response.body", "body": said})
        finally:
            tell(application.figures, "POST", PATH, request_id, status, perf_counter() - began_s)

    async def _body(self, receive: Receive) -> bytes:
        first = _Begun(receive())
        if first.said is not None and not first.said.get("more_body", False):
            return _part(first.said)
        try:
            async with asyncio.timeout(self._within_s):
                message = await first if first.said is None else first.said
                parts = [_part(message)]
                while message.get("more_body", False):
                    message = await receive()
                    parts.append(_part(message))
                return b"".join(parts)
        except TimeoutError:
            said = f"the body was not whole after {self._within_s:g} seconds"
            raise Refusal(408, said, {"Connection": "close"}) from None


class _Begun:
    """A message that is asked for: it is `said` where it has come already, and need not be waited for with a clock."""

    def __init__(self, coming: Awaitable[Message]) -> None:
        self.said: Message | None = None
        self._coming = coming.__await__()
        try:
            self._waits_for = self._coming.send(None)
        except StopIteration as ended:
            self.said = ended.value

    def __await__(self) -> Generator[Any, Any, Message]:
        try:
            while True:
                try:
                    heard = yield self._waits_for
                except BaseException as error:
                    self._waits_for = self._coming.throw(error)
                else:
                    self._waits_for = self._coming.send(heard)
        except StopIteration as ended:
            found: Message = ended.value
            return found


def _part(message: Message) -> bytes:
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    found: bytes = message.get("body", b"")
    return found


def _recalled(app: Application, headers: dict[bytes, bytes]) -> Principal | None:
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() != b"bearer" or not token.isascii():
        return None
    found = app.access.recall(token.strip().decode(), app.clock.now())
    return found if found is not None and found.role in _ROLES else None


def _plain_media(scope: Scope, headers: dict[bytes, bytes]) -> str:
    """What the body is said to be, nothing where something is out of the ordinary."""
    length = headers.get(b"content-length", b"")
    is_plain = (
        not scope["query_string"]
        and headers.keys().isdisjoint(_OF_OTHERS)
        and length.isdigit()
        and len(length) <= LONGEST_LENGTH
        and int(length) <= MOST_BYTES
    )
    return media_of(headers.get(b"content-type", b"").decode("latin-1")) if is_plain else ""
