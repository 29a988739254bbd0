"""Messages that somebody else sent: what each of them counts."""

from datetime import datetime

from nearcast.domain.case import Send
from nearcast.domain.ids import CampaignId, GeofenceId, ShopId
from nearcast.services.scenario import SendShape

NEVER_COUNT = ("transactional", "cancelled", "expired", "failed")


def prior_send(said: SendShape, at: datetime, *, shop_id: str | None, channel: str | None) -> Send | None:
    """What it takes up of caps and budget; None where it takes up nothing. `shop_id` and `channel` are those of its
    campaign, which need not exist, and hold where it names none itself.
    """
    if said.status in NEVER_COUNT:
        return None
    shop_id = said.shop_id or shop_id
    return Send(
        campaign_id=CampaignId(said.campaign_id),
        at=at,
        shop_id=ShopId(shop_id) if shop_id else None,
        geofence_id=GeofenceId(said.geofence_id) if said.geofence_id else None,
        channel=said.channel or channel,
        is_ghost=said.status == "ghost",
    )
