"""Payments as the use cases ask for them: of a provider, and of the store."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeAlias

from nearcast.domain.channel_event import Unparsed
from nearcast.domain.ids import CustomerId, ShopId, TenantId
from nearcast.domain.payment import Amount, Payment, PaymentEvent, PaymentState
from nearcast.domain.value import value
from nearcast.services.channel_ports import ChannelHealth


@value(kw_only=True)
class Link:
    """A page where somebody pays; `provider_id` is the provider's name for it."""

    provider_id: str
    url: str


@value
class Refused:
    """The provider will not do that, now or later; in its own code."""

    code: str


@value
class NoAnswer:
    """Nobody can tell what the provider has done: the same is asked again, under the same name."""

    reason: str


class LinkState(StrEnum):
    OPEN = "open"
    PROCESSING = "processing"
    PAID = "paid"
    CLOSED = "closed"


@value(kw_only=True)
class Standing:
    """How a link stands; `amount` is what was paid by it."""

    state: LinkState
    amount: Amount | None = None


Made: TypeAlias = Link | Refused | NoAnswer
Looked: TypeAlias = Standing | Refused | NoAnswer


class PaymentPort(Protocol):
    """A payment provider. Whatever is asked twice under one reference is done once."""

    def create_request(self, payment: Payment) -> Made:
        """A link by which the amount can be paid; the same one however often it is asked for."""

    def status(self, payment: Payment) -> Looked:
        """How the link of a payment stands."""

    def close_link(self, payment: Payment) -> Looked:
        """As `status`, after nobody can begin to pay by the link any more."""

    def refund(self, payment: Payment) -> Refused | NoAnswer | None:
        """Give back all that was paid, once; None when that is done or under way."""

    def verify(self, headers: Mapping[str, str], raw: bytes, now: datetime) -> None:
        """BadSignature unless the provider has signed exactly these bytes, and lately."""

    def parse(self, raw: bytes) -> Sequence[PaymentEvent | Unparsed]:
        """What signed bytes tell of payments; nothing for what is not about any. Never an exception."""

    def probe(self) -> ChannelHealth:
        """Ask the provider whether it knows us."""


@value(kw_only=True)
class PaymentFilter:
    """Which payments; None takes all."""

    shop_ids: Sequence[ShopId] | None = None
    state: PaymentState | None = None


@value(kw_only=True)
class PaymentSum:
    """Payments of a shop in one currency: how many and how much was paid, and what of that was given back."""

    currency: str
    payments: int
    minor: int
    refunds: int
    refunded_minor: int


class Payments(Protocol):
    """One tenant's payments."""

    def insert(self, payment: Payment) -> None: ...
    def get(self, reference: str) -> Payment | None: ...
    def hold(self, reference: str) -> Payment | None: ...
    def put(self, payment: Payment) -> None: ...
    def claim(self, now: datetime, *, until: datetime, limit: int) -> list[Payment]: ...
    def keep_event(self, event: PaymentEvent, at: datetime) -> bool: ...
    def page(self, wanted: PaymentFilter, *, cursor: str | None, limit: int) -> tuple[list[Payment], str | None]: ...
    def of(self, customer_id: CustomerId) -> list[Payment]: ...
    def sums(self, shop_id: ShopId, since: datetime, until: datetime) -> list[PaymentSum]: ...
    def forget_people(self, before: datetime, *, limit: int) -> int: ...
    def prune_events(self, before: datetime, *, limit: int) -> int: ...


class Paying(Protocol):
    """A unit of work, as far as it has payments."""

    @property
    def payments(self) -> Payments: ...


class FindsPayments(Protocol):
    """A store, as far as it is asked for payments before a tenant is known."""

    def tenant_of_payment(self, reference: str) -> TenantId | None: ...
    def tenants_with_payments(self, due_by: datetime) -> list[TenantId]: ...
