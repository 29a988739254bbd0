"""Asking compiled cells which geofences hold which pings: the loop that everything waits for.

Pings are asked along the same curve as the cells lie, so each level is walked once, forwards, and neighbours find their
cell in the processor's cache. A kernel decides only what rounding cannot have decided; the rest comes back as doubtful.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nearcast.geo.batch import Floats, Ints
from nearcast.geo.grid import (
    LEAF_LEVEL,
    kernel,
    leaf_column,
    leaf_row,
    reference_lat_deg,
    reference_lon_deg,
    sort_few,
)

Ints32 = NDArray[np.int32]

INTERIOR, ROUND, OUTER, INNER = 0, 1, 2, 3  # a word's low two bits: what its number means
_SIGN_DOUBT = 4e-16  # Shewchuk 1997: below (3 + 16ε)ε of its terms' sum a determinant's sign may be rounding
_UNDERFLOW = 1e-290  # where products of differences are this small the bound does not hold
_UNSURE = 2


class Cells(NamedTuple):
    """Cells of several levels, and what lies in each.

    Level k is `level[k]`; its cells, by code, are those from `level_start[k]` to `level_start[k + 1]`. A cell's words
    are those from `word_start` to the next cell's: (number << 2 | kind). INTERIOR: slot `number` holds the whole cell.
    ROUND: circle `number` has its rim here. OUTER, INNER: piece `number` has edges here, and the cell's reference place
    outside or inside of it; the next word counts runs of edges, each then the first vertex and the number of edges, and
    a count of 0 means that the reference lies too near to an edge to count from.

    `circle` has a row for each circle: centre lat and lon, metres per degree north and how it grows per degree north,
    the same eastwards, and the squares of the distances below which a ping is inside and above which outside.
    A piece is a polygon moved `piece_moved_deg` east. `lonlat` are the vertices, two numbers each.
    """

    level: Ints
    level_start: Ints
    code: Ints
    word_start: Ints
    word: Ints32
    circle: Floats
    circle_slot: Ints32
    piece_slot: Ints32
    piece_moved_deg: Floats
    lonlat: Floats


class Found(NamedTuple):
    """The ping asked k-th is surely inside the slots from `start[k]` to `start[k + 1]`, which rise; doubtful are
    further rows with a border word each, (number << 2 | kind) as in `Cells`.
    """

    start: Ints
    slot: Ints32
    doubtful_row: Ints32
    doubtful_word: Ints32


@kernel
def _first_not_below(codes: Ints, start: int, end: int, wanted: int) -> int:
    """The first place from `start` on with a code not below `wanted`: near ones are found soonest."""
    step = 1
    high = start
    while high < end and codes[high] < wanted:
        start = high + 1
        high += step
        step *= 2
    high = min(high, end)
    while start < high:
        middle = (start + high) // 2
        if codes[middle] < wanted:
            start = middle + 1
        else:
            high = middle
    return start


@kernel
def _side(left: float, right: float) -> int:
    """The sign of left - right, or _UNSURE."""
    determinant = left - right
    doubt = _SIGN_DOUBT * (abs(left) + abs(right)) + _UNDERFLOW
    if determinant > doubt:
        return 1
    if determinant < -doubt:
        return -1
    return _UNSURE


@kernel
def _crossings(
    cells: Cells, word: int, lon_deg: float, lat_deg: float, reference_lon: float, reference_lat: float
) -> int:
    """How many of a border's edges, counted at `word`, the way to the reference crosses; -1 where that is doubtful."""
    crossings = 0
    runs = cells.word[word]
    way_east, way_north = reference_lon - lon_deg, reference_lat - lat_deg
    if runs == 0:
        return -1
    for run in range(word + 1, word + 1 + 2 * runs, 2):
        at = 2 * cells.word[run]
        ax, ay = cells.lonlat[at], cells.lonlat[at + 1]
        a_side = _side(way_east * (ay - lat_deg), way_north * (ax - lon_deg))
        for _ in range(cells.word[run + 1]):
            at += 2
            bx, by = cells.lonlat[at], cells.lonlat[at + 1]
            b_side = _side(way_east * (by - lat_deg), way_north * (bx - lon_deg))
            if a_side != b_side or a_side == _UNSURE:
                start_side = _side((bx - ax) * (lat_deg - ay), (by - ay) * (lon_deg - ax))
                end_side = _side((bx - ax) * (reference_lat - ay), (by - ay) * (reference_lon - ax))
                if start_side == _UNSURE or end_side == _UNSURE:
                    return -1
                if start_side != end_side:
                    if a_side == _UNSURE or b_side == _UNSURE:
                        return -1
                    crossings += 1
            ax, ay, a_side = bx, by, b_side
    return crossings


@kernel
def round_side(circle: Floats, number: int, lat_deg: float, lon_deg: float) -> int:
    north_deg, east_deg = lat_deg - circle[number, 0], lon_deg - circle[number, 1]
    north_m = (circle[number, 2] + circle[number, 3] * north_deg) * north_deg
    east_m = (circle[number, 4] + circle[number, 5] * north_deg) * east_deg
    square = north_m * north_m + east_m * east_m
    if square <= circle[number, 6]:
        return 1
    return -1 if square > circle[number, 7] else _UNSURE


@kernel
def _roomier(values: Ints32, wanted: int) -> Ints32:
    """The same in twice the room that is wanted."""
    more = np.empty(2 * wanted, dtype=np.int32)
    more[: len(values)] = values
    return more


@kernel
def _picked(values: Floats, rows: Ints32) -> Floats:
    """Values by row: fetched at once they do not wait for each other as they would one by one between cells."""
    picked = np.empty(len(rows))
    for place in range(len(rows)):
        picked[place] = values[rows[place]]
    return picked


