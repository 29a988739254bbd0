"""Reading the outbox: what became of each message, and never its text or its address."""

from dataclasses import dataclass
from typing import Any

from nearcast.domain.errors import NotFound, OutOfSight
from nearcast.domain.ids import CampaignId, CustomerId, MessageId, ShopId
from nearcast.domain.message import Message, MessageStatus
from nearcast.services.access import Principal
from nearcast.services.cost_ports import Cost
from nearcast.services.cursors import Cursors
from nearcast.services.match_log import check_customer_filter, shops_seen
from nearcast.services.ports import MessageFilter, Page, Store
from nearcast.services.pseudonyms import Pseudonyms, is_owner

_ENDED_BADLY = (MessageStatus.FAILED, MessageStatus.CANCELLED, MessageStatus.EXPIRED)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagesWanted:
    """Which messages; None takes all."""

    campaign_id: CampaignId | None = None
    shop_id: ShopId | None = None
    customer_id: CustomerId | None = None
    status: MessageStatus | None = None


class Messages:
    """The messages of a tenant. Owners see those of their shops, their customers by daily pseudonyms."""

    def __init__(self, store: Store, pseudonyms: Pseudonyms, cursors: Cursors) -> None:
        self._store, self._pseudonyms, self._cursors = store, pseudonyms, cursors

    def page(self, asker: Principal, wanted: MessagesWanted, *, cursor: str | None, limit: int) -> Page[dict[str, Any]]:
        """A cursor page, the last queued first. NotAllowed for an owner who asks for one customer."""
        check_customer_filter(asker, wanted.customer_id)
        chosen = MessageFilter(
            campaign_id=wanted.campaign_id,
            customer_id=wanted.customer_id,
            shop_ids=shops_seen(asker, wanted.shop_id),
            status=wanted.status,
        )
        with self._store.reading(asker.tenant_id) as uow:
            place = self._cursors.open(asker.tenant_id, cursor)
            page = uow.outbox.page(chosen, cursor=place, limit=limit)
            costs = uow.costs.of([message.id for message in page.items])
        shown = [self._shown(asker, message, costs.get(message.id)) for message in page.items]
        return Page(shown, self._cursors.seal(asker.tenant_id, page.next_cursor))

    def get(self, asker: Principal, message_id: MessageId) -> dict[str, Any]:
        """One message; NotFound where there is none that the asker may see."""
        with self._store.reading(asker.tenant_id) as uow:
            message = uow.outbox.get(message_id)
            cost = uow.costs.of([message_id]).get(message_id)
        if message is None:
            raise NotFound(f"there is no message {message_id!r}")
        if not asker.may_see(message.shop_id):
            raise OutOfSight("message", message_id)
        return self._shown(asker, message, cost)

    def _shown(self, asker: Principal, message: Message, cost: Cost | None) -> dict[str, Any]:
        """A message as CONTRACT shows it. An error that its provider gave is in the provider's code, and in our class
        of it.
        """
        failed = message.status in _ENDED_BADLY
        status = message.status.value
        code = message.error_code or message.reason or status
        return {
            "message_id": message.id,
            "decision_id": message.decision_id,
            "customer_id": self._pseudonyms.name(asker, message.shop_id, message.queued_at, message.customer_id),
            "campaign_id": message.campaign_id,
            "channel": message.channel,
            "status": status,
            "provider_id": None if is_owner(asker) else message.provider_id,  # some have an address in it
            "error": {"code": code, "class": message.error_class or status} if failed else None,
            "reason": message.reason,  # of what waits, too
            "late": message.is_late,
            "queued_at": message.queued_at,
            "sent_at": message.sent_at,
            "delivered_at": message.delivered_at,
            "read_at": message.read_at,
            "expires_at": message.expires_at,
            "cost": _amount(cost),
            "variant": message.variant,
        }


def _amount(cost: Cost | None) -> dict[str, Any] | None:
    """What a message costs, or should cost while its provider has not said; None where nobody knows."""
    if cost is None or cost.amount is None:
        return None
    amount = cost.amount
    return {
        "micros": amount.micros,
        "currency": amount.currency,
        "category": cost.category,
        "is_booked": cost.booked_at is not None,
    }
