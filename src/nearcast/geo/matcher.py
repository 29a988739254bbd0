"""Which geofences is each ping in? Exact, in columns.

An R-tree says which boxes a point lies in, then the polygon or the geodesic itself decides. The R-tree library crashes
when one thread writes beside another that reads, and prepared polygons build their own indexes when first asked: so one
lock holds both, and threads take turns.
"""

from collections.abc import Iterable, Iterator
from threading import Lock
from typing import Any

import numpy as np
from rtree.index import Index, Property

from nearcast.domain.errors import InvalidGeofence
from nearcast.domain.geofence import Geofence
from nearcast.domain.ids import GeofenceId
from nearcast.domain.position import Position
from nearcast.geo.batch import Floats, Ints, Texts
from nearcast.geo.entries import Entries, boxes_in_view, entries_of, joined
from nearcast.geo.geodesy import canonical_points, straight_way
from nearcast.geo.pairs import Pairs

_NODE_CAPACITY = 16  # measured: half the time of the library's 100, for point queries
_CELLS_PER_DEGREE = 8.0  # points of a cell are asked together, while its branches are in the cache


class FenceIndex:
    """The geofences in force, each revision in a slot of its own.

    A slot keeps meaning the revision it was given for, even after that was replaced or deleted, so that pairs found
    earlier can still be read; the memory of old revisions is freed by building a new index.
    """

    def __init__(self, geofences: Iterable[Geofence] = ()) -> None:
        """InvalidGeofence where two geofences have the same id."""
        self._geofences = list(geofences)
        self._slot_of: dict[GeofenceId, int] = {}
        for slot, geofence in enumerate(self._geofences):
            if self._slot_of.setdefault(geofence.id, slot) != slot:
                raise InvalidGeofence(f"geofence id {geofence.id!r} occurs twice")
        self._entries = entries_of(self._geofences)
        self._tree = _tree(self._entries)
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._slot_of)

    def __iter__(self) -> Iterator[Geofence]:
        """The geofences in force, by slot."""
        with self._lock:
            slots = sorted(self._slot_of.values())
        return iter([self._geofences[slot] for slot in slots])

    def geofence(self, slot: int) -> Geofence:
        return self._geofences[slot]

    def geofence_id(self, slot: Ints) -> Texts:
        """The ids of the geofences in n slots."""
        return np.array([self._geofences[number].id for number in slot.tolist()], dtype=object)

    def get(self, geofence_id: GeofenceId) -> Geofence | None:
        """The revision in force."""
        slot = self._slot_of.get(geofence_id)
        return None if slot is None else self._geofences[slot]

    def put(self, geofence: Geofence) -> int:
        """Bring a geofence into force in place of any earlier revision; its slot."""
        with self._lock:
            self._remove(geofence.id)
            slot = len(self._geofences)
            self._geofences.append(geofence)
            self._slot_of[geofence.id] = slot
            added = entries_of([geofence], slot)
            for entry, box_deg in enumerate(added.box_deg, len(self._entries)):
                self._tree.insert(entry, box_deg)
            self._entries = joined(self._entries, added)
        return slot

    def delete(self, geofence_id: GeofenceId) -> Geofence | None:
        """Take a geofence out of force; what it was, or None where it was not in force."""
        with self._lock:
            slot = self._remove(geofence_id)
        return None if slot is None else self._geofences[slot]

    def match(self, lat_deg: Floats, lon_deg: Floats) -> Pairs:
        """Every pair of a point and a geofence in force that holds it; `ping_row` counts the n points given.

        A boundary is inside, a hole's too; longitudes up to ±540 wrap, and at a pole they mean nothing. InvalidInput
        names the first row that is not a place on the earth.
        """
        lat_deg, lon_deg = canonical_points(lat_deg, lon_deg)
        order = _by_neighbourhood(lat_deg, lon_deg)
        points = np.column_stack([lon_deg, lat_deg])[order]
        with self._lock:
            entry, count = self._tree.intersection_v(points, points)
            row = order.repeat(count.astype(np.int64))
            is_inside = self._entries.covers(entry, lat_deg[row], lon_deg[row])
            slot = self._entries.slot[entry[is_inside]]
        return Pairs.of(row[is_inside], slot)

    def between(self, a: Position, b: Position) -> list[Geofence]:
        """The geofences in force whose boxes meet that of the straight way from a to b, by slot: maybe crossed."""
        (start_lon, start_lat), (end_lon, end_lat) = straight_way(a, b)
        (west, east), (south, north) = sorted((start_lon, end_lon)), sorted((start_lat, end_lat))
        _, _, boxes_deg = boxes_in_view(np.array([[west, south, east, north]]))
        with self._lock:
            entry, _ = self._tree.intersection_v(boxes_deg[:, :2].copy(), boxes_deg[:, 2:].copy())
            slots = np.unique(self._entries.slot[entry])
        return [self._geofences[slot] for slot in slots.tolist()]

    def _remove(self, geofence_id: GeofenceId) -> int | None:
        slot = self._slot_of.pop(geofence_id, None)
        if slot is not None:
            for entry in np.flatnonzero(self._entries.slot == slot):
                self._tree.delete(int(entry), self._entries.box_deg[entry])
        return slot


def _tree(entries: Entries) -> Any:
    shape = Property(leaf_capacity=_NODE_CAPACITY, index_capacity=_NODE_CAPACITY, near_minimum_overlap_factor=8)
    if len(entries) == 0:  # the library cannot load nothing
        return Index(properties=shape, interleaved=True)
    west_south, east_north = np.ascontiguousarray(entries.box_deg[:, :2]), np.ascontiguousarray(entries.box_deg[:, 2:])
    number = np.arange(len(entries), dtype=np.int64)
    return Index((number, west_south, east_north), properties=shape, interleaved=True)


def _by_neighbourhood(lat_deg: Floats, lon_deg: Floats) -> Ints:
    """The rows in an order in which neighbours follow each other."""
    order: Ints = np.lexsort((np.floor(lat_deg * _CELLS_PER_DEGREE), np.floor(lon_deg * _CELLS_PER_DEGREE)))
    return order.astype(np.int64)
