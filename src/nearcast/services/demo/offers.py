"""What the demo's shops offer at an instant, and what things are called: the catalogue, as the page speaks of it."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from nearcast.domain.campaign import Campaign, CampaignState, Trigger
from nearcast.domain.ids import GeofenceId, ShopId
from nearcast.domain.local_time import zone
from nearcast.services.catalogue import CatalogueCache
from nearcast.services.demo.city import TENANT
from nearcast.services.ports import UnitOfWork
from nearcast.services.world import World
from nearcast.sim.calendar import TIMEZONE

_ON_ARRIVAL = (Trigger.ENTER, Trigger.DWELL)


class Offers:
    """The catalogue as it was last read; to be used by one thread at a time."""

    def __init__(self) -> None:
        self._cache = CatalogueCache(TENANT)
        self._zone: ZoneInfo = zone(TIMEZONE)
        self._world: World | None = None

    @property
    def revision(self) -> int:
        """Grows with every edit."""
        return self._cache.revision

    @property
    def world(self) -> World:
        if self._world is None:
            raise RuntimeError("the catalogue has not been read yet")
        return self._world

    def read(self, uow: UnitOfWork) -> None:
        """Bring it up to date."""
        self._world = self._cache.world(uow.catalogue)

    def clock(self, at: datetime) -> str:
        """An instant as the city's wall clocks show it.

        >>> from datetime import UTC
        >>> Offers().clock(datetime(2026, 6, 2, 9, 45, tzinfo=UTC))
        '11:45'
        """
        return f"{at.astimezone(self._zone):%H:%M}"

    def day(self, at: datetime) -> str:
        """The city's weekday at an instant."""
        return f"{at.astimezone(self._zone):%A}"

    def shop_name(self, shop_id: str) -> str:
        shop = self.world.shops.get(ShopId(shop_id))
        return shop.name if shop else shop_id

    def fence_shop_name(self, geofence_id: GeofenceId, now: datetime) -> str:
        geofence = self.world.geofences.at(geofence_id, now)
        return self.shop_name(geofence.shop_id) if geofence and geofence.shop_id else geofence_id

    def is_running(self, geofence_id: GeofenceId, trigger: Trigger, now: datetime) -> bool:
        """Whether a campaign may send there now, by its state and its hours; customers are not asked about."""
        return any(c.trigger is trigger for c in self._campaigns_at(geofence_id, now))

    def stay_s(self, geofence_id: GeofenceId, now: datetime) -> float | None:
        """How long one must stay for the offer that runs there; None where none asks for it."""
        if not self.is_running(geofence_id, Trigger.DWELL, now):
            return None
        geofence = self.world.geofences.at(geofence_id, now)
        return (geofence.dwell_s if geofence else None) or self.world.tenant.presence.dwell_s

    def running(self, now: datetime) -> list[str]:
        """The geofences where an offer runs for those who arrive or stay."""
        found: set[str] = set()
        open_campaigns = [c for c in self.world.campaigns.by_id.values() if self._is_open(c, now)]
        for geofence in self.world.geofences.all_revisions():
            if any(c.trigger in _ON_ARRIVAL and c.targets(geofence.id, geofence.shop_id) for c in open_campaigns):
                found.add(geofence.id)
        return sorted(found)

    def _campaigns_at(self, geofence_id: GeofenceId, now: datetime) -> list[Campaign]:
        geofence = self.world.geofences.at(geofence_id, now)
        return [
            campaign
            for campaign in self.world.campaigns.by_id.values()
            if geofence and campaign.targets(geofence_id, geofence.shop_id) and self._is_open(campaign, now)
        ]

    def _is_open(self, campaign: Campaign, now: datetime) -> bool:
        shop = self.world.shops[campaign.shop_id]
        return (
            campaign.state is CampaignState.ACTIVE
            and (campaign.active_from is None or campaign.active_from <= now)
            and (campaign.active_until is None or now < campaign.active_until)
            and (campaign.dayparts is None or campaign.dayparts.covers(now, shop.zone))
            and shop.hours.covers(now, shop.zone)
        )


def drawn(feature: dict[str, Any]) -> dict[str, Any]:
    """A geofence's ground to draw: rings of [lon, lat], or a circle's centre and radius in metres."""
    geometry, radius_m = feature["geometry"], feature["properties"].get("radius_m")
    if geometry["type"] == "Point":
        return {"center": geometry["coordinates"], "radius_m": radius_m}
    polygons = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
    return {"rings": [ring for polygon in polygons for ring in polygon]}
