"""POST /v1/pings"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from nearcast.api.body import MIB
from nearcast.api.pages import shows
from nearcast.api.problems import Refusal
from nearcast.api.route import App, Asker, KeyedRoute, open_to
from nearcast.domain.reason import Reason
from nearcast.services.access import Role
from nearcast.services.ping_request import MOST_PINGS, NDJSON, TooManyPings, Unreadable

router = APIRouter(prefix="/v1/pings", tags=["pings"], route_class=KeyedRoute)
_JSON = "application/json"
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
    openapi_extra={**open_to(Role.INGEST, max_bytes=16 * MIB, media=(_JSON, *NDJSON)), **_BODY},
    responses=shows("What was accepted is durable; what was rejected is stored nowhere.", _ANSWER, status=202),
)
def send_pings(app: App, asker: Asker, request: Request, raw: Annotated[bytes, Depends(_raw_body)]) -> JSONResponse:
    """Up to 10,000 pings and 16 MiB, as a JSON array or as NDJSON. `rejected` is by `index`, counted from 0 in what was
    sent. Pings of customers who have not agreed to location are rejected and forgotten. 503: nothing was kept, send
    it again.
    """
    now = app.clock.now()
    try:
        found = app.read_native(raw, _media(request), now)
    except Unreadable as error:
        raise Refusal(400, str(error)) from None
    except TooManyPings as error:
        raise Refusal(413, str(error)) from None
    app.refusals.count(asker.tenant_id, Reason.MALFORMED, len(found.malformed))
    turned_away = app.intake.accept(asker.tenant_id, found.batch, now) if found.indices else []
    rejected: list[dict[str, Any]] = [
        *({"index": found.indices[row], "reason": reason.value} for row, reason in turned_away),
        *({"index": index, "reason": Reason.MALFORMED, "detail": detail} for index, detail in found.malformed),
    ]
    rejected.sort(key=lambda entry: int(entry["index"]))
    return JSONResponse({"accepted": len(found.indices) - len(turned_away), "rejected": rejected}, 202)


def _media(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
