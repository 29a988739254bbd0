"""Which regions a phone is to watch by itself: the nearest fences that something could come of for its customer, anew
when it has moved.

What a phone was told is remembered by this process alone, and told again after some hours: an answer may be lost.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from threading import Lock
from typing import TypeAlias

from nearcast.domain.campaign import Campaign, CampaignState, Trigger
from nearcast.domain.consent import LOCATION, NEARBY, consent_state, in_ledger_order
from nearcast.domain.geofence import Geofence
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.domain.position import Position
from nearcast.geo.covering import covering_circle
from nearcast.geo.margins import between_m
from nearcast.services.devices import Phone
from nearcast.services.engines import Engines
from nearcast.services.world import World

_BY_PRESENCE = (Trigger.ENTER, Trigger.DWELL, Trigger.EXIT)
_FAR_M, _FARTHEST_M = 250.0, 30_000.0
_AGAIN, _TOLD_AGAIN = timedelta(minutes=15), timedelta(hours=6)
_MOST_PHONES = 50_000
_LONGEST_NAME = 60
_FIRST_NUMBER, _NUMBERS = 1_000_000_000, 700_000_000  # of instants from 2001 to 2023
_MayBeSent: TypeAlias = Callable[[Campaign], bool]
_Named: TypeAlias = tuple[TenantId, CustomerId, str]  # with an API key, customers name their devices alike


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A circle with a public name. `number` is its own among all regions of a phone, and looks like a unix time."""

    id: str
    number: int
    name: str
    lat: float
    lon: float
    radius_m: int


@dataclass(frozen=True, slots=True)
class RegionChange:
    """All regions that a phone is to watch, and those that it is to forget; None where these are not known."""

    regions: tuple[Region, ...]
    gone: tuple[Region, ...] | None


@dataclass(frozen=True, slots=True)
class _Told:
    regions: tuple[Region, ...]
    told_at: datetime
    looked_at: datetime
    position: Position


class RegionPush:
    """Regions for the phones of all tenants. Many threads may use it."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines
        self._lock = Lock()
        self._told: OrderedDict[_Named, _Told] = OrderedDict()

    def change(self, phone: Phone, position: Position, now: datetime, *, most: int) -> RegionChange | None:
        """What to tell a phone that is there now, None where it knows all. At most so many regions, the nearest."""
        if phone.device_id is None:
            return None
        named = (phone.tenant_id, phone.customer_id, phone.device_id)
        with self._lock:
            before = self._told.get(named)
        if before is not None and not _is_due(before, position, now):
            return None
        regions = self._nearest(phone, position, now, most)
        known = before.regions if before else ()
        is_news = regions != known or (before is not None and bool(regions) and now - before.told_at >= _TOLD_AGAIN)
        told_at = now if is_news or before is None else before.told_at
        with self._lock:
            self._told[named] = _Told(regions, told_at, now, position)
            self._told.move_to_end(named)
            while len(self._told) > _MOST_PHONES:
                self._told.popitem(last=False)
        if not is_news:
            return None
        ids = {region.id for region in regions}
        return RegionChange(regions, tuple(each for each in known if each.id not in ids) if before else None)

    def _nearest(self, phone: Phone, position: Position, now: datetime, most: int) -> tuple[Region, ...]:
        with self._engines.of(phone.tenant_id) as engine:
            with engine.store.reading(phone.tenant_id) as uow:
                events = in_ledger_order(uow.consents.of([phone.customer_id]).get(phone.customer_id, ()))
            if not consent_state(events, LOCATION, now=now).is_live:
                return ()
            world = engine.world()
            running = [each for each in world.campaigns.by_id.values() if _is_on(each, now)]
            agreed = {
                (channel, sender)
                for channel, sender in {(each.channel, each.sender) for each in running}
                if consent_state(events, NEARBY, channel=channel, sender=sender, now=now).is_live
            }
            if not agreed:  # else every fence around would be looked at in vain
                return ()

            def may_be_sent(campaign: Campaign) -> bool:
                return (campaign.channel, campaign.sender) in agreed

            found = _live_fences(world, position, now, most, may_be_sent)
            return tuple(_regions(phone.tenant_id, found))


def _is_due(before: _Told, position: Position, now: datetime) -> bool:
    return now - before.looked_at >= _AGAIN or between_m(before.position, position) >= _FAR_M


def _live_fences(
    world: World, position: Position, now: datetime, most: int, may_be_sent: _MayBeSent
) -> list[tuple[Geofence, str]]:
    """The nearest fences of running campaigns with the names of their shops."""
    asked = 2 * most
    while True:
        near = world.geofences.nearest(position, asked)
        live = [
            (geofence, world.shops[campaign.shop_id].name)
            for geofence, away_m in near
            if away_m <= _FARTHEST_M and world.sensitive.over(geofence) is None
            if (campaign := _running(world, geofence, now, may_be_sent)) is not None
        ]
        if len(live) >= most or len(near) < asked or near[-1][1] > _FARTHEST_M:
            return live[:most]
        asked *= 4


def _running(world: World, geofence: Geofence, now: datetime, may_be_sent: _MayBeSent) -> Campaign | None:
    """The first campaign by id that could send something to whoever is there."""
    campaigns = (each for trigger in _BY_PRESENCE for each in world.campaigns.triggered(trigger, geofence))
    return next((each for each in campaigns if _is_on(each, now) and may_be_sent(each)), None)


def _is_on(campaign: Campaign, now: datetime) -> bool:
    has_begun = campaign.active_from is None or campaign.active_from <= now
    has_ended = campaign.active_until is not None and campaign.active_until <= now
    return campaign.state is CampaignState.ACTIVE and has_begun and not has_ended


def _regions(tenant_id: TenantId, found: Sequence[tuple[Geofence, str]]) -> Iterator[Region]:
    """Circles, each with a number and a name that no other has. By id: the order of what is near says nothing."""
    numbers: set[int] = set()
    names: dict[str, int] = {}
    for geofence, shop in sorted(found, key=lambda each: each[0].id):
        hashed = sha256(f"{tenant_id}|{geofence.id}".encode()).hexdigest()
        number = _FIRST_NUMBER + int(hashed[:15], 16) % _NUMBERS
        while number in numbers:
            number += 1
        numbers.add(number)
        name = _public(shop)
        names[name] = names.get(name, 0) + 1
        circle = covering_circle(geofence)
        yield Region(
            id=hashed[:12],
            number=number,
            name=name if names[name] == 1 else f"{name} ({names[name]})",
            lat=round(circle.center.lat_deg, 7),
            lon=round(circle.center.lon_deg, 7),
            radius_m=int(circle.radius_m) + 1,
        )


def _public(name: str) -> str:
    """A shop's name as it may stand on a locked screen; a colon would make a beacon of it."""
    plain = "".join(letter if letter.isprintable() else " " for letter in name.replace(":", " "))
    return " ".join(plain.split())[:_LONGEST_NAME].strip() or "Shop"
