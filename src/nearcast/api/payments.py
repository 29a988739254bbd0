"""/v1/payment-requests: what a shop asks its customers to pay, by a link in their chat."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from fastapi.responses import JSONResponse

from nearcast.api.pages import Cursor, Limit, answered, example, listed, shows
from nearcast.api.route import App, Asker, KeyedRoute, open_to, shown_once
from nearcast.domain.ids import ShopId
from nearcast.domain.payment import PaymentState
from nearcast.services.access import Role
from nearcast.services.payments import PaymentRequestShape

router = APIRouter(prefix="/v1/payment-requests", tags=["payments"], route_class=KeyedRoute)
_ASKED: dict[str, Any] = {
    "customer_id": "cust-0001",
    "shop_id": "cafe-central",
    "amount": {"minor": 1250, "currency": "EUR"},
    "description": "Deposit for a table for four",
    "expires_in_s": 3600,
}
_EXAMPLE: dict[str, Any] = {
    "reference": "pay-6d1f0c9a2b3e4d5f6d1f0c9a2b3e4d5f",
    "customer_id": "cust-0001",
    "shop_id": "cafe-central",
    "amount": {"minor": 1250, "currency": "EUR", "text": "12.50 EUR"},
    "description": "Deposit for a table for four",
    "state": "requested",
    "reason": None,
    "reservation_id": None,
    "created_at": "2026-06-02T10:00:00Z",
    "expires_at": "2026-06-02T11:00:00Z",
    "sent_at": None,
    "paid_at": None,
    "paid_instead": None,
    "refund_asked_at": None,
    "refunded_at": None,
}
_OVER = {**_EXAMPLE, "state": "cancelled", "reason": "by_shop"}
_RETURNING = {
    **_EXAMPLE,
    "state": "paid",
    "reason": "by_shop",
    "sent_at": "2026-06-02T10:00:01Z",
    "paid_at": "2026-06-02T10:07:31Z",
    "refund_asked_at": "2026-06-03T09:00:00Z",
}
Reference = Annotated[str, Path(description="As it was answered when it was asked for.", max_length=100)]


@router.post(
    "",
    status_code=201,
    summary="Ask a customer for a payment",
    openapi_extra={**open_to(Role.OWNER), **example(PaymentRequestShape, _ASKED)},
    responses=shows("What is asked for; the link is on its way.", _EXAMPLE, status=201),
)
def request_payment(app: App, asker: Asker, said: PaymentRequestShape) -> JSONResponse:
    """The link goes to the customer as an answer in their chat, `sent_at`, and closes after `expires_in_s`: 300 to
    82800, by default 3600. 409 with the code `no_open_chat` where they did not write within 24 hours or want nothing
    there, and `payments_off` where no payment provider is set up.
    """
    now = app.clock.now()
    return shown_once(asker, lambda by: app.paying.requests.request(by, said, now), lambda it: answered(it, 201))


@router.get(
    "",
    summary="List payments",
    openapi_extra=open_to(Role.OWNER),
    responses=shows("Payments, the newest first.", {"items": [_EXAMPLE], "next_cursor": None}),
)
def list_payments(
    app: App,
    asker: Asker,
    shop_id: ShopId | None = None,
    state: PaymentState | None = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> JSONResponse:
    """Of your shops. Owners see customers by the pseudonyms of the match log. `paid_instead` is another amount than was
    asked for: it pays nothing, and is kept until you give it back.
    """
    return listed(app.paying.requests.page(asker, shop_id, state, cursor=cursor, limit=limit), lambda each: each)


@router.get(
    "/{reference}",
    summary="Read a payment",
    openapi_extra=open_to(Role.OWNER),
    responses=shows("The payment.", _EXAMPLE),
)
def read_payment(app: App, asker: Asker, reference: Reference) -> JSONResponse:
    """`state` is requested, paid, expired, cancelled or refunded."""
    return answered(app.paying.requests.get(asker, reference))


@router.post(
    "/{reference}/cancel",
    summary="Cancel a payment",
    openapi_extra=open_to(Role.OWNER),
    responses=shows("The payment, by which nobody is to pay any more.", _OVER),
)
def cancel_payment(app: App, asker: Asker, reference: Reference) -> JSONResponse:
    """The link closes within moments; what is paid before it does is given back. 409 with the code `payment_over` where
    it has come to its end.
    """
    now = app.clock.now()
    return shown_once(asker, lambda by: app.paying.requests.cancel(by, reference, now), answered)


@router.post(
    "/{reference}/refund",
    summary="Give a payment back",
    openapi_extra=open_to(Role.OWNER),
    responses=shows("The payment; it is refunded when the provider says so.", _RETURNING),
)
def refund_payment(app: App, asker: Asker, reference: Reference) -> JSONResponse:
    """All that was paid, also where it was another amount. 409 with the code `nothing_paid` where nothing was, or it is
    given back already.
    """
    now = app.clock.now()
    return shown_once(asker, lambda by: app.paying.requests.refund(by, reference, now), answered)
