"""A message as a row and back."""

from typing import Any

from sqlalchemy import Row

from nearcast.domain.ids import CampaignId, CustomerId, DecisionId, GeofenceId, MessageId, ShopId, TenantId, VisitId
from nearcast.domain.message import Message, MessageStatus


def message_to_row(message: Message, tenant: TenantId) -> dict[str, Any]:
    return {
        "tenant_id": tenant,
        "id": message.id,
        "decision_id": message.decision_id,
        "customer_id": message.customer_id,
        "campaign_id": message.campaign_id,
        "shop_id": message.shop_id,
        "geofence_id": message.geofence_id,
        "visit_id": message.visit_id,
        "channel": message.channel,
        "sender": message.sender,
        "priority": message.priority,
        "text": message.text,
        "queued_at": message.queued_at,
        "expires_at": message.expires_at,
        "variant": message.variant,
        **message_changes(message),
    }


def message_changes(message: Message) -> dict[str, Any]:
    """What may change after a message was queued."""
    return {
        "status": message.status.value,
        "not_before": message.not_before,
        "is_deferred": message.is_deferred,
        "sent_at": message.sent_at,
        "freed_at": message.freed_at,
        "reason": message.reason,
        "consent_event_ids": list(message.consent_event_ids),
        "repeat_until": message.repeat_until,
    }


def message_from_row(row: Row[Any]) -> Message:
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
        text=row.text,
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
    )
