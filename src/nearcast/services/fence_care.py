"""What is worth knowing of a geofence when it is drawn: can phones be noticed there, what lies beside it, is it where
it was meant to be, could it be plainer. Nothing of it forbids anything.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from nearcast.domain.customer import Shop
from nearcast.domain.geofence import Geofence
from nearcast.domain.position import Position
from nearcast.geo.ground import area_m2, middle_of
from nearcast.geo.margins import between_m, signed_distance_m
from nearcast.geo.overlaps import Grounds, Neighbour, Relation
from nearcast.geo.reliability import INDOOR_ACCURACY_M, STREET_ACCURACY_M, Band, Reliability, reliability, sigma_m
from nearcast.geo.rings import geometry_of
from nearcast.geo.simplify import simplified
from nearcast.geo.zones import zone_of

FAR_M = 50_000.0
CONFUSABLE_M = 2.0 * sigma_m(STREET_ACCURACY_M)
"""Two standard deviations on the street, some 26 m: so near, a visitor of one geofence is seen in the other."""
MOST_COMPARED = 1000
_MOST_LISTED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What lies about a geofence: its shop, and other geofences that may touch it. `may_see` tells whether whoever asks
    may know of what belongs to a shop.
    """

    shop: Shop | None = None
    neighbours: Sequence[Geofence] = ()
    may_see: Callable[[str | None], bool] = field(default=lambda shop_id: True)


def care_for(geofence: Geofence, about: Surroundings, now: datetime, *, repaired: Sequence[str] = ()) -> dict[str, Any]:
    """The member `care` of an answered Feature. At most 1,000 neighbours are compared, the first by id, and at most 20
    listed; of what the asker may not see, only the number is said.
    """
    compared = sorted(about.neighbours, key=lambda each: each.id)[:MOST_COMPARED]
    near = Grounds(compared).neighbours(geofence, CONFUSABLE_M)
    over = [each for each in near if each.relation is not Relation.BESIDE]
    theirs = [each for each in over if about.may_see(each.geofence.shop_id)]
    found, size_m2 = reliability(geofence), area_m2(geofence)
    return {
        "area_m2": None if size_m2 is None else round(size_m2, 1),
        "reliability": _reliability(found, sum(each.geofence.shop_id != geofence.shop_id for each in near)),
        "warnings": [*_of_size(found), *_of_place(geofence, about.shop, now), *_of_twins(theirs)],
        "overlaps": {
            "items": [_overlap(each) for each in theirs[:_MOST_LISTED]],
            "more": max(len(theirs) - _MOST_LISTED, 0),
            "of_others": len(over) - len(theirs),
            "not_compared": len(about.neighbours) - len(compared),
        },
        "repaired": list(repaired),
        "simplified": _simplified(geofence),
    }


_ADVICE = {
    Band.GOOD: "Phones are noticed here reliably.",
    Band.FAIR: "Some visitors will be noticed late or not at all. {wider}",
    Band.POOR: "Most visitors will not be noticed: phones do not know their place well enough for a geofence so small."
    " {wider}",
}


def _reliability(found: Reliability, confusable: int) -> dict[str, Any]:
    radius_m = found.suggested_radius_m
    reason = (
        f"Its depth is {found.depth_m:.0f} m. A phone's first fixes show it inside with a chance of"
        f" {_percent(found.street)} on the street (fixes good to {STREET_ACCURACY_M:.0f} m) and"
        f" {_percent(found.indoors)} indoors ({INDOOR_ACCURACY_M:.0f} m)."
    )
    if confusable:
        near = "1 geofence of another shop is" if confusable == 1 else f"{confusable} geofences of other shops are"
        reason += f" {near} within {CONFUSABLE_M:.0f} m: a visitor of one can be seen in the other."
    return {
        "score": round(found.score, 3),
        "band": found.band.value,
        "street": round(found.street, 3),
        "indoors": round(found.indoors, 3),
        "depth_m": round(found.depth_m, 1),
        "suggested_radius_m": radius_m,
        "confusable": confusable,
        "reason": reason,
        "advice": _ADVICE[found.band].format(
            wider=f"A circle of {radius_m:.0f} m or more is reliable." if radius_m else ""
        ),
    }


def _percent(chance: float) -> str:
    return f"{chance * 100:.0f} %"


def _warning(code: str, message: str) -> dict[str, str]:
    return {"code": code, "message": message}


def _of_size(found: Reliability) -> list[dict[str, str]]:
    if found.band is not Band.POOR:
        return []
    wider = f"a radius of {found.suggested_radius_m:.0f} m is reliable"
    return [_warning("low_reliability", f"Phones will often not be noticed in it: {wider}.")]


def _of_twins(over: Sequence[Neighbour]) -> list[dict[str, str]]:
    twins = [each.geofence.id for each in over if each.relation is Relation.SAME]
    if not twins:
        return []
    others = f" and {len(twins) - 1} more" if len(twins) > 1 else ""
    return [_warning("same_ground", f"Geofence {twins[0]!r}{others} has the same ground.")]


def _of_place(geofence: Geofence, shop: Shop | None, now: datetime) -> list[dict[str, str]]:
    """Whether it lies far from its shop, as it does where longitude and latitude were swapped."""
    if shop is None:
        return []
    middle = middle_of(geofence)
    swapped = Position(middle.lon_deg, middle.lat_deg) if abs(middle.lon_deg) <= 90.0 else None
    if shop.position is not None:
        if signed_distance_m(geofence, shop.position) <= FAR_M:
            return []
        fits = swapped is not None and between_m(swapped, shop.position) <= FAR_M
        return [_warning("far_from_shop", f"It is more than 50 km from its shop.{_SWAPPED if fits else ''}")]
    zone = zone_of(middle)
    if zone is not None and _same_time(zone, shop.zone, now):
        return []
    there = None if swapped is None else zone_of(swapped)
    fits = there is not None and _same_time(there, shop.zone, now)
    where = f"in time zone {zone.key}" if zone else "on the open sea"
    return [_warning("other_zone", f"It lies {where}, its shop in {shop.zone.key}.{_SWAPPED if fits else ''}")]


_SWAPPED = " With longitude and latitude swapped it would fit: GeoJSON has longitude first."


def _same_time(zone: ZoneInfo, other: ZoneInfo, now: datetime) -> bool:
    """Neighbouring countries have zones of their own that tell the same time."""
    return now.astimezone(zone).utcoffset() == now.astimezone(other).utcoffset()


def _overlap(neighbour: Neighbour) -> dict[str, Any]:
    other = neighbour.geofence
    return {
        "geofence_id": other.id,
        "name": other.name,
        "shop_id": other.shop_id,
        "relation": neighbour.relation.value,
        "share": round(neighbour.share, 3),
    }


def _simplified(geofence: Geofence) -> dict[str, Any] | None:
    offer = simplified(geofence)
    if offer is None:
        return None
    return {
        "vertices_before": offer.vertices_before,
        "vertices_after": offer.vertices_after,
        "changed": round(offer.changed, 6),
        "geometry": geometry_of(offer.area),
    }
