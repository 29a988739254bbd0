"""/v1/customers: who they are, where they must not be reached, what others sent them."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import model_validator

from nearcast.api.pages import Cursor, Limit, answered, example, listed, shows, shows_kept
from nearcast.api.route import App, Asker, KeyedRoute, open_to, shown_once
from nearcast.api.shops import same_id, with_id
from nearcast.services.audit_ports import Actor
from nearcast.services.customers import CustomerDocument, KnownCustomer, NewSend
from nearcast.services.scenario import Shape
from nearcast.services.texts import ChannelName, LongText

router = APIRouter(prefix="/v1/customers", tags=["customers"], route_class=KeyedRoute)
_EXAMPLE: dict[str, Any] = {
    "id": "cust-0001",
    "timezone": "Europe/Berlin",
    "language": "de-DE",
    "tags": ["vip"],
    "attributes": {"first_name": "Ada"},
    "contacts": [{"channel": "whatsapp", "address": "+4915112345678"}],
    "quiet_hours": [{"days": ["sat", "sun"], "from": "20:00", "until": "10:00", "channels": ["whatsapp"]}],
    "paused_until": "2026-06-08",
}
_SHOWN = {**_EXAMPLE, "suppressed": []}
_EXPORT = {
    "exported_at": "2026-06-02T10:00:00Z",
    "subject": "9f2c4b7a8d1e4f60a3b5c7d9e1f20314",
    "customer": _EXAMPLE,
    "suppressed": [],
    "pauses": [{"channel": "whatsapp", "origin": "platform", "at": "2026-06-02T09:00:00Z"}],
    "contact_keys": [{"kind": "wa_id", "key": "4915112345678"}],
    "heard": [],
    "replies": [],
    "opt_out_reviews": [],
    "consents": [],
    "devices": [],
    "decisions": [],
    "messages": [],
    "reached_on": [],
    "reservations": [],
    "vouchers": [],
    "payments": [],
    "other_sends": [],
    "events": [],
    "transitions": [],
    "positions": [],
    "pings": [],
    "past_pings": [],
    "last_zone": "Europe/Berlin",
}
_RECEIPT = {
    "subject": "9f2c4b7a8d1e4f60a3b5c7d9e1f20314",
    "erased_at": "2026-06-02T10:00:00Z",
    "cancelled": 1,
    "suppressed": 1,
    "rows": {"contact": 1, "transition": 12, "match_log": 7, "message": 3},
}
Contact = Annotated[str | None, Query(min_length=1, max_length=320, description="An address, as it was written.")]
_SUPPRESSED = {"channel": "sms", "suppressed": ["sms"], "cancelled": 1}
_SEND = {"campaign_id": "newsletter", "status": "delivered", "at": "2026-06-02T09:00:00Z", "channel": "whatsapp"}


class NewCustomer(CustomerDocument):
    """A customer; without an id it gets one."""

    @model_validator(mode="before")
    @classmethod
    def _with_id(cls, value: Any) -> Any:
        return with_id(value, "customer")


class Suppression(Shape):
    """The channel, and why, in your own words."""

    channel: ChannelName
    reason: LongText | None = None


class Lift(Shape):
    """Why a suppression ends, in your own words."""

    reason: LongText


@router.get(
    "",
    summary="List customers",
    openapi_extra=open_to(),
    responses=shows("Customers by id.", {"items": [_SHOWN], "next_cursor": None}),
)
def list_customers(
    app: App, asker: Asker, cursor: Cursor = None, limit: Limit = 100, contact: Contact = None
) -> JSONResponse:
    """All customers by id, or with `contact` those who have that address, on whichever channel."""
    page = app.customers.page(asker, cursor=cursor, limit=limit, address=contact)
    return listed(page, KnownCustomer.shown)


@router.post(
    "",
    status_code=201,
    summary="Create a customer",
    openapi_extra={**open_to(), **example(NewCustomer, _EXAMPLE)},
    responses=shows("The customer as kept.", _SHOWN, status=201),
)
def create_customer(app: App, asker: Asker, customer: NewCustomer) -> JSONResponse:
    """A customer alone gets no message: consent comes first, in the ledger. An address on sms or whatsapp is a
    telephone number in E.164. 409 where the id is taken.
    """
    now = app.clock.now()
    return shown_once(
        asker,
        lambda by: app.customers.put(by, customer, now, is_new=True),
        lambda made: answered(made.shown(), 201),
    )


@router.get(
    "/{customer_id}",
    summary="Read a customer",
    openapi_extra=open_to(),
    responses=shows("The customer, and the channels on whose suppression lists they stand.", _SHOWN),
)
def read_customer(app: App, asker: Asker, customer_id: str) -> JSONResponse:
    """The customer as kept."""
    return answered(app.customers.get(asker, customer_id).shown())


@router.put(
    "/{customer_id}",
    summary="Create or replace a customer",
    openapi_extra={**open_to(), **example(CustomerDocument, _EXAMPLE)},
    responses=shows_kept("The customer as kept.", _SHOWN),
)
def put_customer(app: App, asker: Asker, customer_id: str, customer: CustomerDocument) -> JSONResponse:
    """The whole document: what is left out is forgotten, an address too. Only `suppressed` stays as it is, or grows."""
    same_id(customer.id, customer_id)
    now = app.clock.now()
    return shown_once(
        asker,
        lambda by: app.customers.put(by, customer, now),
        lambda written: answered(written.shown(), 201 if written.is_new else 200),
    )


@router.get(
    "/{customer_id}/export",
    summary="Export what is kept about a customer",
    openapi_extra=open_to(),
    responses=shows("Everything that is kept about them.", _EXPORT),
)
def export_customer(app: App, asker: Asker, customer_id: str) -> JSONResponse:
    """For the customer, who may read it and take it along (GDPR Art. 15 and 20): profile and addresses, every line of
    their consent ledger, every decision with its reasons, messages with their texts, visits, positions. That it was
    told is written into the audit trail.
    """
    actor = Actor(asker.key_id, asker.role.value)
    return answered(app.personal_data.of(asker.tenant_id, customer_id, app.clock.now(), actor=actor))


@router.delete(
    "/{customer_id}",
    summary="Erase a customer",
    openapi_extra=open_to(),
    responses=shows("What was done. `rows` were deleted, or know nobody but the subject any more.", _RECEIPT),
)
def erase_customer(app: App, asker: Asker, customer_id: str) -> JSONResponse:
    """The person goes, in one commit: profile, addresses, positions, visits, texts. What is queued is cancelled; every
    address goes on the suppression list, which knows it by a keyed hash alone, so that nobody writes to it who imports
    it again. Figures and the consent ledger stay under a subject that is no name. The second time it is 404.
    """
    now = app.clock.now()
    return shown_once(
        asker, lambda by: app.erasure.erase(by, customer_id, now), lambda receipt: answered(receipt.shown())
    )


@router.post(
    "/{customer_id}/suppressions",
    status_code=201,
    summary="Suppress an address",
    openapi_extra={**open_to(), **example(Suppression, {"channel": "sms", "reason": "asked at the counter"})},
    responses={
        **shows("Where they stand now, and how many queued messages that cancelled.", _SUPPRESSED, status=201),
        **shows("The same, where they stood there already.", {**_SUPPRESSED, "cancelled": 0}),
    },
)
def suppress_address(app: App, asker: Asker, customer_id: str, suppression: Suppression) -> JSONResponse:
    """Nothing is sent to this customer on this channel any more, whatever they agreed to; what is queued is cancelled
    in the same commit.
    """
    channel, reason, now = suppression.channel, suppression.reason, app.clock.now()

    def shown(done: tuple[frozenset[str], int | None]) -> JSONResponse:
        listed, cancelled = done
        told = {"channel": channel, "suppressed": sorted(listed), "cancelled": cancelled or 0}
        return answered(told, 200 if cancelled is None else 201)

    return shown_once(asker, lambda by: app.customers.suppress(by, customer_id, channel, now, reason=reason), shown)


@router.post(
    "/{customer_id}/suppressions/{channel}/lift",
    summary="Lift a suppression",
    openapi_extra={**open_to(), **example(Lift, {"reason": "signed the form again on 2 June, on paper"})},
    responses=shows("Where they stand now.", {"channel": "sms", "suppressed": []}),
)
def lift_suppression(app: App, asker: Asker, customer_id: str, channel: str, lift: Lift) -> JSONResponse:
    """The customer, and their address whoever else has it, may be written to on this channel again where they agree:
    have a new double opt-in first. Who lifted it, and why, stays in the audit trail: put no names into the reason.
    """
    now = app.clock.now()
    return shown_once(
        asker,
        lambda by: app.customers.unsuppress(by, customer_id, channel, lift.reason, now),
        lambda listed: answered({"channel": channel, "suppressed": sorted(listed)}),
    )


@router.post(
    "/{customer_id}/sends",
    status_code=201,
    summary="Count a message of somebody else's",
    openapi_extra={**open_to(), **example(NewSend, _SEND)},
    responses=shows("The message, and whether it counts.", {**_SEND, "counts": True}, status=201),
)
def note_send(app: App, asker: Asker, customer_id: str, send: NewSend) -> JSONResponse:
    """A message that was not sent by nearcast takes up frequency caps, and the budget of its campaign, which need not
    exist. `transactional`, `cancelled`, `expired` and `failed` never count: `counts` is false and nothing is kept. Sent
    twice it counts twice: use an Idempotency-Key.
    """
    said, now = send.model_dump(exclude_none=True), app.clock.now()
    return shown_once(
        asker,
        lambda by: app.customers.note_send(by, customer_id, send, now),
        lambda noted: answered({**said, "at": noted[0], "counts": noted[1]}, 201),
    )
