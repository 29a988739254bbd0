"""/v1/customers/{id}/consents: the ledger, line by line, and what it comes to."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from nearcast.api.pages import answered, example, shows
from nearcast.api.route import App, Asker, KeyedRoute, open_to, shown_once
from nearcast.services.consent_lines import ConsentDocument, line_row

router = APIRouter(prefix="/v1/customers/{customer_id}/consents", tags=["consents"], route_class=KeyedRoute)
_EXAMPLE: dict[str, Any] = {
    "purpose": "marketing.nearby",
    "channel": "whatsapp",
    "sender": "cafe-central",
    "action": "confirmed",
    "at": "2026-05-01T09:05:00Z",
    "notice": {"version": "2026-04", "language": "de", "text_sha256": "9f" * 32},
    "source": "double opt-in by link",
}
_LINE = {
    "event_id": "5f0c1d5e-6f0b-5b0a-9f3e-0d2a8a4c1b7e",
    **_EXAMPLE,
    "valid_until": None,
    "recorded_at": "2026-05-01T09:05:01Z",
    "actor_id": "0c5f8e1b2a3d4f60",
    "state_after": "live",
    "address_index": "7e" * 32,
    "position": 3,
    "prev_hash": "5d" * 32,
    "row_hash": "c1" * 32,
}
_STATE = {
    "purpose": "marketing.nearby",
    "channel": "whatsapp",
    "sender": "cafe-central",
    "status": "live",
    "since": "2026-05-01T09:05:00Z",
    "valid_until": None,
}


@router.post(
    "",
    status_code=201,
    summary="Record a consent event",
    openapi_extra={**open_to(), **example(ConsentDocument, _EXAMPLE)},
    responses={
        **shows("The line of the ledger.", _LINE, status=201),
        **shows("The same, which stood there already.", _LINE),
    },
)
def take_consent(app: App, asker: Asker, customer_id: str, said: ConsentDocument) -> JSONResponse:
    """`location.matching` is live once `granted`; `marketing.…` once `granted` and then `confirmed`, or `confirmed` as
    its first event: a proof from elsewhere. `withdrawn` without a channel or sender covers all, and cancels what is
    queued before this is answered. The same event again is the same line. Lines are never changed or taken out.
    """
    now = app.clock.now()
    return shown_once(
        asker,
        lambda by: app.consents.take(by, customer_id, said, now),
        lambda taken: answered(line_row(taken[0]), 201 if taken[1] else 200),
    )


@router.get(
    "",
    summary="Read the consent ledger",
    openapi_extra=open_to(),
    responses=shows(
        "Every line with its evidence, and what holds now.", {"items": [_LINE], "next_cursor": None, "state": [_STATE]}
    ),
)
def read_ledger(app: App, asker: Asker, customer_id: str) -> JSONResponse:
    """`state` has each consent that the ledger names: missing, unconfirmed, live, expired or withdrawn."""
    ledger = app.consents.ledger(asker, customer_id, app.clock.now())
    items = [line_row(line) for line in ledger.lines]
    return answered({"items": items, "next_cursor": None, "state": ledger.state})
