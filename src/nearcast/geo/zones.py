"""The time zone at a position."""

from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

import tzfpy

from nearcast.domain.local_time import zone
from nearcast.domain.position import Position


def get_ready() -> None:
    """Load the map of the zones: whoever asks first would wait for it."""
    tzfpy.get_tz(0.0, 0.0)


@lru_cache(maxsize=65_536)
def zone_of(position: Position) -> ZoneInfo | None:
    """The time zone at a position; None at sea."""
    name = zone_at(position)
    return zone(name) if name else None


def zone_at(position: Position) -> str | None:
    """The zone's IANA name; None on the open sea, where zones are mere bands, and where zoneinfo lacks the name."""
    name = tzfpy.get_tz(position.lon_deg, position.lat_deg)
    return name if name in _land_zones() else None


@cache
def _land_zones() -> frozenset[str]:
    return frozenset(name for name in available_timezones() if not name.startswith("Etc/"))