@kernel
def probe(cells: Cells, gone: NDArray[np.bool_], order: Ints32, codes: Ints, lat_deg: Floats, lon_deg: Floats) -> Found:
    """Ask for n of the canonical points: rows `order`, whose leaf codes do not fall. Slots `gone` are passed over."""
    n, levels = len(order), len(cells.level)
    at = cells.level_start[:-1].copy()
    held_code, held_start, held_end = np.full(levels, -1), np.zeros(levels, np.int64), np.zeros(levels, np.int64)
    width_deg = 360.0 / (1 << cells.level)
    start = np.zeros(n + 1, dtype=np.int64)
    found, used = np.empty(1024 + 4 * n, dtype=np.int32), 0
    doubtful_row, doubtful_word = np.empty(64, dtype=np.int32), np.empty(64, dtype=np.int32)
    doubts = 0
    lats, lons = _picked(lat_deg, order), _picked(lon_deg, order)
    for place in range(n):
        lat, lon = lats[place], lons[place]
        start[place] = used
        for k in range(levels):
            shift = LEAF_LEVEL - cells.level[k]
            code = codes[place] >> (2 * shift)
            if code != held_code[k]:
                held_code[k] = code
                at[k] = _first_not_below(cells.code, at[k], cells.level_start[k + 1], code)
                has_cell = at[k] < cells.level_start[k + 1] and cells.code[at[k]] == code
                held_start[k] = cells.word_start[at[k]] if has_cell else 0
                held_end[k] = cells.word_start[at[k] + 1] if has_cell else 0
            word, end = held_start[k], held_end[k]
            if word == end:
                continue
            if used + end - word > len(found):
                found = _roomier(found, used + end - word)
            if doubts + end - word > len(doubtful_row):
                doubtful_row = _roomier(doubtful_row, doubts + end - word)
                doubtful_word = _roomier(doubtful_word, doubts + end - word)
            while word < end:
                value = cells.word[word]
                kind, number = value & 3, value >> 2
                word += 1
                if kind == INTERIOR:
                    slot, side = number, 1
                elif kind == ROUND:
                    slot, side = cells.circle_slot[number], round_side(cells.circle, number, lat, lon)
                else:
                    slot, moved_deg = cells.piece_slot[number], cells.piece_moved_deg[number]
                    reference_lon = reference_lon_deg(leaf_column(lon) >> shift, width_deg[k]) - moved_deg
                    reference_lat = reference_lat_deg(leaf_row(lat) >> shift, width_deg[k] / 2.0)
                    crossings = _crossings(cells, word, lon - moved_deg, lat, reference_lon, reference_lat)
                    side = _UNSURE if crossings < 0 else (1 if (crossings & 1) == (kind == OUTER) else -1)
                    word += 1 + 2 * cells.word[word]
                if side == -1 or gone[slot]:
                    continue
                if side == 1:
                    found[used] = slot
                    used += 1
                else:
                    doubtful_row[doubts], doubtful_word[doubts] = order[place], value
                    doubts += 1
        if used - start[place] > 1:
            sort_few(found, start[place], used)
            used = _without_repeats(found, start[place], used)
    start[n] = used
    return Found(start, found[:used], doubtful_row[:doubts], doubtful_word[:doubts])


@kernel
def _without_repeats(values: Ints32, start: int, end: int) -> int:
    """Where values[start:end], which do not fall, end when each is kept once."""
    kept = start + 1
    for place in range(start + 1, end):
        if values[place] != values[place - 1]:
            values[kept] = values[place]
            kept += 1
    return kept


@kernel
def rows_of(
    order: Ints32, start: Ints, slot: Ints32, extra_row: Ints, extra_slot: Ints, is_new: NDArray[np.bool_]
) -> tuple[Ints, Ints]:
    """Where the slots of each of n rows start, as found, and where its pairs will start, n + 1 numbers.

    Extra pairs count, where `is_new`; those that were found already are marked as not new.
    """
    n = len(order)
    row_start, pairs_start = np.zeros(n, dtype=np.int64), np.zeros(n + 1, dtype=np.int64)
    for place in range(n):
        row_start[order[place]] = start[place]
        pairs_start[order[place] + 1] = start[place + 1] - start[place]
    length = pairs_start[1:].copy()
    for extra in range(len(extra_row)):
        row = extra_row[extra]
        for place in range(row_start[row], row_start[row] + length[row]):
            if slot[place] == extra_slot[extra]:
                is_new[extra] = False
        pairs_start[row + 1] += is_new[extra]
    for row in range(n):
        pairs_start[row + 1] += pairs_start[row]
    return row_start, pairs_start


@kernel
def lay_out(
    row_start: Ints,
    pairs_start: Ints,
    found: Ints32,
    extra_row: Ints,
    extra_slot: Ints,
    is_new: NDArray[np.bool_],
    rows: tuple[int, int],
    ping_row: Ints,
    slot: Ints,
) -> None:
    """Fill in the pairs of some rows, from the first to before the last, by row and then slot; extras are by row."""
    extra = np.searchsorted(extra_row, rows[0])
    for row in range(rows[0], rows[1]):
        first, end = pairs_start[row], pairs_start[row + 1]
        held = end
        while extra < len(extra_row) and extra_row[extra] == row:
            if is_new[extra]:
                held -= 1
                slot[held] = extra_slot[extra]
            extra += 1
        for place in range(first, held):
            slot[place] = found[row_start[row] + place - first]
        for place in range(first, end):
            ping_row[place] = row
        if held < end:
            sort_few(slot, first, end)
