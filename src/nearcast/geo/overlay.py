"""The geofences that no compiled base holds: those of a small catalogue, and those edited since the base was compiled.

An R-tree says which boxes a point lies in, then the polygon or the geodesic itself decides. The R-tree library crashes
when one thread writes beside another that reads, and prepared polygons build their own indexes when first asked: so
whoever uses an overlay holds a lock, and threads take turns.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from rtree.index import Index, Property

from nearcast.domain.geofence import Geofence
from nearcast.geo.batch import Floats, Ints
from nearcast.geo.entries import Entries, entries_of, joined
from nearcast.geo.pairs import NO_PAIRS, Pairs

_NODE_CAPACITY = 16  # measured: half the time of the library's 100, for point queries
_CELLS_PER_DEGREE = 8.0  # points of a cell are asked together, while its branches are in the cache
_BLOCKS_PER_DEGREE = 4.0  # most pings are nowhere near an edited geofence: their blocks of the globe have none


class Overlay:
    """Geofences and their slots, each slot at most once."""

    def __init__(self, geofences: Sequence[Geofence] = (), slots: Sequence[int] = ()) -> None:
        self._in_force = set(slots)
        self._entries = entries_of(geofences, slots)
        self._tree = _tree(self._entries)
        self._is_near = np.zeros((int(180 * _BLOCKS_PER_DEGREE) + 1, int(360 * _BLOCKS_PER_DEGREE) + 1), dtype=np.bool_)
        self._mark(self._entries.box_deg)

    def __len__(self) -> int:
        return len(self._in_force)

    def __contains__(self, slot: int) -> bool:
        return slot in self._in_force

    def slots(self) -> list[int]:
        return sorted(self._in_force)

    def put(self, geofence: Geofence, slot: int) -> None:
        added = entries_of([geofence], [slot])
        self._in_force.add(slot)
        for entry, box_deg in enumerate(added.box_deg, len(self._entries)):
            self._tree.insert(entry, box_deg)
        self._entries = joined(self._entries, added)
        self._mark(added.box_deg)

    def remove(self, slot: int) -> None:
        self._in_force.remove(slot)
        for entry in np.flatnonzero(self._entries.slot == slot):
            self._tree.delete(int(entry), self._entries.box_deg[entry])

    def match(self, lat_deg: Floats, lon_deg: Floats) -> Pairs:
        """Every pair of n canonical points and a geofence that holds it."""
        if not self._in_force:
            return NO_PAIRS
        near = np.flatnonzero(self._is_near[_block(lat_deg, 90.0), _block(lon_deg, 180.0)])
        order = near[_by_neighbourhood(lat_deg[near], lon_deg[near])]
        points = np.column_stack([lon_deg, lat_deg])[order]
        entry, count = self._tree.intersection_v(points, points)
        row = order.repeat(count.astype(np.int64))
        is_inside = self._entries.covers(entry, lat_deg[row], lon_deg[row])
        return Pairs.of(row[is_inside], self._entries.slot[entry[is_inside]])

    def meeting(self, boxes_deg: Floats) -> Ints:
        """The slots of geofences with a box that meets one of n boxes in view, each once and rising."""
        entry, _ = self._tree.intersection_v(boxes_deg[:, :2].copy(), boxes_deg[:, 2:].copy())
        slots: Ints = np.unique(self._entries.slot[entry])
        return slots

    def _mark(self, box_deg: Floats) -> None:
        west, south, east, north = box_deg.clip([-180.0, -90.0, -180.0, -90.0], [180.0, 90.0, 180.0, 90.0]).T
        first, last = (_block(south, 90.0), _block(west, 180.0)), (_block(north, 90.0), _block(east, 180.0))
        for south_block, west_block, north_block, east_block in zip(*first, *last, strict=True):
            self._is_near[south_block : north_block + 1, west_block : east_block + 1] = True


def _tree(entries: Entries) -> Any:
    shape = Property(leaf_capacity=_NODE_CAPACITY, index_capacity=_NODE_CAPACITY, near_minimum_overlap_factor=8)
    if len(entries) == 0:  # the library cannot load nothing
        return Index(properties=shape, interleaved=True)
    west_south, east_north = np.ascontiguousarray(entries.box_deg[:, :2]), np.ascontiguousarray(entries.box_deg[:, 2:])
    number = np.arange(len(entries), dtype=np.int64)
    return Index((number, west_south, east_north), properties=shape, interleaved=True)


def _block(deg: Floats, half_span_deg: float) -> Ints:
    """The row or column of blocks; it never falls as the degrees grow, so a box's corners bound its points."""
    return np.floor((deg + half_span_deg) * _BLOCKS_PER_DEGREE).astype(np.int64)


def _by_neighbourhood(lat_deg: Floats, lon_deg: Floats) -> Ints:
    """The rows in an order in which neighbours follow each other."""
    order: Ints = np.lexsort((np.floor(lat_deg * _CELLS_PER_DEGREE), np.floor(lon_deg * _CELLS_PER_DEGREE)))
    return order.astype(np.int64)
