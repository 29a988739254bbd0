"""A place on the earth, WGS 84."""

import math

from nearcast.domain.errors import InvalidInput
from nearcast.domain.value import value

MAX_LON_DEG = 540.0
LARGEST_RADIUS_M = 6_399_594.0
"""Of curvature on WGS 84: a²/b, at the poles, rounded up. No geodesic is longer than on a sphere of this radius."""


def wrap_lon_deg(lon_deg: float) -> float:
    """The same meridian in [-180, 180).

    >>> wrap_lon_deg(180.0), wrap_lon_deg(539.95), wrap_lon_deg(-179.5)
    (-180.0, 179.95000000000005, -179.5)
    """
    while lon_deg >= 180.0:  # a sum of 360 is exact where a remainder rounds
        lon_deg -= 360.0
    while lon_deg < -180.0:
        lon_deg += 360.0
    return lon_deg


@value
class Position:
    """Latitude in [-90, 90], longitude in [-540, 540] and wrapped to [-180, 180); at a pole it means nothing."""

    lat_deg: float
    lon_deg: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.lat_deg) and abs(self.lat_deg) <= 90.0):
            raise InvalidInput(f"latitude {self.lat_deg!r} is not in -90…90")
        if not (math.isfinite(self.lon_deg) and abs(self.lon_deg) <= MAX_LON_DEG):
            raise InvalidInput(f"longitude {self.lon_deg!r} is not in -540…540")
        object.__setattr__(self, "lon_deg", wrap_lon_deg(self.lon_deg))
