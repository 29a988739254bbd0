"""Where an address is, as far as one service that knows addresses can tell."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from nearcast.domain.errors import Conflict, InvalidInput
from nearcast.domain.position import Position
from nearcast.geo.geodesy import distance_m

_ONE_PLACE_M = 50.0  # a house, its door and the shop in it are one place
_MOST_LISTED = 5
_LONGEST = 500
_PLACE = "properties.address"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A place that an address may mean, in the words of whoever found it."""

    label: str
    position: Position


class Geocoder(Protocol):
    """What looks addresses up."""

    def find(self, address: str) -> Sequence[Candidate]:
        """What it may mean, the likeliest first. GeocoderUnavailable where there is no usable answer."""


class GeocoderUnavailable(Conflict):
    """The service that looks addresses up does not answer. Nothing was changed."""

    code = "geocoder_unavailable"


def locate(geocoder: Geocoder | None, address: object) -> Position:
    """The one place that an address means. InvalidInput where there is none, or several more than 50 m apart, which it
    lists; or where no geocoder is set up.
    """
    if not isinstance(address, str) or not 0 < len(address.strip()) <= _LONGEST:
        raise InvalidInput(f"is not an address, a text of at most {_LONGEST} characters", place=_PLACE)
    if geocoder is None:
        raise InvalidInput("no addresses can be looked up here: NEARCAST_GEOCODER_URL is not set", place=_PLACE)
    found = geocoder.find(address.strip())
    if not found:
        raise InvalidInput("no such address was found", place=_PLACE)
    if _are_one_place(found):
        return found[0].position
    listed = "; ".join(_described(each) for each in found[:_MOST_LISTED])
    raise InvalidInput(f"may mean several places, say more of it or give a Point: {listed}", place=_PLACE)


def _are_one_place(found: Sequence[Candidate]) -> bool:
    lat, lon = (np.array([getattr(each.position, axis) for each in found]) for axis in ("lat_deg", "lon_deg"))
    return bool((distance_m(np.full_like(lat, lat[0]), np.full_like(lon, lon[0]), lat, lon) <= _ONE_PLACE_M).all())


def _described(candidate: Candidate) -> str:
    at = candidate.position
    return f"{candidate.label[:120]} (lon {round(at.lon_deg, 6)}, lat {round(at.lat_deg, 6)})"
