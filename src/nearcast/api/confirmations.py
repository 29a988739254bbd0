"""Double opt-in: a token for the message that asks, and the link by which the customer answers without a key."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from fastapi.responses import JSONResponse

from nearcast.api.pages import answered, shows
from nearcast.api.route import App, Asker, KeyedRoute, open_to, shown_once
from nearcast.services.confirmations import NewConfirmation

router = APIRouter(prefix="/v1/customers/{customer_id}/consents", tags=["consents"], route_class=KeyedRoute)
links = APIRouter(prefix="/v1/confirmations", tags=["consents"])
_TOKEN = "ZGVmYXVsdA.3vV8cG8Xo1pZ0t6rY5m2wq7nB4kL9sD-eH_uJfRaTgC"  # noqa: S105 - an example
_NEW: dict[str, Any] = {
    "token": _TOKEN,
    "path": f"/v1/confirmations/{_TOKEN}",
    "sent_at": "2026-05-01T09:00:00Z",
    "expires_at": "2026-05-08T09:00:00Z",
}
_CONFIRMED = {
    "purpose": "marketing.nearby",
    "channel": "whatsapp",
    "sender": "cafe-central",
    "confirmed_at": "2026-05-01T09:05:00Z",
}


@router.post(
    "/{event_id}/confirmation",
    status_code=201,
    summary="Ask for a confirmation",
    openapi_extra=open_to(),
    responses=shows("A token for this customer and this line, shown once.", _NEW, status=201),
)
def ask_for_confirmation(app: App, asker: Asker, customer_id: str, event_id: str) -> JSONResponse:
    """For a `granted` that waits to be confirmed. Send the customer the token as a link, in a message without any
    offer, on the channel that the grant is for; it holds for seven days. 409 where the line waits for nothing.
    """
    now = app.clock.now()
    return shown_once(asker, lambda by: app.confirmations.ask(by, customer_id, event_id, now), _asked)


def _asked(made: NewConfirmation) -> JSONResponse:
    path = f"{links.prefix}/{made.token}"
    return answered({"token": made.token, "path": path, "sent_at": made.sent_at, "expires_at": made.expires_at}, 201)


@links.post(
    "/{token}",
    summary="Confirm a consent",
    responses=shows("It is confirmed, now or before.", _CONFIRMED),
)
def confirm(app: App, token: Annotated[str, Path(max_length=1000)]) -> JSONResponse:
    """Asks for no key: who has the token is whom it was sent to. Adds `confirmed` to the ledger with the instants of
    both steps. 404 where nothing waits for it: it is unknown, too old, or the customer has withdrawn meanwhile.
    """
    return answered(app.confirmations.confirm(token, app.clock.now()))
