"""Which campaigns get in each other's way: on ground that they share, at a time when both run, for the same people."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from typing import TypeAlias

from nearcast.domain.arbitration import Entry, foreseen
from nearcast.domain.campaign import Campaign, CampaignState
from nearcast.domain.errors import InvalidInput
from nearcast.domain.geofence import Geofence
from nearcast.domain.ids import CampaignId, GeofenceId, ShopId
from nearcast.geo.touching import Touching
from nearcast.services.access import Principal
from nearcast.services.engines import Engines
from nearcast.services.ports import Page
from nearcast.services.world import World

_A_WEEK = timedelta(days=8)  # in which every daypart comes round, clock changes or not
_GEOFENCES_LISTED = 20
_Pair: TypeAlias = tuple[CampaignId, CampaignId]


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two campaigns, by id, that compete wherever a customer is in both of `geofences`, of which the first are listed.

    `from_` is the first instant at which both may send. `winner_id` is None where it depends on the customer.
    """

    campaign_ids: tuple[CampaignId, CampaignId]
    geofences: list[tuple[GeofenceId, GeofenceId]]
    more_geofences: int
    from_: datetime
    same_channel: bool
    winner_id: CampaignId | None
    decided_by: str


class Conflicts:
    """The conflict view of operators."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines

    def page(
        self,
        asker: Principal,
        now: datetime,
        *,
        campaign_id: CampaignId | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page[Conflict]:
        """Conflicts from `now` on by their campaigns' ids, those of one campaign where it is named."""
        with self._engines.of(asker.tenant_id) as engine:
            world = engine.world()
            found = [each for each in conflicts(world, now) if campaign_id is None or campaign_id in each.campaign_ids]
        start = _place(cursor)
        more = len(found) > start + limit
        return Page(found[start : start + limit], str(start + limit) if more else None)


def _place(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 10):
        raise InvalidInput(f"{cursor[:40]!r} is not a cursor of this list", place="cursor")
    return int(cursor)


def conflicts(world: World, now: datetime) -> Iterator[Conflict]:
    """Every pair of campaigns that have not ended and get in each other's way from `now` on, drafts and paused ones
    too, by their ids.
    """
    campaigns = world.campaigns.by_id
    for (one_id, other_id), shared in sorted(_shared_ground(world, now).items()):
        one, other = campaigns[one_id], campaigns[other_id]
        at = _first_common(world, one, other, now) if _share_people(one, other) else None
        if at is None:
            continue
        mine, theirs = (Entry(each, world.shops[each.shop_id]) for each in (one, other))
        winner_id, decided_by = foreseen(mine, theirs, world.tenant.policy.priorities)
        yield Conflict(
            campaign_ids=(one_id, other_id),
            geofences=sorted(shared)[:_GEOFENCES_LISTED],
            more_geofences=max(len(shared) - _GEOFENCES_LISTED, 0),
            from_=at,
            same_channel=one.channel == other.channel,
            winner_id=winner_id,
            decided_by=decided_by.value,
        )


def _shared_ground(world: World, now: datetime) -> dict[_Pair, list[tuple[GeofenceId, GeofenceId]]]:
    """By pairs of campaigns: a geofence of the one and a geofence of the other that share ground, or are the same."""
    users = _campaigns_by_geofence(world, now)
    index = Touching([geofence for geofence, _ in users.values()])
    found: dict[_Pair, list[tuple[GeofenceId, GeofenceId]]] = {}
    for geofence, mine in users.values():
        for other in index.touched_by(geofence):
            for one_id, other_id in product(mine, users[other.id][1]):
                if one_id < other_id:
                    found.setdefault((one_id, other_id), []).append((geofence.id, other.id))
    return found


def _campaigns_by_geofence(world: World, now: datetime) -> dict[GeofenceId, tuple[Geofence, list[CampaignId]]]:
    in_force = {geofence.id: geofence for geofence in world.geofences.all_in_force(now)}
    of_shop: dict[ShopId | None, list[GeofenceId]] = {}
    for geofence in in_force.values():
        of_shop.setdefault(geofence.shop_id, []).append(geofence.id)
    found: dict[GeofenceId, tuple[Geofence, list[CampaignId]]] = {}
    for campaign in world.campaigns.by_id.values():
        is_over = campaign.active_until is not None and campaign.active_until <= now
        if campaign.state is CampaignState.ENDED or is_over:
            continue
        ids = of_shop.get(campaign.shop_id, []) if campaign.geofence_ids is None else campaign.geofence_ids
        for key in in_force.keys() & ids:
            found.setdefault(key, (in_force[key], []))[1].append(campaign.id)
    return found


def _first_common(world: World, one: Campaign, other: Campaign, now: datetime) -> datetime | None:
    """The first instant at which both run; None where there is none within a week of the later one's beginning."""
    start = max(at for at in (now, one.active_from, other.active_from) if at is not None)
    ends = (start + _A_WEEK, one.active_until, other.active_until)
    end = min(at for at in ends if at is not None)
    if start >= end:
        return None
    mine, theirs = (_spans(world, each, start, end) for each in (one, other))
    common = ((max(a[0], b[0]), min(a[1], b[1])) for a, b in product(mine, theirs))
    return min((first for first, last in common if first < last), default=None)


def _spans(world: World, campaign: Campaign, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    if campaign.dayparts is None:
        return [(start, end)]
    zone = world.shops[campaign.shop_id].zone
    return [(max(first, start), min(last, end)) for first, last in campaign.dayparts.spans(start, end, zone)]


def _share_people(one: Campaign, other: Campaign) -> bool:
    """Whether any set of tags fits both audiences."""
    for this, that in ((one, other), (other, one)):
        if this.audience_all & that.audience_none:
            return False
        if this.audience_any and this.audience_any <= (that.audience_none | this.audience_none):
            return False
    return True
