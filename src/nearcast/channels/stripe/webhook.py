"""What Stripe tells of payments: signed with the instant of sending, at least once, and in any order.

https://docs.stripe.com/webhooks#verify-manually
"""

import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from nearcast.channels.stripe.amounts import heard_amount
from nearcast.domain.channel_event import Unparsed
from nearcast.domain.payment import Amount, PaymentEvent, Told
from nearcast.services.channel_ports import BadSignature

_HEADER = "stripe-signature"
_TOLERANCE_S = 300
_MARK = "pay-"
_SESSIONS: Mapping[str, Told] = {
    "checkout.session.completed": Told.PROCESSING,
    "checkout.session.async_payment_succeeded": Told.SUCCEEDED,
    "checkout.session.async_payment_failed": Told.FAILED,
    "checkout.session.expired": Told.EXPIRED,
}
_INTENTS: Mapping[str, Told] = {
    "payment_intent.processing": Told.PROCESSING,
    "payment_intent.succeeded": Told.SUCCEEDED,
    "payment_intent.payment_failed": Told.FAILED,
}
_REFUND = "charge.refunded"


def check_signature(headers: Mapping[str, str], raw: bytes, secrets: Iterable[str], now: datetime) -> None:
    """BadSignature unless one of the secrets, the new one and those that are going out of use, has signed `raw` within
    five minutes of `now`.
    """
    said = next((value for name, value in headers.items() if name.lower() == _HEADER), "")
    parts = [part.strip().partition("=") for part in said.split(",")]
    at = next((value for name, _, value in parts if name == "t"), "")
    given = [value.encode("utf-8", "surrogatepass") for name, _, value in parts if name == "v1"]
    if not (at.isascii() and at.isdecimal() and len(at) < 12) or abs(int(at) - now.timestamp()) > _TOLERANCE_S:
        raise BadSignature("Stripe has not signed this lately")
    good = [hmac.new(secret.encode(), f"{at}.".encode() + raw, sha256).hexdigest().encode() for secret in secrets]
    if not any([hmac.compare_digest(each, one) for each in given for one in good]):  # noqa: C419 - in constant time
        raise BadSignature("Stripe has not signed this with our secret")


def events_in(raw: bytes) -> Sequence[PaymentEvent | Unparsed]:
    """What signed bytes tell of payments of ours; nothing for what is about anything else."""
    try:
        said = json.loads(raw)
        event, about = dict(said), dict(said["data"]["object"])
        kind = str(event["type"])
        reference = _reference(about)
        if reference is None or kind not in (*_SESSIONS, *_INTENTS, _REFUND):
            return []
        found = _event(event, kind, about, reference)
    except (ValueError, KeyError, TypeError, OverflowError, OSError, RecursionError):
        return [Unparsed(key=f"u:{sha256(raw).hexdigest()[:32]}", what="payment")]
    return [] if found is None else [found]


def paid_by(session: Mapping[str, Any]) -> Amount | None:
    """What was paid by a session."""
    return heard_amount(session.get("amount_total"), session.get("currency"))


def _event(event: Mapping[str, Any], kind: str, about: Mapping[str, Any], reference: str) -> PaymentEvent | None:
    amount: Amount | None = None
    if kind == _REFUND:
        if about.get("refunded") is not True:
            return None  # only a part of it was given back
        what = Told.REFUNDED
    elif kind in _SESSIONS:
        what = Told.SUCCEEDED if about.get("payment_status") == "paid" else _SESSIONS[kind]
        amount = paid_by(about)
    else:
        what, amount = _INTENTS[kind], heard_amount(about.get("amount_received"), about.get("currency"))
    if what is Told.SUCCEEDED and amount is None:
        raise ValueError("how much was paid is not said")
    at = datetime.fromtimestamp(int(event["created"]), UTC)
    return PaymentEvent(id=_name(event["id"]), reference=reference, what=what, at=at, amount=amount)


def _reference(about: Mapping[str, Any]) -> str | None:
    """Ours, which the session has by itself and everything after it among its notes."""
    notes = about.get("metadata")
    said = about.get("client_reference_id") or (notes.get("reference") if isinstance(notes, Mapping) else None)
    return said if isinstance(said, str) and said.startswith(_MARK) and said.isascii() and len(said) < 100 else None


def _name(said: Any) -> str:
    if not (isinstance(said, str) and 0 < len(said) <= 255 and said.isascii() and said.isprintable()):
        raise ValueError("an event needs a name")
    return said
