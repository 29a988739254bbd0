"""Links by which people pay: Stripe Checkout Sessions over its documented HTTP contract.

https://docs.stripe.com/api/checkout/sessions, https://docs.stripe.com/api/refunds. A key is sent with each request that
changes anything: the same one again gets the answer of the first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from nearcast.channels.attempts import Answered
from nearcast.channels.provider_http import Provider
from nearcast.channels.stripe.amounts import said_amount
from nearcast.channels.stripe.webhook import check_signature, events_in, paid_by
from nearcast.domain.channel_event import Unparsed
from nearcast.domain.payment import Payment, PaymentEvent
from nearcast.domain.sending import NotSent, Unknown
from nearcast.services.channel_ports import ChannelHealth
from nearcast.services.payment_ports import Link, LinkState, Looked, Made, NoAnswer, Refused, Standing

_SESSIONS = "/v1/checkout/sessions"
_LEAST_OPEN = timedelta(minutes=35)  # Stripe takes nothing under 30 minutes from when it is asked, maybe later than now
_SOME_TIME = (401, 403, 409, 429)  # a key to be replaced, the same asked twice at once, too fast
_RETURNED = "charge_already_refunded"
_GIVEN_BACK = ("succeeded", "pending")


@dataclass(frozen=True, slots=True, kw_only=True)
class StripeAccount:
    """`secrets` sign webhooks: two while one takes the other's place. People are led to `return_url` when they have
    paid.
    """

    secrets: Sequence[str] = field(repr=False)
    return_url: str


class StripeCheckout:
    """A payment provider whose account `provider` speaks for. Many threads may use it."""

    def __init__(self, account: StripeAccount, provider: Provider) -> None:
        self._account, self._provider = account, provider

    def create_request(self, payment: Payment) -> Made:
        """A session, open for as long as Stripe lets it be short; whoever asked closes it before."""
        answer = self._provider.post(_SESSIONS, data=self._form(payment), headers=_once(payment, "link"))
        found = _understood(answer)
        if not isinstance(found, Mapping):
            return found
        name, url = found.get("id"), found.get("url")
        is_link = isinstance(name, str) and isinstance(url, str) and url.startswith(("https://", "http://"))
        return Link(provider_id=str(name), url=str(url)) if is_link else NoAnswer("no_link")

    def status(self, payment: Payment) -> Looked:
        """As Stripe has the session now."""
        return _standing(_understood(self._provider.get(self._session(payment))))

    def close_link(self, payment: Payment) -> Looked:
        """Expired by us; what cannot be expired any more is looked at."""
        answer = self._provider.post(f"{self._session(payment)}/expire", headers=_once(payment, "close"))
        found = _standing(_understood(answer))
        return self.status(payment) if isinstance(found, Refused) else found

    def refund(self, payment: Payment) -> Refused | NoAnswer | None:
        """All of it, by the payment that the session led to."""
        session = _understood(self._provider.get(self._session(payment)))
        if not isinstance(session, Mapping):
            return session
        intent = session.get("payment_intent")
        if not isinstance(intent, str):
            return Refused("no_payment")
        said = {"payment_intent": intent, "metadata[reference]": payment.reference}
        found = _understood(self._provider.post("/v1/refunds", data=said, headers=_once(payment, "refund")))
        if isinstance(found, Refused) and found.code == _RETURNED:
            return None
        if not isinstance(found, Mapping):
            return found
        status = str(found.get("status"))
        return None if status in _GIVEN_BACK else Refused(f"refund_{status}")

    def verify(self, headers: Mapping[str, str], raw: bytes, now: datetime) -> None:
        """BadSignature unless Stripe has signed exactly these bytes within five minutes."""
        check_signature(headers, raw, self._account.secrets, now)

    def parse(self, raw: bytes) -> Sequence[PaymentEvent | Unparsed]:
        """One event, if it is about a payment of ours."""
        return events_in(raw)

    def probe(self) -> ChannelHealth:
        """Whether Stripe takes our key."""
        answer = self._provider.get("/v1/balance")
        if not isinstance(answer, Answered):
            return ChannelHealth(is_ready=False, what=f"Stripe does not answer: {answer.reason}")
        is_ready = answer.status == 200
        return ChannelHealth(is_ready=is_ready, what="" if is_ready else f"Stripe answers {answer.status}")

    def close(self) -> None:
        """Let go of what is kept open."""
        self._provider.close()

    def _session(self, payment: Payment) -> str:
        return f"{_SESSIONS}/{quote(payment.provider_id or '', safe='')}"

    def _form(self, payment: Payment) -> dict[str, Any]:
        """The same for every attempt: Stripe refuses another one under the same key."""
        units, currency = said_amount(payment.amount)
        ends_at = max(payment.expires_at, payment.created_at + _LEAST_OPEN)
        return {
            "mode": "payment",
            "client_reference_id": payment.reference,
            "metadata[reference]": payment.reference,
            "payment_intent_data[metadata][reference]": payment.reference,
            "line_items[0][quantity]": "1",
            "line_items[0][price_data][currency]": currency,
            "line_items[0][price_data][unit_amount]": str(units),
            "line_items[0][price_data][product_data][name]": payment.description,
            "adaptive_pricing[enabled]": "false",  # else another currency may be paid than was asked for
            "success_url": self._account.return_url,
            "expires_at": str(int(ends_at.timestamp())),
        }


def _once(payment: Payment, what: str) -> dict[str, str]:
    return {"Idempotency-Key": f"{payment.reference}-{what}"}


def _understood(answer: Answered | NotSent | Unknown) -> Mapping[str, Any] | Refused | NoAnswer:
    """What Stripe says; Refused for what it would refuse again."""
    if not isinstance(answer, Answered):
        return NoAnswer(answer.reason)
    if answer.status == 200 and answer.said:
        return answer.said
    if not 400 <= answer.status < 500 or answer.status in _SOME_TIME:
        return NoAnswer(f"status {answer.status}")
    error = answer.said.get("error")
    code = error.get("code") if isinstance(error, Mapping) else None
    return Refused(code if isinstance(code, str) and code.isascii() and len(code) < 80 else str(answer.status))


def _standing(found: Mapping[str, Any] | Refused | NoAnswer) -> Looked:
    if not isinstance(found, Mapping):
        return found
    match found.get("status"), found.get("payment_status"):
        case _, "paid":
            return Standing(state=LinkState.PAID, amount=paid_by(found))
        case "open", _:
            return Standing(state=LinkState.OPEN)
        case "expired", _:
            return Standing(state=LinkState.CLOSED)
        case "complete", _:
            return Standing(state=LinkState.PROCESSING)
        case _:
            return NoAnswer("no_status")
