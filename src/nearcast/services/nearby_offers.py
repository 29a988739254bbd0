"""The offers nearest to a place, for somebody who asks.

An answer to a question is no message that a campaign sends: hold-outs, caps, quiet hours and budgets have no say in it,
and consent to being located is not asked for. The person says themselves where they are, once; the place is compared
with where shops stand, and not kept.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from nearcast.domain.campaign import Campaign, CampaignState
from nearcast.domain.customer import Shop
from nearcast.domain.position import Position
from nearcast.services.deciding import distances_m
from nearcast.services.voucher_codes import until
from nearcast.services.world import World

NEAREST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class NearOffer:
    """A live offer. A shop that `is_open` closes at `open_until`, if it ever does; another opens at `opens_at`, if that
    is known. `holds_until` is when the campaign stops being one, None for no end.
    """

    campaign: Campaign
    shop: Shop
    distance_m: float
    open_until: datetime | None
    opens_at: datetime | None
    is_open: bool
    holds_until: datetime | None


def nearest_offers(world: World, position: Position, now: datetime, *, count: int = NEAREST) -> list[NearOffer]:
    """So many live offers, the nearest first; of one shop those that go before others. Distances are geodesic, to where
    shops stand: one without a place is nowhere near. An offer for some customers alone is for nobody who asks.
    """
    live = [(campaign, world.shops[campaign.shop_id]) for campaign in world.campaigns.by_id.values()]
    live = [(campaign, shop) for campaign, shop in live if _is_live(campaign, shop, now)]
    placed = [(campaign, shop, shop.position) for campaign, shop in live if shop.position is not None]
    away_m = distances_m(position, [place for _, _, place in placed])
    found = sorted(zip(away_m, placed, strict=True), key=lambda each: (each[0], -each[1][0].precedence, each[1][0].id))
    return [_near_offer(campaign, shop, metres, now) for metres, (campaign, shop, _) in found[:count]]


def live_offer(world: World, campaign: Campaign, now: datetime) -> NearOffer | None:
    """A campaign's offer, from nowhere in particular; None where it is not live."""
    shop = world.shops[campaign.shop_id]
    return _near_offer(campaign, shop, 0.0, now) if _is_live(campaign, shop, now) else None


def offer_text(offer: NearOffer, now: datetime) -> str:
    """What an offer says to somebody of whom nothing is known, by the clock of its shop. What is promised with a code
    is named instead of the code.
    """
    ends = [at for at in (offer.holds_until, offer.open_until) if at is not None]
    ends_at = min(ends).astimezone(offer.shop.zone) if ends else None
    said = offer.campaign.offer
    values = {
        "shop.name": offer.shop.name,
        "expires_at": "" if ends_at is None else until(ends_at, now.astimezone(offer.shop.zone)),
        "voucher.code": said.voucher.title if said.voucher else "",
    }
    return " ".join(said.render(values).split())


def _is_live(campaign: Campaign, shop: Shop, now: datetime) -> bool:
    if campaign.state is not CampaignState.ACTIVE or campaign.audience_any or campaign.audience_all:
        return False
    begun = campaign.active_from is None or campaign.active_from <= now
    over = campaign.active_until is not None and campaign.active_until <= now
    return begun and not over and (campaign.dayparts is None or campaign.dayparts.covers(now, shop.zone))


def _near_offer(campaign: Campaign, shop: Shop, metres: float, now: datetime) -> NearOffer:
    is_always = shop.opening_hours is None and not shop.closed_on and not shop.hours_on
    open_until = None if is_always else shop.hours.until(now, shop.zone)
    is_open = is_always or open_until is not None
    return NearOffer(
        campaign=campaign,
        shop=shop,
        distance_m=metres,
        open_until=open_until,
        is_open=is_open,
        opens_at=None if is_open else shop.hours.next_start(now, shop.zone),
        holds_until=min(_ends(campaign, shop, now), default=None),
    )


def _ends(campaign: Campaign, shop: Shop, now: datetime) -> Iterator[datetime]:
    if campaign.active_until is not None:
        yield campaign.active_until
    if campaign.dayparts is not None and (end := campaign.dayparts.until(now, shop.zone)) is not None:
        yield end
