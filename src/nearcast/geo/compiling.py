"""From geofences to compiled cells, and the first call of every kernel."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import shapely

from nearcast.domain.geofence import Area, Circle, Geofence
from nearcast.domain.ids import GeofenceId
from nearcast.domain.position import Position
from nearcast.geo.batch import Floats, Ints
from nearcast.geo.cells import CompiledFences
from nearcast.geo.cover import LEVEL_BIT, LEVEL_BITS, Records, Rings, cover_circles, cover_pieces, gathered
from nearcast.geo.entries import CIRCLE, POLE, POLYGON, Entries, entries_of
from nearcast.geo.geodesy import local_plane, plane_error
from nearcast.geo.grid import LEAF_LEVEL, leaf_codes, order_by_code
from nearcast.geo.pairs import NO_PAIRS
from nearcast.geo.probe import Cells
from nearcast.geo.rings import area_wkb

_SPAN_CELLS = 8.0  # across a geofence: with fewer cells more edges are tested, with more there are more cells to find
_SPAN_PER_ROOT = 1.5  # of the number of vertices: the more there are, the fewer should lie in a cell
_MOST_SPAN_CELLS = 256.0
_LEVEL_STEP = 2  # every level in use is asked for every ping
_REACH = 3.0  # radii from its centre to which a circle's border cells may extend
_MOST_PLANE_ERROR = 1e-3
_BATCH = 16_384  # geofences between two looks at whether they are still wanted
_SLACK_M = 1e-6  # far above the rounding of a distance


class Abandoned(Exception):
    """The cells are no longer wanted."""


def compiled(
    geofences: Sequence[Geofence], slots: Ints, is_unwanted: Callable[[], bool] = lambda: False
) -> CompiledFences:
    """The cells of the geofences in some slots; the others are not looked at. Abandoned soon after `is_unwanted`."""
    known = slots.tolist()
    entries = entries_of([geofences[slot] for slot in known], known)
    records: list[Records] = []
    circle, circle_slot = _cover_circles(entries, records, is_unwanted)
    piece_moved_deg, piece_slot, lonlat = _cover_pieces(entries, records, is_unwanted)
    cells = _by_code(records)
    level, level_start = np.unique(cells.code >> LEVEL_BIT, return_index=True)
    at_pole = entries.kind == POLE
    is_north = entries.box_deg[:, 3] == 90.0
    return CompiledFences(
        cells=Cells(
            level=level,
            level_start=np.append(level_start, len(cells.code)).astype(np.int64),
            code=cells.code & ((1 << LEVEL_BIT) - 1),
            word_start=cells.start,
            word=cells.word,
            circle=circle,
            circle_slot=circle_slot.astype(np.int32),
            piece_slot=piece_slot.astype(np.int32),
            piece_moved_deg=piece_moved_deg,
            lonlat=lonlat,
        ),
        geofences=geofences,
        box_deg=entries.box_deg,
        box_slot=entries.slot,
        south_pole=np.unique(entries.slot[at_pole & ~is_north]),
        north_pole=np.unique(entries.slot[at_pole & is_north]),
    )


def _cover_circles(entries: Entries, records: list[Records], is_unwanted: Callable[[], bool]) -> tuple[Floats, Ints]:
    """The circles as `Cells` has them, and their slots; their records are added."""
    at = _along_curve(entries, CIRCLE)
    lat_deg, radius_m = entries.center_lat_deg[at], entries.radius_m[at]
    error = plane_error(lat_deg, _REACH * radius_m)
    is_local = error <= _MOST_PLANE_ERROR
    error = np.where(is_local, error, 0.0)
    surely_m, at_most_m = radius_m * (1.0 - error) - _SLACK_M, radius_m * (1.0 + error) + _SLACK_M
    surely_inside = np.where(is_local & (surely_m > 0.0), surely_m**2, -1.0)
    surely_outside = np.where(is_local, at_most_m**2, np.inf)
    lon_deg = entries.center_lon_deg[at] + entries.moved_deg[at]
    circle = np.column_stack([lat_deg, lon_deg, *local_plane(lat_deg), surely_inside, surely_outside])
    box_deg, slot = entries.box_deg[at], entries.slot[at]
    level = _level(box_deg, np.full(len(at), _SPAN_CELLS))
    for first, end in _batches(len(at), is_unwanted):
        records.append(cover_circles(box_deg, level, circle, radius_m, slot, first, end))
    return circle, slot


def _cover_pieces(
    entries: Entries, records: list[Records], is_unwanted: Callable[[], bool]
) -> tuple[Floats, Ints, Floats]:
    """How far the pieces are moved, their slots and their vertices; their records are added."""
    at = _along_curve(entries, POLYGON)
    vertex_start, ring_start, lonlat = np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64), np.empty((0, 2))
    if len(at):
        _, lonlat, (vertex_start, ring_start) = shapely.to_ragged_array(entries.polygon[at])
    rings = Rings(ring_start.astype(np.int64), vertex_start.astype(np.int64), np.ascontiguousarray(lonlat).reshape(-1))
    box_deg, moved_deg, slot = entries.box_deg[at], entries.moved_deg[at], entries.slot[at]
    vertices = np.diff(rings.vertex_start[rings.ring_start])
    level = _level(box_deg, (_SPAN_PER_ROOT * np.sqrt(vertices)).clip(_SPAN_CELLS, _MOST_SPAN_CELLS))
    for first, end in _batches(len(at), is_unwanted):
        records.append(cover_pieces(box_deg, level, moved_deg, slot, rings, first, end))
    return moved_deg, slot, rings.lonlat


def _batches(n: int, is_unwanted: Callable[[], bool]) -> Iterator[tuple[int, int]]:
    for first in range(0, n, _BATCH):
        if is_unwanted():
            raise Abandoned
        yield first, min(first + _BATCH, n)


def _along_curve(entries: Entries, kind: int) -> Ints:
    """The entries of a kind in the order of their middles along the curve: what is near in place is near in memory."""
    at = np.flatnonzero(entries.kind == kind)
    west, south, east, north = np.ascontiguousarray(entries.box_deg[at].T)
    order, _ = order_by_code(leaf_codes((south + north) / 2.0, (west + east) / 2.0), 0, 2 * LEAF_LEVEL)
    along: Ints = at[order]
    return along


def _level(box_deg: Floats, span: Floats) -> Ints:
    """The finest level in use at which a box has at most `span` cells each way."""
    width, height = box_deg[:, 2] - box_deg[:, 0], box_deg[:, 3] - box_deg[:, 1]
    share = np.maximum(np.maximum(width / 360.0, height / 180.0), 1e-12)
    level = np.floor(np.log2(span / share)).clip(0, LEAF_LEVEL).astype(np.int64)
    return level // _LEVEL_STEP * _LEVEL_STEP


def _by_code(blocks: list[Records]) -> Records:
    """All records in the order of their codes; there may be none."""
    blocks = [Records(np.empty(0, dtype=np.int64), np.zeros(1, dtype=np.int64), np.empty(0, dtype=np.int32)), *blocks]
    ends = np.cumsum([0, *(len(block.word) for block in blocks)])
    starts = [block.start[:-1] + end for block, end in zip(blocks, ends[:-1], strict=True)]
    order, codes = order_by_code(np.concatenate([block.code for block in blocks]), 0, LEVEL_BIT + LEVEL_BITS)
    words = np.concatenate([block.word for block in blocks])
    joined: Records = gathered(codes, order, np.append(np.concatenate(starts), ends[-1]), words)
    return joined


def warm_up() -> None:
    """Compile the kernels, or load those compiled earlier, so that nobody waits for it later."""
    boundaries = Circle(Position(0.0, 0.0), 1.0), Area(area_wkb(shapely.box(0.0, 0.0, 1.0, 1.0)))
    fences = [Geofence(id=GeofenceId("any"), boundary=boundary) for boundary in boundaries]
    here, gone = np.zeros(1), np.zeros(2, dtype=np.bool_)
    compiled(fences, np.arange(2)).match(here, here, gone, NO_PAIRS, 1, None)
