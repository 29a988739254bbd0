"""A geofence: the ground that a shop means by "near"."""

import math
from dataclasses import dataclass
from typing import TypeAlias

from nearcast.domain.errors import InvalidGeofence
from nearcast.domain.ids import GeofenceId, ShopId
from nearcast.domain.opening_hours import OpeningHours
from nearcast.domain.position import Position

MAX_RADIUS_M = 20_004_000.0  # half a meridian: a larger circle would be the whole earth


@dataclass(frozen=True, slots=True)
class Circle:
    """Every place whose WGS 84 geodesic distance from the centre is at most `radius_m`."""

    center: Position
    radius_m: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.radius_m) and 0 < self.radius_m <= MAX_RADIUS_M):
            raise InvalidGeofence(f"radius_m {self.radius_m!r} is not in 0…{MAX_RADIUS_M:.0f} metres")


@dataclass(frozen=True, slots=True)
class Area:
    """A valid Polygon or MultiPolygon as little-endian WKB; edges are straight in lon/lat, the boundary is inside.

    Longitudes are unwrapped: no edge jumps at ±180, so a ring across the antimeridian runs on beyond it.
    """

    wkb: bytes


Boundary: TypeAlias = Circle | Area


@dataclass(frozen=True, slots=True, kw_only=True)
class Geofence:
    """One revision of a geofence. `dwell_s` beats the profile's; `active_hours` are the shop's local hours."""

    id: GeofenceId
    boundary: Boundary
    shop_id: ShopId | None = None
    name: str | None = None
    dwell_s: float | None = None
    tags: tuple[str, ...] = ()
    active_hours: OpeningHours | None = None
    revision: int = 1
