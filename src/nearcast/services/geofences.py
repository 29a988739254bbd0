"""The geofences of a tenant with all their revisions: who is inside now, and who was inside then."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np

from nearcast.domain.geofence import Geofence
from nearcast.domain.ids import GeofenceId, ShopId
from nearcast.domain.local_time import LocalHours
from nearcast.domain.ping import Fix
from nearcast.domain.position import Position
from nearcast.domain.visit import BEGINNING, TransitionReason
from nearcast.geo import margins, oracle
from nearcast.geo.batch import Floats, Ints
from nearcast.geo.matcher import FenceIndex
from nearcast.services.instants import as_instant, as_us


class GeofenceBook:
    """Edits happen in time order. What it says of an instant takes the revisions in force at that instant."""

    def __init__(self, geofences: Iterable[Geofence], zone_of_shop: Callable[[ShopId | None], ZoneInfo]) -> None:
        first = list(geofences)
        self._index = FenceIndex(first)
        self.zone_of_shop = zone_of_shop
        self._revisions: dict[GeofenceId, list[tuple[datetime, Geofence | None]]] = {
            geofence.id: [(BEGINNING, geofence)] for geofence in first
        }
        self._edits: list[tuple[datetime, GeofenceId]] = []

    def read_hours_of(self, other: "GeofenceBook") -> None:
        """Read active hours by the same shops' clocks as another book does."""
        self.zone_of_shop = other.zone_of_shop

    def __len__(self) -> int:
        return len(self._index)

    def __contains__(self, geofence_id: GeofenceId) -> bool:
        return geofence_id in self._revisions

    def all_revisions(self) -> Iterator[Geofence]:
        """Every geofence there ever was, each revision once."""
        return (geofence for known in self._revisions.values() for _, geofence in known if geofence is not None)

    def all_in_force(self, instant: datetime) -> Iterator[Geofence]:
        """Every geofence as it stands at an instant."""
        return (geofence for key in self._revisions if (geofence := self.at(key, instant)) is not None)

    def load(self, edits: Iterable[tuple[datetime, Geofence | GeofenceId]]) -> None:
        """All edits of a book that has none, at once: a geofence is put, one that is named deleted."""
        in_force: dict[GeofenceId, Geofence] = {}
        for at, edit in edits:
            if isinstance(edit, Geofence):
                in_force[edit.id] = self._note_put(edit, at)
            elif in_force.pop(edit, None) is not None:
                self._note_delete(edit, at)
        self._index = FenceIndex(in_force.values())

    def put(self, geofence: Geofence, at: datetime) -> None:
        """A new geofence, or the next revision of one."""
        self._index.put(self._note_put(geofence, at))

    def delete(self, geofence_id: GeofenceId, at: datetime) -> bool:
        """Whether there was one to delete."""
        if self.at(geofence_id, at) is None:
            return False
        self._note_delete(geofence_id, at)
        self._index.delete(geofence_id)
        return True

    def _note_put(self, geofence: Geofence, at: datetime) -> Geofence:
        known = self._revisions.setdefault(geofence.id, [])
        last = max((revision.revision for _, revision in known if revision is not None), default=0)
        revision = replace(geofence, revision=last + 1)
        known.append((at, revision))
        self._edits.append((at, geofence.id))
        return revision

    def _note_delete(self, geofence_id: GeofenceId, at: datetime) -> None:
        self._revisions[geofence_id].append((at, None))
        self._edits.append((at, geofence_id))

    def at(self, geofence_id: GeofenceId, instant: datetime) -> Geofence | None:
        found: Geofence | None = None
        for since, geofence in self._revisions.get(geofence_id, ()):
            if since > instant:
                break
            found = geofence
        return found

    def ended(
        self, geofence_id: GeofenceId, after: datetime, until: datetime
    ) -> tuple[datetime, TransitionReason] | None:
        revisions = self._revisions.get(geofence_id, [])
        if len(revisions) == 1 and revisions[0][1] is not None and revisions[0][1].active_hours is None:
            return None
        later = [(since, geofence) for since, geofence in revisions if after < since <= until]
        for (since, geofence), (end, _) in pairwise([(after, self.at(geofence_id, after)), *later, (until, None)]):
            if geofence is None:
                return (since, TransitionReason.FENCE_DELETED) if since > after else None
            if geofence.active_hours is None:
                continue
            hours = LocalHours(geofence.active_hours.windows)
            inactive_at = hours.until(since, self.zone_of_shop(geofence.shop_id)) or since
            if inactive_at <= end:
                return inactive_at, TransitionReason.INACTIVE
        return None

    def covers(self, geofence: Geofence, position: Position) -> bool:
        return oracle.covers(geofence, position)

    def crossed(self, start: Fix, end: Fix, within_m: float) -> list[tuple[GeofenceId, float]]:
        a, b = start.position, end.position
        if self.distance_m(a, b) > within_m:
            return []
        found = []
        for geofence in self._index.between(a, b):
            span = oracle.crossing(geofence, a, b)
            if span is not None and geofence.id not in start.inside | end.inside:
                found.append((geofence.id, sum(span) / 2))
        return sorted(found)

    def distance_m(self, start: Position, end: Position) -> float:
        return margins.between_m(start, end)

    def clearance_m(self, geofence: Geofence, position: Position) -> float:
        return margins.signed_distance_m(geofence, position)

    def depth_m(self, geofence: Geofence) -> float:
        return margins.depth_m(geofence)

    def meeting(self, west_deg: float, south_deg: float, east_deg: float, north_deg: float) -> list[Geofence]:
        """Those in force now whose boxes meet that one, whose sides may run on beyond ±180 and ±90."""
        return self._index.meeting(np.array([west_deg, south_deg, east_deg, north_deg]))

    def nearest(self, position: Position, count: int) -> list[tuple[Geofence, float]]:
        """So many of those in force now, the nearest first, and how far each is in metres."""
        return self._index.nearest(position, count)

    def inside(self, lat_deg: Floats, lon_deg: Floats, at_us: Ints) -> dict[int, frozenset[GeofenceId]]:
        """For each row that lies inside any geofence in force at its instant: which."""
        pairs = self._index.match(lat_deg, lon_deg)
        found: dict[int, set[GeofenceId]] = {}
        for row, slot in zip(pairs.ping_row.tolist(), pairs.slot.tolist(), strict=True):
            found.setdefault(row, set()).add(self._index.geofence(slot).id)
        if self._edits:
            self._as_of_then(found, lat_deg, lon_deg, at_us)
        return {row: kept for row, ids in found.items() if (kept := self._active(ids, as_instant(int(at_us[row]))))}

    def _as_of_then(self, found: dict[int, set[GeofenceId]], lat_deg: Floats, lon_deg: Floats, at_us: Ints) -> None:
        last_edit_us = as_us(self._edits[-1][0])
        for row in np.flatnonzero(at_us < last_edit_us).tolist():
            instant = as_instant(int(at_us[row]))
            first = bisect_right(self._edits, instant, key=lambda edit: edit[0])
            for geofence_id in {edited for _, edited in self._edits[first:]}:
                then = self.at(geofence_id, instant)
                ids = found.setdefault(row, set())
                if then is not None and self.covers(then, Position(float(lat_deg[row]), float(lon_deg[row]))):
                    ids.add(geofence_id)
                else:
                    ids.discard(geofence_id)

    def _active(self, ids: set[GeofenceId], instant: datetime) -> frozenset[GeofenceId]:
        return frozenset(geofence_id for geofence_id in ids if self._is_active(geofence_id, instant))

    def _is_active(self, geofence_id: GeofenceId, instant: datetime) -> bool:
        geofence = self.at(geofence_id, instant)
        if geofence is None or geofence.active_hours is None:
            return geofence is not None
        hours = LocalHours(geofence.active_hours.windows)
        return hours.covers(instant, self.zone_of_shop(geofence.shop_id))
