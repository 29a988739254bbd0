"""A message as a row and back: what the customer reads, and what the provider calls it, are sealed on the way."""

import hashlib
import json
import re
from typing import Any

import msgspec
from sqlalchemy import Row

from nearcast.domain.errors import NearcastError
from nearcast.domain.ids import CampaignId, CustomerId, DecisionId, GeofenceId, MessageId, ShopId, TenantId, VisitId
from nearcast.domain.message import Message, MessageStatus
from nearcast.domain.sending import Template
from nearcast.services.secret_ports import Sealing

_SEALED = re.compile(r"1\.[0-9a-f]{8}\.")


class NotSealed:
    """Where nobody seals: it stays as it is, in JSON, which no sealed text looks like."""

    key_id = ""

    def seal_text(self, text: str, *, of: str) -> str:
        return text

    def open_text(self, sealed: str, *, of: str) -> str:
        raise NearcastError("a message is sealed, and there is no key to open it with")

    def blind_index(self, channel: str, address: str) -> str:
        return hashlib.sha256(address.encode()).hexdigest()


NOT_SEALED = NotSealed()


class MessageRows:
    """The rows of one tenant's messages."""

    def __init__(self, tenant: TenantId, sealing: Sealing) -> None:
        self.tenant, self._sealing = tenant, sealing

    @property
    def key_id(self) -> str:
        """Of the key that seals."""
        return self._sealing.key_id

    def index(self, provider_id: str) -> str:
        """What a message is found by that its provider calls so."""
        return self._sealing.blind_index("", provider_id)

    def row(self, message: Message) -> dict[str, Any]:
        return {
            "tenant_id": self.tenant,
            "id": message.id,
            "decision_id": message.decision_id,
            "customer_id": message.customer_id,
            "campaign_id": message.campaign_id,
            "shop_id": message.shop_id,
            "geofence_id": message.geofence_id,
            "visit_id": message.visit_id,
            "sender": message.sender,
            "priority": message.priority,
            "text": "",
            "content": self._content(message),
            "queued_at": message.queued_at,
            "expires_at": message.expires_at,
            "variant": message.variant,
            **self.changes(message),
        }

    def changes(self, message: Message) -> dict[str, Any]:
        """What may change after a message was queued."""
        return {
            "channel": message.channel,
            "status": message.status.value,
            "not_before": message.not_before,
            "is_deferred": message.is_deferred,
            "sent_at": message.sent_at,
            "freed_at": message.freed_at,
            "reason": message.reason,
            "consent_event_ids": list(message.consent_event_ids),
            "repeat_until": message.repeat_until,
            "error_code": message.error_code,
            "error_class": message.error_class,
            "delivered_at": message.delivered_at,
            "read_at": message.read_at,
            **self._names(message),
        }

    def secrets(self, message: Message) -> dict[str, Any]:
        """What is sealed of a message."""
        return {"content": self._content(message), **self._names(message)}

    def message(self, row: Row[Any]) -> Message:
        text, template = self._read(row)
        return Message(
            id=MessageId(row.id),
            decision_id=DecisionId(row.decision_id),
            customer_id=CustomerId(row.customer_id),
            campaign_id=CampaignId(row.campaign_id),
            shop_id=ShopId(row.shop_id),
            geofence_id=None if row.geofence_id is None else GeofenceId(row.geofence_id),
            visit_id=None if row.visit_id is None else VisitId(row.visit_id),
            channel=row.channel,
            sender=row.sender,
            priority=row.priority,
            text=text,
            template=template,
            status=MessageStatus(row.status),
            queued_at=row.queued_at,
            not_before=row.not_before,
            expires_at=row.expires_at,
            is_deferred=row.is_deferred,
            sent_at=row.sent_at,
            freed_at=row.freed_at,
            reason=row.reason,
            consent_event_ids=tuple(row.consent_event_ids or ()),
            variant=row.variant,
            repeat_until=row.repeat_until,
            provider_id=None if row.provider_id is None else self._opened(row.provider_id, row.id, "provider id"),
            error_code=row.error_code,
            error_class=row.error_class,
            delivered_at=row.delivered_at,
            read_at=row.read_at,
        )

    def _content(self, message: Message) -> str | None:
        """None for a text that was forgotten."""
        said = {
            "text": message.text,
            **({"template": msgspec.to_builtins(message.template)} if message.template else {}),
        }
        return self._sealed(said, message.id, "content") if message.text or message.template else None

    def _read(self, row: Row[Any]) -> tuple[str, Template | None]:
        if row.content is None:
            return row.text, None
        said = self._opened(row.content, row.id, "content")
        return said["text"], msgspec.convert(said["template"], Template) if "template" in said else None

    def _names(self, message: Message) -> dict[str, Any]:
        name = message.provider_id
        if name is None:
            return {"provider_id": None, "provider_index": None}
        return {"provider_id": self._sealed(name, message.id, "provider id"), "provider_index": self.index(name)}

    def _sealed(self, said: Any, message_id: str, what: str) -> str:
        return self._sealing.seal_text(json.dumps(said), of=self._of(message_id, what))

    def _opened(self, kept: str, message_id: str, what: str) -> Any:
        if _SEALED.match(kept):
            return json.loads(self._sealing.open_text(kept, of=self._of(message_id, what)))
        return json.loads(kept) if kept[:1] in ('"', "{") else kept

    def _of(self, message_id: str, what: str) -> str:
        return "|".join(f"{len(name)}:{name}" for name in (self.tenant, message_id, what))
