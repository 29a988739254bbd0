"""POST /v1/pings: a route as all others, and in front of it a short cut for who sends many requests a second."""

import asyncio
from datetime import datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from nearcast.api import problems
from nearcast.api.body import MIB
from nearcast.api.pages import shows
from nearcast.api.problems import Refusal
from nearcast.api.route import App, Asker, KeyedRoute, open_to
from nearcast.domain.errors import NearcastError
from nearcast.domain.reason import Reason
from nearcast.services.access import Principal, Role
from nearcast.services.application import Application
from nearcast.services.ping_request import ARROW, MOST_PINGS, NDJSON, PingRequest, TooManyPings, Unreadable

router = APIRouter(prefix="/v1/pings", tags=["pings"], route_class=KeyedRoute)
_PATH = router.prefix
_JSON = "application/json"
_MEDIA = (_JSON, *NDJSON, ARROW)
_MOST_BYTES = 16 * MIB
_SMALL_BYTES = 16 << 10
_LONGEST_LENGTH = 20  # digits
_ROLES = (Role.INGEST, Role.OPERATOR)
_LINE = '{"customer_id":"cust-0001","recorded_at":1780394400,"lat":52.5204497,"lon":13.405}\n'
_PING: dict[str, Any] = {
    "customer_id": "cust-0001",
    "recorded_at": "2026-06-02T10:00:00Z",
    "lat": 52.5204497,
    "lon": 13.405,
    "accuracy_m": 8,
    "ping_id": "01J-7F3",
    "device_id": "phone",
    "speed_mps": 1.2,
}
_TEXT, _AMOUNT = {"type": "string", "minLength": 1, "maxLength": 255}, {"type": "number", "minimum": 0}
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["customer_id", "recorded_at", "lat", "lon"],
    "additionalProperties": False,
    "properties": {
        "customer_id": _TEXT,
        "recorded_at": {
            "description": "RFC 3339 with an offset, or unix seconds or milliseconds.",
            "oneOf": [{"type": "string", "format": "date-time"}, {"type": "number"}],
        },
        "lat": {"type": "number", "description": "Degrees north, -90 to 90."},
        "lon": {"type": "number", "description": "Degrees east; -540 to 540 wrap."},
        "accuracy_m": {**_AMOUNT, "description": "The radius that holds the true position with 68 %."},
        "ping_id": {**_TEXT, "description": "A ping of the same customer and device with the same id counts once."},
        "device_id": _TEXT,
        "speed_mps": _AMOUNT,
    },
    "example": _PING,
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            _JSON: {"schema": {"type": "array", "maxItems": MOST_PINGS, "items": _SCHEMA}, "example": [_PING]},
            NDJSON[0]: {
                "schema": {"type": "string", "description": "One ping on each line; blank lines do not count."},
                "example": _LINE,
            },
            ARROW: {
                "schema": {
                    "type": "string",
                    "format": "binary",
                    "description": "An Arrow IPC stream, its buffers not compressed, with the same names for columns.",
                },
            },
        },
    }
}
_ANSWER = {
    "accepted": 41,
    "rejected": [
        {"index": 7, "reason": "consent_location_missing"},
        {"index": 12, "reason": "malformed", "detail": "lat is missing"},
    ],
}


async def _raw_body(request: Request) -> bytes:
    return await request.body()


@router.post(
    "",
    status_code=202,
    summary="Send pings",
    openapi_extra={**open_to(Role.INGEST, max_bytes=_MOST_BYTES, media=_MEDIA), **_BODY},
    responses=shows("What was accepted is durable; what was rejected is stored nowhere.", _ANSWER, status=202),
)
async def send_pings(app: App, asker: Asker, request: Request, raw: Annotated[bytes, Depends(_raw_body)]) -> Response:
    """Up to 10,000 pings and 16 MiB, as a JSON array, as NDJSON or as an Arrow stream. `rejected` is by `index`,
    counted from 0 in what was sent. Pings of customers who have not agreed to location are rejected and forgotten. 503:
    nothing was kept, send it again; `overloaded` means that more comes in than is dealt with.
    """
    return await _take(app, asker, _media(request.headers.get("content-type", "")), raw)


async def _take(app: Application, asker: Principal, media: str, raw: bytes) -> Response:
    now = app.clock.now()
    if len(raw) <= _SMALL_BYTES:
        found = _read(app, raw, media, now)
    else:
        found = await run_in_threadpool(_read, app, raw, media, now)
    coming = app.intake.take(asker.tenant_id, found.batch, now, malformed=len(found.malformed))
    turned_away = await asyncio.wrap_future(coming)
    rejected: list[dict[str, Any]] = [
        *({"index": found.indices[row], "reason": reason.value} for row, reason in turned_away),
        *({"index": index, "reason": Reason.MALFORMED.value, "detail": detail} for index, detail in found.malformed),
    ]
    rejected.sort(key=lambda entry: int(entry["index"]))
    answer = {"accepted": len(found.indices) - len(turned_away), "rejected": rejected}
    return Response(msgspec.json.encode(answer), 202, media_type=_JSON)


def _read(app: Application, raw: bytes, media: str, now: datetime) -> PingRequest:
    try:
        return app.read_native(raw, media, now)
    except Unreadable as error:
        raise Refusal(400, str(error)) from None
    except TooManyPings as error:
        raise Refusal(413, str(error)) from None


def _media(said: str) -> str:
    return said.partition(";")[0].strip().lower()


class ShortCut:
    """Takes the requests that the route would let in, and nothing else: those of a key that was asked for a moment ago,
    whose body has a length and a format that is read, and that count as often as they come.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == _PATH and scope["method"] == "POST":
            application: Application = scope["app"].state.application
            headers = dict(scope["headers"])
            asker = _recalled(application, headers)
            if asker is not None and _is_plain(scope, headers):
                request = Request(scope, receive)
                media = _media(headers[b"content-type"].decode("latin-1"))
                try:
                    answer = await _take(application, asker, media, await request.body())
                except (NearcastError, Refusal) as error:
                    answer = problems.answer_to(request, error)
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _recalled(app: Application, headers: dict[bytes, bytes]) -> Principal | None:
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() != b"bearer" or not token.isascii():
        return None
    found = app.access.recall(token.strip().decode(), app.clock.now())
    return found if found is not None and found.role in _ROLES else None


def _is_plain(scope: Scope, headers: dict[bytes, bytes]) -> bool:
    length = headers.get(b"content-length", b"")
    return (
        not scope["query_string"]
        and not headers.keys() & {b"idempotency-key", b"content-encoding"}
        and length.isdigit()
        and len(length) <= _LONGEST_LENGTH
        and int(length) <= _MOST_BYTES
        and _media(headers.get(b"content-type", b"").decode("latin-1")) in _MEDIA
    )
