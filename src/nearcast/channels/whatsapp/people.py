"""What people write, tap and tell of themselves (messaging reference §2.4, §2.5)."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from nearcast.channels.whatsapp.names import keys, own_keys, sender_keys
from nearcast.channels.whatsapp.reading import Change, NotUnderstood, instant, needed, part, spoken, text
from nearcast.domain.channel_event import IdentityChange, Inbound, InboundKind, Preference
from nearcast.domain.position import Position
from nearcast.domain.sending import LearntKey

_WANTS = {"stop": False, "resume": True, "signup": True}
_CHANGES_WHO = {
    "user_changed_number",
    "customer_changed_number",
    "user_changed_user_id",
    "customer_identity_changed",
}
Said: TypeAlias = Mapping[str, Any]
Content: TypeAlias = tuple[InboundKind, str, str | None, Position | None]
"""Kind, what the person sees of it, what came back with a tap, where they are."""


def message(said: Said, change: Change) -> Inbound | IdentityChange:
    """One message of a person; NotUnderstood for a type that is new, and from nobody."""
    kind = needed(said, "type")
    senders = sender_keys(said, change)
    if not senders:
        raise NotUnderstood("message from nobody")
    if kind == "system":
        return _system(said, change, senders)
    read = _READ.get(kind)
    if read is None:
        raise NotUnderstood(f"message of type {spoken(kind)}")
    what, words, payload, position = read(said)
    provider_id = needed(said, "id")
    return Inbound(
        key=f"m:{provider_id}",
        at=instant(said, "timestamp") or change.at,
        kind=what,
        sender_keys=senders,
        received_by=change.received_by,
        provider_id=provider_id,
        text=words,
        payload=payload,
        position=position,
        in_reply_to=text(part(said, "context"), "id"),
    )


def preference(said: Said, change: Change) -> Preference:
    """What somebody has set in WhatsApp itself; NotUnderstood for other things than marketing."""
    category, wish = needed(said, "category"), needed(said, "value")
    if category != "marketing_messages" or wish not in _WANTS:
        raise NotUnderstood(f"preference {spoken(category)} {spoken(wish)}")
    senders = own_keys(said, change)
    if not senders:
        raise NotUnderstood("preference of nobody")
    at = instant(said, "timestamp")
    return Preference(
        key=f"p:{senders[0].key}:{category}:{wish}:{text(said, 'timestamp') or change.time}",
        at=at or change.at,
        sender_keys=senders,
        received_by=change.received_by,
        wants_marketing=_WANTS[wish],
    )


def _system(said: Said, change: Change, before: tuple[LearntKey, ...]) -> IdentityChange:
    """Somebody has another number or another phone. The user id that comes with it is the new one."""
    system = part(said, "system")
    if text(system, "type") not in _CHANGES_WHO:
        raise NotUnderstood(f"system message {spoken(text(system, 'type'))}")
    number = text(system, "wa_id") or text(system, "new_wa_id")
    after = keys([number, text(system, "user_id"), text(system, "parent_user_id")])
    return IdentityChange(
        key=f"m:{needed(said, 'id')}",
        at=instant(said, "timestamp") or change.at,
        received_by=change.received_by,
        before=before,
        after=after or before,
    )


def _text(said: Said) -> Content:
    return InboundKind.TEXT, needed(part(said, "text"), "body"), None, None


def _button(said: Said) -> Content:
    button = part(said, "button")
    payload, words = text(button, "payload"), text(button, "text")
    if payload is None and words is None:
        raise NotUnderstood("button without a payload")
    return InboundKind.BUTTON, words or "", payload, None


def _interactive(said: Said) -> Content:
    chosen = part(said, "interactive")
    for key, kind in (("button_reply", InboundKind.BUTTON), ("list_reply", InboundKind.CHOICE)):
        if reply := part(chosen, key):
            return kind, text(reply, "title") or "", needed(reply, "id"), None
    if form := part(chosen, "nfm_reply"):
        kind = InboundKind.OTHER if text(form, "name") == "address_message" else InboundKind.FORM
        return kind, text(form, "body") or "", text(form, "response_json"), None
    raise NotUnderstood(f"interactive {spoken(text(chosen, 'type'))}")


def _location(said: Said) -> Content:
    place = part(said, "location")
    lat_deg, lon_deg = _degrees(place, "latitude"), _degrees(place, "longitude")
    return InboundKind.LOCATION, text(place, "name") or "", None, Position(lat_deg, lon_deg)


def _degrees(place: Said, key: str) -> float:
    found = place.get(key)
    if isinstance(found, str | int | float) and not isinstance(found, bool):
        try:
            return float(found)
        except (ValueError, OverflowError):
            pass
    raise NotUnderstood(f"location without a {key}")


def _other(said: Said) -> Content:
    """The words under a picture, the new ones of a changed message, the sign of a reaction."""
    shown = part(said, needed(said, "type"))
    changed = part(part(shown, "message"), "text")
    words = text(shown, "caption") or text(changed, "body") or text(shown, "emoji") or ""
    return InboundKind.OTHER, words, None, None


_OTHERS = (
    "audio",
    "contacts",
    "document",
    "edit",
    "ephemeral",
    "image",
    "order",
    "reaction",
    "request_welcome",
    "revoke",
    "sticker",
    "unsupported",
    "video",
)
_READ: Mapping[str, Callable[[Said], Content]] = {
    "text": _text,
    "button": _button,
    "interactive": _interactive,
    "location": _location,
    **dict.fromkeys(_OTHERS, _other),
}
