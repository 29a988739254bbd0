"""Events of providers as they are kept: what each is in a word, and sealed, all that it says."""

from collections.abc import Mapping

import msgspec

from nearcast.domain.channel_event import (
    ChannelEvent,
    IdentityChange,
    Inbound,
    Preference,
    Receipt,
    SenderChange,
    TemplateChange,
    Unparsed,
)
from nearcast.domain.ids import TenantId
from nearcast.services.inbound_ports import KeptEvent
from nearcast.services.vault import Seals

KINDS: Mapping[str, type[ChannelEvent]] = {
    "receipt": Receipt,
    "inbound": Inbound,
    "preference": Preference,
    "template": TemplateChange,
    "sender": SenderChange,
    "identity": IdentityChange,
    "unparsed": Unparsed,
}
_NAMES = {kind: name for name, kind in KINDS.items()}


def kind_of(event: ChannelEvent) -> str:
    """What kind of event it is, as it is kept."""
    return _NAMES[type(event)]


def what_of(event: ChannelEvent) -> str:
    """What it says in a word: neither a name nor a number nor a text."""
    if isinstance(event, Receipt):
        return f"failed {event.error.code}" if event.error else event.rank.name.lower() if event.rank else "receipt"
    if isinstance(event, Inbound):
        return event.kind.value
    if isinstance(event, Preference):
        return "resume" if event.wants_marketing else "stop"
    if isinstance(event, TemplateChange):
        return (event.status or event.quality or event.category or "changed").lower()[:80]
    return "changed" if isinstance(event, IdentityChange) else event.what[:80]


def account_of(event: ChannelEvent) -> str | None:
    """Our number or account that it is about; None where it does not say."""
    return event.sender if isinstance(event, SenderChange) else event.received_by


def sealed_event(seals: Seals, tenant_id: TenantId, event_index: str, event: ChannelEvent) -> str:
    """All that an event says, as it is kept."""
    return seals.seal_text(msgspec.json.encode(event).decode(), of=of_event(tenant_id, event_index))


def opened_event(seals: Seals, tenant_id: TenantId, kept: KeptEvent) -> ChannelEvent:
    """What an event said. CannotOpen where our keys are others."""
    text = seals.open_text(kept.sealed or "", of=of_event(tenant_id, kept.event_index))
    found: ChannelEvent = msgspec.json.decode(text, type=KINDS[kept.kind])
    return found


def of_event(tenant_id: str, event_index: str) -> str:
    """What an event is sealed as."""
    return f"{len(tenant_id)}:{tenant_id}|event|{event_index}"
