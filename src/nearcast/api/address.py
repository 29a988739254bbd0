"""Addresses as they were meant: ids in them may hold a slash, one at the end says nothing, HEAD is a GET's head."""

from urllib.parse import unquote

from starlette.types import ASGIApp, Receive, Scope, Send

_SLASH = "\x01"  # stands for %2F until the route is found; no id has it


class Addresses:
    """Hands requests on with their addresses so read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            method = "GET" if scope["method"] == "HEAD" else scope["method"]
            scope = {**scope, "method": method, "path": _path(scope)}
        await self._app(scope, receive, send)


def with_slashes(value: str) -> str:
    """What stands at one place of a path."""
    return value.replace(_SLASH, "/")


def _path(scope: Scope) -> str:
    path: str = scope["path"]
    sent: bytes = scope.get("raw_path") or b""
    if b"%2f" in sent.lower():
        parts = sent.decode("ascii").split("/")
        path = "/".join(unquote(part).replace("/", _SLASH) for part in parts)
    return path.removesuffix("/") or "/"
