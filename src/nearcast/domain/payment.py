"""One payment that a customer is asked for by a link, and what becomes of it whatever its provider tells, in any order.

The link is closed at the provider before we hold a payment for over: what is paid until then counts, what is paid later
is given back. Money is whole minor units of a currency (ISO 4217), never floats.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from nearcast.domain.errors import InvalidInput
from nearcast.domain.ids import CustomerId, ShopId
from nearcast.domain.value import value

MOST_MINOR = 99_999_999
"""Eight digits, which is what providers take."""

_WHOLE = (
    "BIF",
    "CLP",
    "DJF",
    "GNF",
    "ISK",
    "JPY",
    "KMF",
    "KRW",
    "PYG",
    "RWF",
    "UGX",
    "VND",
    "VUV",
    "XAF",
    "XOF",
    "XPF",
)
_THOUSANDTHS = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")
TOO_LATE = "paid_too_late"
"""Why something is given back that was paid when it was over."""

_LONGEST_WAIT_S = 300


class PaymentState(StrEnum):
    REQUESTED = "requested"
    PAID = "paid"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"


class Told(StrEnum):
    """What a provider tells of a payment. Neither `processing` nor `failed` says how it ends, and `expired` only that
    it is time to look.
    """

    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    EXPIRED = "expired"
    REFUNDED = "refunded"


class Step(StrEnum):
    """What is to be asked of the provider next."""

    LINK = "link"
    CLOSE = "close"
    REFUND = "refund"


@value
class Amount:
    """So many minor units of a currency (ISO 4217)."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if self.minor < 0:
            raise InvalidInput(f"{self.minor} is less than nothing", place="amount.minor")

    @property
    def text(self) -> str:
        """As people write it.

        >>> Amount(1_250, "EUR").text, Amount(500, "JPY").text, Amount(1_005, "KWD").text
        ('12.50 EUR', '500 JPY', '1.005 KWD')
        """
        digits = 0 if self.currency in _WHOLE else 3 if self.currency in _THOUSANDTHS else 2
        whole, rest = divmod(self.minor, 10**digits)
        return f"{whole}.{rest:0{digits}} {self.currency}" if digits else f"{whole} {self.currency}"


@value(kw_only=True)
class PaymentEvent:
    """What a provider told at `at` of the payment of that reference; `id` is the same however often it comes."""

    id: str
    reference: str
    what: Told
    at: datetime
    amount: Amount | None = None


