"""Every request is counted, timed and logged under an id of its own: by its route's template, which names nobody."""

import logging
import random
import re
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nearcast.services.figures import Figure, Figures, Span

_OFTEN = frozenset({"/v1/pings", "/v1/webhooks/{channel}", "/healthz", "/readyz", "/metrics"})
"""Routes whose requests are logged only where they failed: the figures count the rest."""

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_NO_ROUTE = "no route"
_log = logging.getLogger("nearcast.request")


class Watch:
    """Answers with `X-Request-Id`: the one that came with the request, if it is a plain one, else a new one."""

    def __init__(self, app: ASGIApp, figures: Figures) -> None:
        self._app, self._figures = app, figures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_s, status = perf_counter(), 500
        request_id = _request_id(scope)

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message["headers"], (b"x-request-id", request_id.encode())]}
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            path: str = scope["path"]  # of what is answered before it is routed
            route: str = getattr(scope.get("route"), "path", path if path in _OFTEN else _NO_ROUTE)
            tell(self._figures, scope["method"], route, request_id, status, perf_counter() - began_s)


def tell(figures: Figures, method: str, route: str, request_id: str, status: int, took_s: float) -> None:
    """Count and time a request that is answered, and log it where it is to be."""
    figures.add(Figure.REQUESTS, method if route != _NO_ROUTE else "", route, str(status))
    figures.took(Span.REQUEST, took_s)
    level = logging.DEBUG if status < 500 and (route in _OFTEN or not route.startswith("/v1/")) else logging.INFO
    if _log.isEnabledFor(level):
        said = {"request_id": request_id, "method": method, "route": route, "status": status}
        _log.log(
            level,
            "%s %s %d in %.1f ms, request %s",
            *(method, route, status, took_s * 1000, request_id),
            extra={"said": {**said, "duration_ms": round(took_s * 1000, 3)}},
        )


def request_id_of(sent: bytes) -> str:
    """What came as the id of a request, if it is a plain one, else a new one."""
    found = sent.decode("latin-1")
    return found if _ID.fullmatch(found) else f"{random.getrandbits(64):016x}"


def _request_id(scope: Scope) -> str:
    return request_id_of(next((value for name, value in scope["headers"] if name == b"x-request-id"), b""))
