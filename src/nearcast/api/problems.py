"""Errors as `application/problem+json` (RFC 9457): one table from what went wrong to what is answered."""

import logging
import re
import traceback
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nearcast.domain.errors import (
    Conflict,
    InvalidInput,
    NearcastError,
    NotAllowed,
    NotFound,
    Overloaded,
    ProviderAway,
    RevisionChanged,
    StoreUnavailable,
)
from nearcast.services.channel_ports import BadSignature
from nearcast.services.once import StillRunning
from nearcast.services.scenario import dotted

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 2
_LONGEST_VALUE = 200
_LONGEST_LIST = 20
_log = logging.getLogger(__name__)

_STATUS: tuple[tuple[type[NearcastError], int, str], ...] = (
    (RevisionChanged, 412, "Changed meanwhile"),
    (BadSignature, 401, "Not signed"),
    (InvalidInput, 422, "Invalid input"),
    (NotFound, 404, "Not found"),
    (NotAllowed, 403, "Not allowed"),
    (Conflict, 409, "Not possible as things stand"),
    (Overloaded, 503, "Too much at once"),
    (StoreUnavailable, 503, "The database is unavailable"),
    (ProviderAway, 502, "The provider does not answer"),
)
_OF_HTTP = {
    400: ("malformed", "Malformed request"),
    401: ("unauthorized", "An API key is needed"),
    404: ("not_found", "Not found"),
    405: ("method_not_allowed", "Method not allowed"),
    408: ("too_slow", "Too slow"),
    413: ("too_large", "Too large"),
    415: ("unsupported_media_type", "Unsupported media type"),
    503: ("too_slow", "Too slow"),
}


_SAID = {
    "extra_forbidden": "unknown key",
    "missing": "is missing",
    "model_attributes_type": "is not a JSON object",
    "model_type": "is not a JSON object",
    "dict_type": "is not a JSON object",
    "list_type": "is not a JSON array",
    "string_type": "is not text",
}


class Refusal(HTTPException):
    """An answer that only HTTP knows: malformed, unauthorized, too large, of another media type."""


def problem(
    status: int,
    code: str,
    title: str,
    detail: str = "",
    *,
    errors: Sequence[Mapping[str, Any]] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """A problem document. `path` and `value` are those of the first of `errors`."""
    document: dict[str, Any] = {"type": "about:blank", "title": title, "status": status, "code": code}
    if detail:
        document["detail"] = detail
    if errors:
        document |= {key: errors[0][key] for key in ("path", "value") if key in errors[0]}
        document["errors"] = list(errors)[:_LONGEST_LIST]
    return JSONResponse(document, status, headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Answer everything that can go wrong with a problem."""
    app.add_exception_handler(NearcastError, _of_nearcast)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_middleware(Faults)


_BROKEN_OFF = problem(400, "malformed", "Malformed request", "The body broke off.")
"""For those who count answers: whom it is for has gone."""


def answer_to(request: Request, error: Exception) -> JSONResponse:
    """The problem for what was raised outside of FastAPI's routes."""
    if isinstance(error, NearcastError):
        return _of_nearcast(request, error)
    if isinstance(error, Refusal):
        return _of_http(request, error)
    return _BROKEN_OFF if isinstance(error, ClientDisconnect) else _of_fault(request, error)


class BrokenOff(Exception):
    """An answer that had begun when its work failed."""


class Faults:
    """Answers a fault of ours, and lets no word of it go further: whoever serves us would write it down."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = False

        async def sending(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as error:
            answer = answer_to(Request(scope), error)
            if has_begun:
                raise BrokenOff from None
            await answer(scope, receive, send)


def _of_nearcast(request: Request, error: Exception) -> JSONResponse:
    for kind, status, title in _STATUS:
        if isinstance(error, kind):
            headers = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 or isinstance(error, StillRunning) else None
            # what a driver says of its database is not for those who ask
            detail = "Try again as it stands: nothing was changed." if status == 503 else str(error)
            return problem(status, error.code, title, detail, errors=_places(request, error), headers=headers)
    return _of_fault(request, error)


def _places(request: Request, error: Exception) -> list[dict[str, Any]]:
    """Where in what was sent the fault lies, and the value there where it can be found."""
    if not isinstance(error, InvalidInput) or not error.place:
        return []
    body: Any = getattr(request.state, "body", None)
    found = {"path": error.place, "message": error.message}
    for part in re.findall(r"[^.\[\]]+", error.place):
        try:
            body = body[int(part)] if isinstance(body, list) else body[part]
        except (KeyError, IndexError, TypeError, ValueError):
            return [found]
    return [{**found, "value": _short(body)}]


def _of_validation(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - FastAPI hands over what was registered
    errors = []
    for fault in error.errors():
        where, *path = fault["loc"]
        said = _SAID.get(fault["type"], fault["msg"].removeprefix("Value error, "))
        entry = {"path": dotted(tuple(path)) or str(where), "message": said}
        errors.append(entry if fault["type"] == "missing" else {**entry, "value": _short(fault.get("input"))})
    first = errors[0]
    return problem(422, "invalid_input", "Invalid input", f"{first['path']}: {first['message']}", errors=errors)


def _of_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    code, title = _OF_HTTP.get(error.status_code, ("refused", "Refused"))
    detail = str(error.detail) if isinstance(error, Refusal) else ""
    return problem(error.status_code, code, title, detail, headers=error.headers)


def _of_fault(request: Request, error: Exception) -> JSONResponse:
    # its text may hold what a request said: type and frames are enough to find it
    frames = "".join(traceback.format_tb(error.__traceback__))
    route = getattr(request.scope.get("route"), "path", "no route")
    _log.error("%s in %s %s\n%s", type(error).__name__, request.method, route, frames)
    return problem(500, "fault", "A fault of nearcast's", "It has been written down; trying again may help.")


def _short(value: object) -> object:
    """A value as it is shown back: whole where it is small."""
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "…"
