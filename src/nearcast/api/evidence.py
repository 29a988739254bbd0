"""What proves a customer's consent, and who is due to be reminded of theirs."""

from typing import Any, Literal

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, JSONResponse, Response

from nearcast.api.pages import Cursor, Limit, answered, listed, shows
from nearcast.api.route import App, Asker, KeyedRoute, open_to
from nearcast.services.evidence_page import as_page
from nearcast.services.reminders import Reminder

router = APIRouter(prefix="/v1", tags=["consents"], route_class=KeyedRoute)
_PACK: dict[str, Any] = {
    "tenant_id": "t1",
    "customer_id": "cust-0001",
    "subject": "9d0b5a1f3c2e4d60b7a8c9d0e1f20314",
    "made_at": "2026-06-02T10:00:00Z",
    "verification": {"ok": True, "lines": 2, "flaws": []},
    "state": [],
    "suppressed": [],
    "pauses": [],
    "lines": [],
    "messages": [],
    "retention": {
        "last_given_at": "2026-05-01T09:05:00Z",
        "last_used_at": "2026-06-01T12:00:00Z",
        "erased_at": None,
        "keep_until": "2031-06-01T12:00:00Z",
        "years": 5,
    },
}
_DUE = {
    "customer_id": "cust-0001",
    "purpose": "marketing.nearby",
    "channel": "whatsapp",
    "sender": "cafe-central",
    "told_at": "2025-05-01T09:05:00Z",
    "due_at": "2026-05-01T09:05:00Z",
}


@router.get(
    "/customers/{customer_id}/evidence",
    summary="Prove what a customer agreed to",
    openapi_extra=open_to(),
    responses=shows("The ledger with its proofs, and the messages that relied on it.", _PACK),
    response_class=Response,
)
def read_evidence(app: App, asker: Asker, customer_id: str, format: Literal["json", "html"] = "json") -> Response:
    """Every line with its notice and both steps of a double opt-in, whether the chain holds, which messages relied on
    which lines, the suppression list and how long the proof is kept: five years from the last grant or message.
    `format=html` is the same as a page to print.
    """
    pack = app.evidence.pack(asker.tenant_id, customer_id, app.clock.now(), by=asker.actor)
    return HTMLResponse(as_page(pack)) if format == "html" else answered(pack)


@router.get(
    "/evidence/{subject}",
    summary="Prove what an erased customer agreed to",
    openapi_extra=open_to(),
    responses=shows("The same, of whom the ledger knows by that name.", {**_PACK, "customer_id": None}),
    response_class=Response,
)
def read_evidence_of(app: App, asker: Asker, subject: str, format: Literal["json", "html"] = "json") -> Response:
    """The receipt of an erasure has the `subject`; nothing that is shown here names the person any more. Of a customer
    who is still there it shows what their own address shows.
    """
    pack = app.evidence.pack_of(asker.tenant_id, subject, app.clock.now(), by=asker.actor)
    return HTMLResponse(as_page(pack)) if format == "html" else answered(pack)


@router.get(
    "/reminders",
    summary="List reminders that are due",
    openapi_extra=open_to(),
    responses=shows(
        "Consents whose customers should have been reminded by now.", {"items": [_DUE], "next_cursor": None}
    ),
)
def list_reminders(app: App, asker: Asker, cursor: Cursor = None, limit: Limit = 100) -> JSONResponse:
    """A customer is reminded of a consent a year after they gave, confirmed or were reminded of it, or as often as the
    setting `consent_reminder` says. Sending it is yours; record it as a consent event `reminded`.
    """
    page = app.reminders.due(asker.tenant_id, app.clock.now(), cursor=cursor, limit=limit)
    return listed(page, Reminder.row)
