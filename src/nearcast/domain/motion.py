"""How fast somebody must have moved from fix to fix, and what to make of a fix that nobody can have moved to."""

import math

from nearcast.domain.ping import Fix
from nearcast.domain.position import LARGEST_RADIUS_M, Position
from nearcast.domain.visit import Ground


def is_jump(start: Fix, end: Fix, *, ground: Ground, max_speed_mps: float) -> bool:
    """Whether the way from fix to fix asks for more than the highest speed; at one instant any way does."""
    reach_m = max_speed_mps * (end.at - start.at).total_seconds()
    return is_too_far(start.position, end.position, ground=ground, reach_m=reach_m)


def is_too_far(start: Position, end: Position, *, ground: Ground, reach_m: float) -> bool:
    """Whether one position is farther from the other than that."""
    return _at_most_m(start, end) > reach_m and ground.distance_m(start, end) > reach_m


def agrees(quarantined: Fix, fix: Fix, *, accepted: Fix, ground: Ground, max_speed_mps: float) -> bool:
    """Whether the fix after a jump says that the jump was real: one can have come from there, and it lies no nearer to
    the place before the jump, as that of somebody who never left does.
    """
    if is_jump(quarantined, fix, ground=ground, max_speed_mps=max_speed_mps):
        return False
    back_m = ground.distance_m(accepted.position, fix.position)
    return ground.distance_m(quarantined.position, fix.position) <= back_m


def _at_most_m(start: Position, end: Position) -> float:
    """Never shorter than the geodesic: the way straight in lon/lat on the larger sphere, along its widest parallel."""
    d_lat = math.radians(end.lat_deg - start.lat_deg)
    d_lon = math.radians(abs(end.lon_deg - start.lon_deg))
    if d_lon > math.pi:
        d_lon = 2.0 * math.pi - d_lon
    crosses_equator = start.lat_deg * end.lat_deg < 0.0
    nearest_equator = 0.0 if crosses_equator else min(abs(start.lat_deg), abs(end.lat_deg))
    return LARGEST_RADIUS_M * math.hypot(d_lat, d_lon * math.cos(math.radians(nearest_equator)))
