"""How long a request's body may take: who sends it byte by byte would hold a place for ever."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nearcast.api.problems import RETRY_AFTER_S, Refusal

PATIENCE_S = 30.0
_OF_PHONES = "/v1/feeds/"


class Patience:
    """Refuses with 408 a request whose body is not whole `within_s` seconds after its head. Phones get 503: some delete
    what is answered with a 4xx, and it is their network that is slow.
    """

    def __init__(self, app: ASGIApp, within_s: float = PATIENCE_S) -> None:
        self._app, self._within_s = app, within_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        until_s, is_whole = asyncio.get_running_loop().time() + self._within_s, False

        async def receiving() -> Message:
            nonlocal is_whole
            if is_whole:
                return await receive()
            try:
                async with asyncio.timeout_at(until_s):
                    message = await receive()
            except TimeoutError:
                said = f"the body was not whole after {self._within_s:g} seconds"
                if scope["path"].startswith(_OF_PHONES):
                    raise Refusal(503, said, {"Connection": "close", "Retry-After": str(RETRY_AFTER_S)}) from None
                raise Refusal(408, said, {"Connection": "close"}) from None
            is_whole = not message.get("more_body", False)
            return message

        await self._app(scope, receiving, send)
