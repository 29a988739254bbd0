"""/v1/usage: what a shop used in a month, and what it owes for it."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from nearcast.api.pages import answered
from nearcast.api.route import App, Asker, KeyedRoute, open_to
from nearcast.services.access import Role
from nearcast.services.usage import FORMS, as_document

router = APIRouter(prefix="/v1/usage", tags=["usage"], route_class=KeyedRoute)
_EXAMPLE: dict[str, Any] = {
    "shop_id": "cafe-central",
    "shop": "Café Central",
    "month": "2026-06",
    "from": "2026-05-31T22:00:00Z",
    "until": "2026-06-30T22:00:00Z",
    "timezone": "Europe/Berlin",
    "plan": "Standard",
    "items": [
        {
            "what": "messages",
            "channel": "whatsapp",
            "category": "marketing",
            "messages": 120,
            "booked": 118,
            "currency": "USD",
            "provider_micros": 16_380_000,
            "mark_up_micros": 1_638_000,
            "total_micros": 18_018_000,
        }
    ],
    "totals": [{"currency": "USD", "micros": 18_018_000, "text": "18.018 USD"}],
    "payments": [
        {
            "currency": "EUR",
            "payments": 3,
            "minor": 3_750,
            "text": "37.50 EUR",
            "refunds": 1,
            "refunded_minor": 1_250,
        }
    ],
    "unpriced": 0,
    "redemptions": 7,
    "per_redemption": [{"currency": "USD", "micros": "2574000", "text": "2.574 USD"}],
}
_SHOWN: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The statement as it stands.",
        "content": {
            "application/json": {"example": _EXAMPLE},
            "text/csv": {"example": "shop_id,month,what,channel,category,messages,…\n"},
            "text/html": {"example": "<!doctype html><title>Usage of Café Central in 2026-06</title>"},
        },
    }
}


@router.get(
    "",
    summary="Read a shop's usage of a month",
    openapi_extra=open_to(Role.OWNER),
    responses=_SHOWN,
    response_class=JSONResponse,
)
def read_usage(
    app: App,
    asker: Asker,
    shop_id: Annotated[str, Query(description="Whose.", max_length=255)],
    month: Annotated[str, Query(description="Like 2026-06, by the clocks of the tenant.", max_length=7)],
    format: Literal["json", "csv", "html"] = "json",
) -> Response:
    """Messages that a provider took, by channel and category. `booked` of them cost what their provider said that they
    count as, the others what they should. Amounts are millionths of a currency, and currencies are not added up. The
    plan, its fee and the mark-up are those of `billing` in the settings; `unpriced` are messages that no price is known
    of. `payments` are what customers paid by link in that month, in minor units, and what of it was given back since:
    they are not added to what is owed.
    `redemptions` are vouchers that the shop took in the month, whenever they were sent; `per_redemption` is what is
    owed for the month shared out among them, as an exact fraction of millionths like `29055000/7`.
    """
    found = app.usage.statement(asker, shop_id, month)
    if format == "json":
        return answered(as_document(found))
    text = FORMS[format](found)
    return HTMLResponse(text) if format == "html" else PlainTextResponse(text, media_type="text/csv")
