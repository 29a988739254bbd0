"""What a provider held back to see how people take it, and then dropped: its campaign stands still until somebody has
looked at it (messaging reference §1.4, §10).
"""

from collections.abc import Iterable
from datetime import datetime

from nearcast.domain.campaign import CampaignState
from nearcast.domain.ids import TenantId
from nearcast.domain.message import Message, MessageStatus
from nearcast.domain.sending import ProviderError, RetryClass
from nearcast.services.audit_ports import Actor
from nearcast.services.campaigns import change_state
from nearcast.services.ports import UnitOfWork

_PROVIDER = Actor("provider")


def pause_dropped(
    uow: UnitOfWork, tenant_id: TenantId, refused: Iterable[tuple[Message, ProviderError]], now: datetime
) -> None:
    """Pause the campaigns of which a held message was refused for its template's sake; nobody is held yet."""
    dropped = {
        message.campaign_id: error.code
        for message, error in refused
        if message.status is MessageStatus.HELD and error.retry is RetryClass.TEMPLATE_STOP
    }
    if not dropped:
        return
    uow.catalogue.hold()
    for campaign_id, code in sorted(dropped.items()):
        standing = uow.catalogue.campaigns.get(campaign_id)
        if standing is not None and standing.state == CampaignState.ACTIVE.value:
            why = {"why": "held_message_dropped", "code": code}
            change_state(uow, tenant_id, standing, "pause", now, by=_PROVIDER, why=why)
