"""The compiled base: the geofences of one moment, cut into cells of several levels, never changed again.

What a kernel cannot tell for certain goes to the exact predicate: GEOS on the whole area for a polygon, the geodesic
for a circle.
"""

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, starmap
from typing import Any

import numpy as np
import shapely

from nearcast.domain.geofence import Area, Circle, Geofence
from nearcast.geo.batch import Floats, Ints
from nearcast.geo.entries import WORTH_PREPARING, circle_columns
from nearcast.geo.geodesy import Bools, is_within
from nearcast.geo.grid import LEAF_LEVEL, leaf_codes, order_by_code
from nearcast.geo.pairs import NO_PAIRS, Pairs
from nearcast.geo.probe import ROUND, Cells, Found, lay_out, probe, rows_of

_SHARES_PER_THREAD = 4
_FEWEST_ROWS = 2_048  # for less another thread is not worth waking


@dataclass(frozen=True, eq=False)
class CompiledFences:
    """The cells, and the geofences by slot that they were made from; boxes in view as in `Entries`, a slot each."""

    cells: Cells
    geofences: Sequence[Geofence]
    box_deg: Floats
    box_slot: Ints
    south_pole: Ints
    north_pole: Ints

    @property
    def memory_bytes(self) -> int:
        """Of everything but the geofences themselves."""
        columns = (*self.cells, self.box_deg, self.box_slot, self.south_pole, self.north_pole)
        return sum(column.nbytes for column in columns)

    def match(
        self, lat_deg: Floats, lon_deg: Floats, gone: Bools, extra: Pairs, threads: int, pool: Executor | None
    ) -> Pairs:
        """Every pair of n canonical points and a compiled geofence that holds it, and the extra pairs beside them.

        Geofences in slots that are `gone` hold nothing. The pool has so many `threads`; None: the caller's own.
        """
        level = self.cells.level
        finest = int(level[-1]) if len(level) else 0
        order, codes = order_by_code(leaf_codes(lat_deg, lon_deg), 2 * (LEAF_LEVEL - finest), 2 * LEAF_LEVEL)
        shares = _shares(len(order), threads)
        run = map if pool is None or len(shares) == 1 else pool.map

        def asked(share: slice) -> Found:
            part: Found = probe(self.cells, gone, order[share], codes[share], lat_deg, lon_deg)
            return part

        found = _as_one(list(run(asked, shares)))
        extra = _joined(extra, self._at_poles(lat_deg, gone), self._resolved(found, lat_deg, lon_deg))
        is_new = np.ones(len(extra), dtype=np.bool_)
        extras = extra.ping_row, extra.slot, is_new
        row_start, pairs_start = rows_of(order, found.start, found.slot, *extras)
        pairs = Pairs(*(np.empty(pairs_start[-1], dtype=np.int64) for _ in range(2)))

        def laid_out(share: slice) -> None:
            rows = share.start, share.stop
            lay_out(row_start, pairs_start, found.slot, *extras, rows, pairs.ping_row, pairs.slot)

        list(run(laid_out, shares))
        return pairs

    def meeting(self, boxes_deg: Floats) -> Ints:
        """The slots of geofences with a box that meets one of n boxes in view, each once and rising."""
        _, box = self._tree.query(shapely.box(*boxes_deg.T))
        slots: Ints = np.unique(self.box_slot[box])
        return slots

    @cached_property
    def _tree(self) -> Any:
        """Made when first asked for; matching never asks."""
        tree = shapely.STRtree(shapely.box(*self.box_deg.T))
        tree.query(shapely.Point(0.0, 0.0))  # the first question builds it, which threads must not do at once
        return tree

    def _resolved(self, found: Found, lat_deg: Floats, lon_deg: Floats) -> Pairs:
        """Those of the doubtful that are inside."""
        row, word = found.doubtful_row, found.doubtful_word
        number, is_round = word >> 2, (word & 3) == ROUND
        slot = np.empty(len(row), dtype=np.int64)
        slot[is_round] = self.cells.circle_slot[number[is_round]]
        slot[~is_round] = self.cells.piece_slot[number[~is_round]]
        lat_deg, lon_deg = lat_deg[row], lon_deg[row]
        lon_deg[~is_round] -= self.cells.piece_moved_deg[number[~is_round]]
        inside = np.empty(len(row), dtype=np.bool_)
        for at, decide in ((np.flatnonzero(is_round), _in_circles), (np.flatnonzero(~is_round), _in_areas)):
            known, which = np.unique(slot[at], return_inverse=True)
            boundaries = [self.geofences[number].boundary for number in known.tolist()]
            inside[at] = decide(boundaries, which, lat_deg[at], lon_deg[at])
        return Pairs.of(row[inside].astype(np.int64), slot[inside])

    def _at_poles(self, lat_deg: Floats, gone: Bools) -> Pairs:
        """At a pole those parts decide that reach it."""
        rows, slots = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
        for pole_lat_deg, reaching in ((-90.0, self.south_pole), (90.0, self.north_pole)):
            row, slot = np.flatnonzero(lat_deg == pole_lat_deg), reaching[~gone[reaching]]
            rows.append(row.repeat(len(slot)))
            slots.append(np.tile(slot, len(row)))
        return Pairs(np.concatenate(rows), np.concatenate(slots))


def _shares(n: int, threads: int) -> list[slice]:
    """n things in shares for threads, several for each, as some take longer than others."""
    count = 1 if threads == 1 else max(1, min(threads * _SHARES_PER_THREAD, n // _FEWEST_ROWS))
    return list(starmap(slice, pairwise(np.linspace(0, n, count + 1).astype(np.int64).tolist())))


def _as_one(parts: list[Found]) -> Found:
    if len(parts) == 1:
        return parts[0]
    ends = np.cumsum([0, *(len(part.slot) for part in parts)])
    starts = [part.start[:-1] + end for part, end in zip(parts, ends[:-1], strict=True)]
    start = np.append(np.concatenate(starts), ends[-1])
    return Found(start, *(np.concatenate(columns) for columns in list(zip(*parts, strict=True))[1:]))


def _in_circles(circles: Sequence[Circle], which: Ints, lat_deg: Floats, lon_deg: Floats) -> Bools:
    center_lat, center_lon, radius_m = circle_columns(circles)
    return is_within(center_lat[which], center_lon[which], lat_deg, lon_deg, radius_m[which])


def _in_areas(areas: Sequence[Area], which: Ints, lat_deg: Floats, lon_deg: Floats) -> Bools:
    geometries = shapely.from_wkb(np.array([area.wkb for area in areas], dtype=object))
    shapely.prepare(geometries[shapely.get_num_coordinates(geometries) >= WORTH_PREPARING])
    answer: Bools = shapely.intersects_xy(geometries[which], lon_deg, lat_deg)
    return answer


def _joined(*blocks: Pairs) -> Pairs:
    some = [block for block in blocks if len(block)]
    if len(some) < 2:
        return some[0] if some else NO_PAIRS
    return Pairs.of(np.concatenate([block.ping_row for block in some]), np.concatenate([block.slot for block in some]))
