"""/v1/messages: what became of each message."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from nearcast.api.pages import Cursor, Limit, answered, listed, shows
from nearcast.api.route import App, Asker, KeyedRoute, open_to
from nearcast.domain.ids import CampaignId, CustomerId, MessageId, ShopId
from nearcast.domain.message import MessageStatus
from nearcast.services.access import Role
from nearcast.services.messages import MessagesWanted

router = APIRouter(prefix="/v1/messages", tags=["messages"], route_class=KeyedRoute)
_EXAMPLE: dict[str, Any] = {
    "message_id": "5a1f4be2-6f1d-5c0a-8a53-70d8f6f0a1de",
    "decision_id": "0b4e0bfa-3f0e-5a7c-9d0e-2f6a0f3f1c11",
    "customer_id": "p-5f0c1f6d2e9a7b34",
    "campaign_id": "camp-7",
    "channel": "console",
    "status": "cancelled",
    "provider_id": None,
    "error": {"code": "cancelled_consent", "class": "cancelled"},
    "reason": "cancelled_consent",
    "late": False,
    "queued_at": "2026-06-02T10:00:00Z",
    "sent_at": None,
    "delivered_at": None,
    "read_at": None,
    "expires_at": "2026-06-02T10:20:00Z",
    "cost": None,
    "variant": None,
}


@router.get(
    "",
    summary="List messages",
    openapi_extra=open_to(Role.OWNER),
    responses=shows("Messages, the last queued first.", {"items": [_EXAMPLE], "next_cursor": None}),
)
def list_messages(
    app: App,
    asker: Asker,
    campaign_id: CampaignId | None = None,
    shop_id: ShopId | None = None,
    customer_id: Annotated[CustomerId | None, Query(description="Not for owners.")] = None,
    status: MessageStatus | None = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> JSONResponse:
    """Of your shops, never with text or address. Owners see customers by the pseudonyms of the match log. Receipts and
    costs are null until a channel reports them.
    """
    wanted = MessagesWanted(campaign_id=campaign_id, shop_id=shop_id, customer_id=customer_id, status=status)
    return listed(app.messages.page(asker, wanted, cursor=cursor, limit=limit), lambda message: message)


@router.get(
    "/{message_id}",
    summary="Read a message",
    openapi_extra=open_to(Role.OWNER),
    responses=shows("The message.", _EXAMPLE),
)
def read_message(app: App, asker: Asker, message_id: str) -> JSONResponse:
    """What became of one message."""
    return answered(app.messages.get(asker, MessageId(message_id)))
