"""/v1/webhooks/payments, where the payment provider tells what became of payments."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from nearcast.api.body import MIB, read_body
from nearcast.api.pages import shows
from nearcast.services.application import Application

links = APIRouter(prefix="/v1/webhooks", tags=["providers"])
_EXAMPLE: dict[str, Any] = {
    "id": "evt_1NG8Du2eZvKYlo2CUI79vXWy",
    "object": "event",
    "type": "checkout.session.completed",
    "created": 1780394851,
    "data": {
        "object": {
            "id": "cs_test_a11YYufWQzNY63zpQ6QSNRQhkUpVph4WRmzW0zWJO2znZKdVujZ0N0S22u",
            "object": "checkout.session",
            "client_reference_id": "pay-6d1f0c9a2b3e4d5f6d1f0c9a2b3e4d5f",
            "status": "complete",
            "payment_status": "paid",
            "amount_total": 1250,
            "currency": "eur",
        }
    },
}
_PROOF = {"name": "Stripe-Signature", "in": "header", "required": True, "schema": {"type": "string"}}


@links.post(
    "/payments",
    summary="Take what Stripe tells of payments",
    responses=shows("It is done.", {}),
    openapi_extra={
        "parameters": [_PROOF],
        "requestBody": {"required": True, "content": {"application/json": {"example": _EXAMPLE}}},
    },
)
async def take_payment_event(request: Request) -> JSONResponse:
    """Called by Stripe alone, whose description of the body holds. `Stripe-Signature: t=SECONDS,v1=HEX` is the
    HMAC-SHA256 of `SECONDS.BODY` under one of the secrets, not older than five minutes; 401 for anything else, of which
    nothing is kept; 404 where payments are not set up. What comes twice is done once, in whichever order.
    """
    application: Application = request.app.state.application
    raw = await read_body(request, MIB)
    headers, now = dict(request.headers), application.clock.now()
    await run_in_threadpool(application.paying.events.take, headers, raw, now)
    return JSONResponse({})
