"""Typed names. Ids that nearcast makes itself are uuid5, so that the same input has the same ids for ever."""

import uuid
from datetime import datetime
from hashlib import sha1
from typing import NewType

TenantId = NewType("TenantId", str)
CustomerId = NewType("CustomerId", str)
ShopId = NewType("ShopId", str)
GeofenceId = NewType("GeofenceId", str)
CampaignId = NewType("CampaignId", str)
VisitId = NewType("VisitId", str)
DecisionId = NewType("DecisionId", str)
MessageId = NewType("MessageId", str)
SlotId = NewType("SlotId", str)
ReservationId = NewType("ReservationId", str)

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "nearcast").bytes
_VARIANT = {f"{digit:x}": "89ab"[digit & 3] for digit in range(16)}


def _uuid5(kind: str, *parts: str) -> str:
    """As `uuid.uuid5` (RFC 9562 §5.5) writes it, without an object for each of the many made for one decision."""
    # the lengths keep ("a", "bc") and ("ab", "c") apart
    name = "".join([kind, *[f"|{len(part)}:{part}" for part in parts]])
    digits = sha1(_NAMESPACE + name.encode(), usedforsecurity=False).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{_VARIANT[digits[16]]}{digits[17:20]}-{digits[20:32]}"


def visit_id(
    tenant: TenantId,
    customer: CustomerId,
    geofence: GeofenceId,
    entered_at: datetime,
    *,
    found_late_at: datetime | None = None,
) -> VisitId:
    """Named by its first instant; one that only a late ping brought to light, by the instant of finding it as well."""
    late = (found_late_at.isoformat(),) if found_late_at else ()
    return VisitId(_uuid5("visit", tenant, customer, geofence, entered_at.isoformat(), *late))


def transition_opportunity(visit: VisitId, kind: str) -> str:
    """What a transition offers: one customer, one visit, one kind."""
    return _uuid5("transition", visit, kind)


def run_opportunity(tenant: TenantId, campaign: CampaignId, customer: CustomerId, due_at: datetime) -> str:
    """What a due run offers: one customer, one campaign, one due instant."""
    return _uuid5("run", tenant, campaign, customer, due_at.isoformat())


def decision_id(opportunity: str, campaign: CampaignId) -> DecisionId:
    return DecisionId(_uuid5("decision", opportunity, campaign))


def message_id(
    tenant: TenantId, campaign: CampaignId, customer: CustomerId, opportunity: str, channel: str
) -> MessageId:
    """One message per campaign, customer, opportunity and channel, however often the work is repeated."""
    return MessageId(_uuid5("message", tenant, campaign, customer, opportunity, channel))


def slot_id(tenant: TenantId, shop: ShopId, starts_at: datetime) -> SlotId:
    """A shop's slot that begins at an instant: put again, it is the same one."""
    return SlotId(_uuid5("slot", tenant, shop, starts_at.isoformat()))


def reservation_id(tenant: TenantId, slot: SlotId, customer: CustomerId, said: str) -> ReservationId:
    """What a customer took with one tap, however often that is worked on; `said` is the tap's own key."""
    return ReservationId(_uuid5("reservation", tenant, slot, customer, said))


def consent_event_id(tenant: TenantId, subject: str, content: str) -> str:
    """One line of the ledger for what a customer said, however often it is handed in; `content` is all of it. Nothing
    in it leads back to a customer who is no more.
    """
    return _uuid5("consent", tenant, subject, content)
