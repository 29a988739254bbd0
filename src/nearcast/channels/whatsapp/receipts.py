"""How far a message of ours has come (messaging reference §2.3)."""

from collections.abc import Mapping
from typing import Any

from nearcast.channels.whatsapp.errors import provider_error
from nearcast.channels.whatsapp.names import receiver_keys
from nearcast.channels.whatsapp.reading import Change, NotUnderstood, instant, needed, objects, part, spoken, text
from nearcast.domain.channel_event import Price, Rank, Receipt

_RANKS = {"sent": Rank.SENT, "delivered": Rank.DELIVERED, "read": Rank.READ, "played": Rank.READ}


def receipt(status: Mapping[str, Any], change: Change) -> Receipt:
    """One status of one message; NotUnderstood for a payment's, and for words that are new."""
    if text(status, "type") not in (None, "message"):
        raise NotUnderstood(f"status of a {spoken(text(status, 'type'))}")
    said = needed(status, "status")
    if said != "failed" and said not in _RANKS:
        raise NotUnderstood(f"status {spoken(said)}")
    provider_id, tag = text(status, "id"), text(status, "biz_opaque_callback_data")
    if provider_id is None and tag is None:
        raise NotUnderstood("status of no message")
    errors = objects(status, "errors") or [{}]
    error = provider_error(errors[0]) if said == "failed" else None
    who = text(status, "recipient_participant_id") or ""
    return Receipt(
        key=f"s:{provider_id or tag}:{said}:{who}" + (f":{error.code}" if error else ""),
        at=instant(status, "timestamp") or change.at,
        rank=_RANKS.get(said),
        provider_id=provider_id,
        tag=tag,
        error=error,
        price=_price(part(status, "pricing")),
        learnt=receiver_keys(status, change),
        received_by=change.received_by,
    )


def _price(said: Mapping[str, Any]) -> Price | None:
    """What it counts as. An older one says only whether it is billed at all."""
    category = text(said, "category")
    if category is None:
        return None
    kind = text(said, "type") or ("free_customer_service" if said.get("billable") is False else "regular")
    return Price(category=category, type=kind)
