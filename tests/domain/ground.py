"""A plain ground for visits: squares in degrees, where a degree is a metre, with all their revisions."""

import math
import struct
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from nearcast.domain.geofence import Area, Geofence
from nearcast.domain.ids import GeofenceId
from nearcast.domain.ping import Fix
from nearcast.domain.position import Position
from nearcast.domain.visit import TransitionReason
from tests.domain.builders import NOON, later

BEFORE = datetime.min.replace(tzinfo=NOON.tzinfo)


def square(
    geofence_id: str, west: float, east: float, south: float = -1.0, north: float = 1.0, **more: Any
) -> Geofence:
    return Geofence(id=GeofenceId(geofence_id), boundary=Area(struct.pack("<4d", west, east, south, north)), **more)


def _sides(geofence: Geofence) -> tuple[float, float, float, float]:
    assert isinstance(geofence.boundary, Area)
    west, east, south, north = struct.unpack("<4d", geofence.boundary.wkb)
    return west, east, south, north


class Squares:
    """Geofences and what became of them; seconds count from NOON."""

    def __init__(self, *geofences: Geofence) -> None:
        self.revisions: dict[str, list[tuple[datetime, Geofence | None]]] = {
            geofence.id: [(BEFORE, geofence)] for geofence in geofences
        }
        self.closes_at: dict[str, datetime] = {}

    def put(self, second: float, geofence: Geofence) -> None:
        self.revisions.setdefault(geofence.id, []).append((later(second), geofence))

    def delete(self, second: float, geofence_id: str) -> None:
        self.revisions[geofence_id].append((later(second), None))

    def close(self, second: float, geofence_id: str) -> None:
        """Its active hours end then, for good."""
        self.closes_at[geofence_id] = later(second)

    def inside(self, at: datetime, position: Position) -> frozenset[GeofenceId]:
        in_force = (self.at(GeofenceId(name), at) for name in self.revisions if at < self.closes_at.get(name, LATEST))
        return frozenset(geofence.id for geofence in in_force if geofence and self.covers(geofence, position))

    def at(self, geofence_id: GeofenceId, instant: datetime) -> Geofence | None:
        found = [geofence for since, geofence in self.revisions.get(geofence_id, ()) if since <= instant]
        return found[-1] if found else None

    def ended(
        self, geofence_id: GeofenceId, after: datetime, until: datetime
    ) -> tuple[datetime, TransitionReason] | None:
        ends = [(at, TransitionReason.FENCE_DELETED) for at, g in self.revisions.get(geofence_id, ()) if g is None]
        if geofence_id in self.closes_at:
            ends.append((self.closes_at[geofence_id], TransitionReason.INACTIVE))
        return min((end for end in ends if after < end[0] <= until), default=None)

    def covers(self, geofence: Geofence, position: Position) -> bool:
        west, east, south, north = _sides(geofence)
        return west <= position.lon_deg <= east and south <= position.lat_deg <= north

    def distance_m(self, start: Position, end: Position) -> float:
        return math.hypot(end.lon_deg - start.lon_deg, end.lat_deg - start.lat_deg)

    def clearance_m(self, geofence: Geofence, position: Position) -> float:
        west, east, south, north = _sides(geofence)
        beyond = (west - position.lon_deg, position.lon_deg - east, south - position.lat_deg, position.lat_deg - north)
        outside_m = math.hypot(max(*beyond[:2], 0.0), max(*beyond[2:], 0.0))
        return outside_m or max(beyond)

    def depth_m(self, geofence: Geofence) -> float:
        west, east, south, north = _sides(geofence)
        return (east - west) * (north - south) / (east - west + north - south)

    def crossed(self, start: Fix, end: Fix, within_m: float) -> list[tuple[GeofenceId, float]]:
        a, b = start.position, end.position
        if math.hypot(b.lon_deg - a.lon_deg, b.lat_deg - a.lat_deg) > within_m:
            return []
        found = []
        for name in sorted(self.revisions):
            geofence = self.at(GeofenceId(name), end.at)
            if geofence is not None and name not in start.inside | end.inside:
                west, east, south, north = _sides(geofence)
                first, last = _part_within(((a.lon_deg, b.lon_deg, west, east), (a.lat_deg, b.lat_deg, south, north)))
                if first < last:
                    found.append((geofence.id, (first + last) / 2))
        return found


LATEST = datetime.max.replace(tzinfo=NOON.tzinfo)


def _part_within(axes: Iterable[tuple[float, float, float, float]]) -> tuple[float, float]:
    """Which fractions of the way lie between both pairs of sides; an empty span where none does."""
    first, last = 0.0, 1.0
    for start, end, low, high in axes:
        if start == end:
            if not low <= start <= high:
                return 1.0, 0.0
            continue
        enters, leaves = sorted(((low - start) / (end - start), (high - start) / (end - start)))
        first, last = max(first, enters), min(last, leaves)
    return first, last