@value(kw_only=True)
class Payment:
    """A payment that a shop asks a customer for; `customer_id` None once that is forgotten. `reference` names it here
    and at the provider, whose own name for the link is `provider_id`. `odd` is what was paid in place of `amount`.
    `due_at` is when somebody has to ask the provider for the next `step`, `attempts` how often that was tried in vain.
    """

    reference: str
    shop_id: ShopId
    customer_id: CustomerId | None
    amount: Amount
    description: str
    created_at: datetime
    expires_at: datetime
    reservation_id: str | None = None
    state: PaymentState = PaymentState.REQUESTED
    reason: str | None = None
    provider_id: str | None = None
    linked_at: datetime | None = None
    closed_at: datetime | None = None
    paid_at: datetime | None = None
    odd: Amount | None = None
    ended_at: datetime | None = None
    refund_wanted_at: datetime | None = None
    refunded_at: datetime | None = None
    due_at: datetime | None = None
    attempts: int = 0

    @property
    def step(self) -> Step | None:
        """What is still to be asked of the provider; None where nothing is."""
        if self.refunded_at is not None:
            return None
        if self.refund_wanted_at is not None:
            return Step.REFUND
        if self.provider_id is None:
            return Step.LINK if self.state is PaymentState.REQUESTED else None
        return Step.CLOSE if self.paid_at is None and self.closed_at is None else None

    def owes_receipt(self, before: "Payment") -> bool:
        """Whether this is the first that is known of a payment that counts."""
        is_news = before.paid_at is None and self.paid_at is not None
        return is_news and before.state in (PaymentState.REQUESTED, PaymentState.REFUNDED)

    @property
    def holds_money(self) -> bool:
        """Whether something was paid that was not given back."""
        return (self.paid_at is not None or self.odd is not None) and self.refunded_at is None

    def linked(self, provider_id: str, now: datetime) -> "Payment":
        """After the provider has made the link."""
        return replace(self, provider_id=provider_id, linked_at=now).goes_on(now)

    def told(self, event: PaymentEvent, now: datetime) -> "Payment":
        """After what a provider told: the same whatever came before it, and however often. Too much, too little or
        another currency is no payment; what comes after the end is to be given back.
        """
        match event.what:
            case Told.SUCCEEDED if event.amount == self.amount:
                return self._paid(event.at, now)
            case Told.SUCCEEDED:
                found = event.amount or Amount(0, self.amount.currency)
                return replace(self, odd=min(self.odd or found, found, key=lambda each: (each.currency, each.minor)))
            case Told.REFUNDED if self.refunded_at is None or event.at < self.refunded_at:
                ended = replace(self, state=PaymentState.REFUNDED, refunded_at=event.at, ended_at=event.at, due_at=None)
                return replace(ended, refund_wanted_at=None)
            case Told.EXPIRED if self.step is Step.CLOSE:
                return replace(self, due_at=now)
        return self

    def closed(self, now: datetime, *, reason: str | None = None) -> "Payment":
        """After the link has come to its end at the provider without a payment that counts."""
        ended = self._over(PaymentState.EXPIRED, now, reason)
        return replace(ended, closed_at=now).goes_on(now)

    def over(self, now: datetime) -> "Payment":
        """After its time, without a link that anybody could pay by."""
        return self._over(PaymentState.EXPIRED, now, None).goes_on(now)

    def cancelled(self, now: datetime, reason: str) -> "Payment":
        """Nobody is to pay any more: the link is closed as soon as the provider answers."""
        return self._over(PaymentState.CANCELLED, now, reason).goes_on(now)

    def returning(self, now: datetime, reason: str) -> "Payment":
        """What was paid is to be given back."""
        return replace(self, refund_wanted_at=now, reason=reason).goes_on(now)

    def returned(self, now: datetime) -> "Payment":
        """After the provider gave it back, or said that it will."""
        return replace(
            self, state=PaymentState.REFUNDED, refunded_at=now, refund_wanted_at=None, ended_at=now, due_at=None
        )

    def in_vain(self, now: datetime) -> "Payment":
        """After the provider was asked and gave no answer: again after twice as long, five minutes at most."""
        wait_s = min(2**self.attempts, _LONGEST_WAIT_S)
        return replace(self, due_at=now + timedelta(seconds=wait_s), attempts=min(self.attempts + 1, 30))

    def left(self, reason: str) -> "Payment":
        """After the provider refused what was asked: nothing more is, until somebody looks at it."""
        return replace(self, reason=reason, due_at=None)

    def goes_on(self, now: datetime) -> "Payment":
        """With the next step in hand: a link is closed when its time is over, everything else is done at once."""
        waits = self.step is Step.CLOSE and self.state is PaymentState.REQUESTED
        due_at = None if self.step is None else max(now, self.expires_at) if waits else now
        return replace(self, due_at=due_at, attempts=0)

    def _paid(self, at: datetime, now: datetime) -> "Payment":
        if self.paid_at is not None:
            first = min(self.paid_at, at)
            return replace(self, paid_at=first, ended_at=first if self.state is PaymentState.PAID else self.ended_at)
        if self.state is PaymentState.REQUESTED:
            return replace(self, state=PaymentState.PAID, paid_at=at, ended_at=at, due_at=None)
        paid = replace(self, paid_at=at)
        return paid if self.state is PaymentState.REFUNDED else paid.returning(now, TOO_LATE)

    def _over(self, state: PaymentState, now: datetime, reason: str | None) -> "Payment":
        if self.state is not PaymentState.REQUESTED:
            return self
        return replace(self, state=state, ended_at=now, reason=reason)
