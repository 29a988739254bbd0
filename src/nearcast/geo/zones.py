"""The time zone at a position."""

from functools import cache
from zoneinfo import available_timezones

import tzfpy

from nearcast.domain.position import Position


def zone_at(position: Position) -> str | None:
    """The zone's IANA name; None on the open sea, where zones are mere bands, and where zoneinfo lacks the name."""
    name = tzfpy.get_tz(position.lon_deg, position.lat_deg)
    return name if name in _land_zones() else None


@cache
def _land_zones() -> frozenset[str]:
    return frozenset(name for name in available_timezones() if not name.startswith("Etc/"))
