"""POST /v1/pings: a route as all others; `short_cut` stands in front of it for who sends many requests a second."""

import asyncio
from asyncio import Future
from datetime import datetime
from functools import partial
from typing import Annotated, Any
from weakref import WeakKeyDictionary

import msgspec
from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from nearcast.api.body import MIB
from nearcast.api.letters import Letters
from nearcast.api.pages import shows
from nearcast.api.problems import Refusal
from nearcast.api.route import App, Asker, KeyedRoute, open_to
from nearcast.domain.reason import Reason
from nearcast.services.access import Principal, Role
from nearcast.services.application import Application
from nearcast.services.intake import TurnedAway
from nearcast.services.ping_request import ARROW, MOST_PINGS, NDJSON, PingRequest, TooManyPings, Unreadable

router = APIRouter(prefix="/v1/pings", tags=["pings"], route_class=KeyedRoute)
PATH = router.prefix
JSON = "application/json"
MEDIA = (JSON, *NDJSON, ARROW)
MOST_BYTES = 16 * MIB
_SOON_READ_BYTES = 128 << 10
_letters: WeakKeyDictionary[asyncio.AbstractEventLoop, Letters] = WeakKeyDictionary()
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
            JSON: {"schema": {"type": "array", "maxItems": MOST_PINGS, "items": _SCHEMA}, "example": [_PING]},
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
    openapi_extra={**open_to(Role.INGEST, max_bytes=MOST_BYTES, media=MEDIA), **_BODY},
    responses=shows("What was accepted is durable; what was rejected is stored nowhere.", _ANSWER, status=202),
)
async def send_pings(app: App, asker: Asker, request: Request, raw: Annotated[bytes, Depends(_raw_body)]) -> Response:
    """Up to 10,000 pings and 16 MiB, as a JSON array, as NDJSON or as an Arrow stream. `rejected` is by `index`,
    counted from 0 in what was sent. Pings of customers who have not agreed to location are rejected and forgotten. 503:
    nothing was kept, send it again; `overloaded` means that more comes in than is dealt with.
    """
    return Response(
        await taken(app, asker, media_of(request.headers.get("content-type", "")), raw), 202, media_type=JSON
    )


async def taken(app: Application, asker: Principal, media: str, raw: bytes) -> bytes:
    """The answer to a request with pings once those that were let in are durable; Refusal for what cannot be read."""
    now = app.clock.now()
    if len(raw) <= _SOON_READ_BYTES:
        found = _read(app, raw, media, now)
    else:
        found = await run_in_threadpool(_read, app, raw, media, now)
    loop = asyncio.get_running_loop()
    waiter: Future[TurnedAway] = loop.create_future()
    told = partial(_letters.setdefault(loop, Letters()).send, waiter)
    app.intake.take(asker.tenant_id, found.pings, now, told, malformed=len(found.malformed), soon=loop.call_soon)
    turned_away = await waiter
    rejected: list[dict[str, Any]] = [
        *({"index": found.indices[row], "reason": reason.value} for row, reason in turned_away),
        *({"index": index, "reason": Reason.MALFORMED.value, "detail": detail} for index, detail in found.malformed),
    ]
    rejected.sort(key=lambda entry: int(entry["index"]))
    return msgspec.json.encode({"accepted": len(found.indices) - len(turned_away), "rejected": rejected})


def _read(app: Application, raw: bytes, media: str, now: datetime) -> PingRequest:
    try:
        return app.read_native(raw, media, now)
    except Unreadable as error:
        raise Refusal(400, str(error)) from None
    except TooManyPings as error:
        raise Refusal(413, str(error)) from None


def media_of(said: str) -> str:
    return said.partition(";")[0].strip().lower()
