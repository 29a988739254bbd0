"""Cutting geofences into cells: which cells each meets, and what has to be kept there.

A cover may be larger than its geofence, never smaller: every cell is taken `SLACK_DEG` larger than it is, so that no
rounding of a ping to its cell or of a polygon to a moved place can lead past it.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nearcast.geo.batch import Floats, Ints
from nearcast.geo.geodesy import EQUATOR_M, SQUARED_ECCENTRICITY
from nearcast.geo.grid import (
    LEAF_LEVEL,
    SLACK_DEG,
    code_of,
    first_reference_east_of,
    kernel,
    leaf_column,
    leaf_row,
    reference_lat_deg,
    reference_lon_deg,
)
from nearcast.geo.probe import INNER, INTERIOR, OUTER, ROUND, Ints32, round_side

LEVEL_BIT, LEVEL_BITS = 2 * LEAF_LEVEL, 5  # a record's code is its level, then its cell's code
_SLACK_M = 1e-6  # far above the rounding of a distance
_NEAR_DEG = 1e-9  # a reference nearer to an edge than this may be on either side of it


class Records(NamedTuple):
    """n things to keep, each with the code of its level and cell, and its words from `start` to the next one's."""

    code: Ints
    start: Ints
    word: Ints32


class Rings(NamedTuple):
    """Polygons as columns: polygon k has rings `ring_start[k]`…, ring r the vertices `vertex_start[r]`…, closed."""

    ring_start: Ints
    vertex_start: Ints
    lonlat: Floats


class _Frame(NamedTuple):
    """The block of cells that a box meets."""

    west: int
    south: int
    columns: int
    rows: int
    width_deg: float
    height_deg: float


@kernel
def _frame(box_deg: Floats, level: int) -> _Frame:
    shift = LEAF_LEVEL - level
    west, east = leaf_column(box_deg[0] - SLACK_DEG) >> shift, leaf_column(box_deg[2] + SLACK_DEG) >> shift
    south, north = leaf_row(box_deg[1] - SLACK_DEG) >> shift, leaf_row(box_deg[3] + SLACK_DEG) >> shift
    return _Frame(west, south, east - west + 1, north - south + 1, 360.0 / (1 << level), 180.0 / (1 << level))


@kernel
def _room(values: NDArray[np.int64], wanted: int) -> NDArray[np.int64]:
    """The same, at least `wanted` long."""
    if wanted <= len(values):
        return values
    more = np.empty(2 * wanted, dtype=values.dtype)
    more[: len(values)] = values
    return more


@kernel
def cover_circles(
    box_deg: Floats, level: Ints, circle: Floats, radius_m: Floats, slot: Ints, first: int, end: int
) -> Records:
    """Cells of some of n circles, whose rows of `circle` are those of `Cells`; a word each."""
    code, word, used = np.empty(1024, dtype=np.int64), np.empty(1024, dtype=np.int64), 0
    for number in range(first, end):
        frame = _frame(box_deg[number], level[number])
        code = _room(code, used + frame.rows * frame.columns)
        word = _room(word, used + frame.rows * frame.columns)
        lat, lon = circle[number, 0], circle[number, 1]
        within_m = radius_m[number] - _SLACK_M
        for row in range(frame.south, frame.south + frame.rows):
            low = row * frame.height_deg - 90.0 - SLACK_DEG
            high = low + frame.height_deg + 2.0 * SLACK_DEG
            north_m_per_deg, east_m_per_deg = _longest_degrees(min(low, lat), max(high, lat))
            far_north_m = max(abs(low - lat), abs(high - lat)) * north_m_per_deg
            for column in range(frame.west, frame.west + frame.columns):
                left = column * frame.width_deg - 180.0 - SLACK_DEG
                right = left + frame.width_deg + 2.0 * SLACK_DEG
                nearest_lat, nearest_lon = min(max(lat, low), high), min(max(lon, left), right)
                if round_side(circle, number, nearest_lat, nearest_lon) == -1:
                    continue
                far_east_m = max(abs(left - lon), abs(right - lon)) * east_m_per_deg
                is_whole = within_m > 0.0 and far_north_m**2 + far_east_m**2 <= within_m**2
                code[used] = (level[number] << LEVEL_BIT) | code_of(column, row)
                word[used] = (slot[number] << 2 | INTERIOR) if is_whole else (number << 2 | ROUND)
                used += 1
    return Records(code[:used].copy(), np.arange(used + 1), word[:used].astype(np.int32))


@kernel
def _longest_degrees(south_deg: float, north_deg: float) -> tuple[float, float]:
    """The most metres that a degree of latitude and one of longitude have between two latitudes.

    No geodesic is longer than the straight way in lon/lat, and that has at most so many metres to its degrees.
    """
    farthest = math.radians(min(max(abs(south_deg), abs(north_deg)), 90.0))
    nearest = 0.0 if south_deg < 0.0 < north_deg else math.radians(min(abs(south_deg), abs(north_deg)))
    flat = 1.0 - SQUARED_ECCENTRICITY * math.sin(farthest) ** 2
    meridian_m = EQUATOR_M * (1.0 - SQUARED_ECCENTRICITY) / flat**1.5
    normal_m = EQUATOR_M / math.sqrt(1.0 - SQUARED_ECCENTRICITY * math.sin(nearest) ** 2)
    return math.radians(meridian_m), math.radians(normal_m * math.cos(nearest))


@kernel
def cover_pieces(
    box_deg: Floats, level: Ints, moved_deg: Floats, slot: Ints, rings: Rings, first: int, end: int
) -> Records:
    """Cells of some of n pieces: polygon k moved `moved_deg[k]` east, which then has the box `box_deg[k]`."""
    code, start, word = np.empty(1024, dtype=np.int64), np.empty(1024, dtype=np.int64), np.empty(1024, dtype=np.int64)
    used, words = 0, 0
    last, inside = np.empty(256, dtype=np.int64), np.empty(256, dtype=np.int64)
    runs = np.empty(3 * 256, dtype=np.int64)
    for number in range(first, end):
        frame = _frame(box_deg[number], level[number])
        cells = frame.rows * frame.columns
        last, inside = _room(last, cells), _room(inside, cells)
        last[:cells], inside[:cells] = -1, 0
        runs, run_count = _mark_borders(rings, number, moved_deg[number], frame, last, runs)
        _mark_inside(rings, number, moved_deg[number], frame, inside)
        code, start = _room(code, used + cells + 1), _room(start, used + cells + 1)
        word = _room(word, words + 2 * cells + 2 * run_count)
        for cell in range(cells):
            if last[cell] < 0 and inside[cell] != 1:
                continue
            column, row = frame.west + cell % frame.columns, frame.south + cell // frame.columns
            code[used], start[used] = (level[number] << LEVEL_BIT) | code_of(column, row), words
            used += 1
            if last[cell] < 0:
                word[words] = slot[number] << 2 | INTERIOR
                words += 1
                continue
            word[words] = number << 2 | (INNER if inside[cell] & 1 else OUTER)
            counted_at, words = words + 1, words + 2
            word[counted_at] = 0
            run = last[cell] if inside[cell] < 2 else -1
            while run >= 0:
                word[counted_at] += 1
                word[words], word[words + 1] = runs[3 * run], runs[3 * run + 1]
                words, run = words + 2, runs[3 * run + 2]
    start[used] = words
    return Records(code[:used].copy(), start[: used + 1].copy(), word[:words].astype(np.int32))


@kernel
def _mark_borders(
    rings: Rings, polygon: int, moved_deg: float, frame: _Frame, last: Ints, runs: Ints
) -> tuple[Ints, int]:
    """Runs of edges (first vertex, edges, earlier run of the same cell) and their number; `last` is each cell's."""
    count = 0
    for ring in range(rings.ring_start[polygon], rings.ring_start[polygon + 1]):
        for vertex in range(rings.vertex_start[ring], rings.vertex_start[ring + 1] - 1):
            ax, ay = rings.lonlat[2 * vertex] + moved_deg, rings.lonlat[2 * vertex + 1]
            bx, by = rings.lonlat[2 * vertex + 2] + moved_deg, rings.lonlat[2 * vertex + 3]
            west = max(_steps(min(ax, bx) + 180.0 - SLACK_DEG, frame.width_deg) - frame.west, 0)
            east = min(_steps(max(ax, bx) + 180.0 + SLACK_DEG, frame.width_deg) - frame.west, frame.columns - 1)
            south = max(_steps(min(ay, by) + 90.0 - SLACK_DEG, frame.height_deg) - frame.south, 0)
            north = min(_steps(max(ay, by) + 90.0 + SLACK_DEG, frame.height_deg) - frame.south, frame.rows - 1)
            runs = _room(runs, 3 * (count + max(0, east - west + 1) * max(0, north - south + 1)))
            for row in range(south, north + 1):
                for column in range(west, east + 1):
                    if west < east and south < north and _misses(ax, ay, bx, by, frame, column, row):
                        continue
                    run = last[row * frame.columns + column]
                    if run >= 0 and runs[3 * run] + runs[3 * run + 1] == vertex:
                        runs[3 * run + 1] += 1
                        continue
                    runs[3 * count], runs[3 * count + 1], runs[3 * count + 2] = vertex, 1, run
                    last[row * frame.columns + column] = count
                    count += 1
    return runs, count


@kernel
def _steps(way_deg: float, step_deg: float) -> int:
    return int(np.floor(way_deg / step_deg))


@kernel
def _misses(ax: float, ay: float, bx: float, by: float, frame: _Frame, column: int, row: int) -> bool:
    """Whether a cell lies wholly on one side of an edge's line."""
    east = (frame.west + column + 0.5) * frame.width_deg - 180.0 - ax
    north = (frame.south + row + 0.5) * frame.height_deg - 90.0 - ay
    reach = abs(bx - ax) * (frame.height_deg / 2.0 + SLACK_DEG) + abs(by - ay) * (frame.width_deg / 2.0 + SLACK_DEG)
    return abs((bx - ax) * north - (by - ay) * east) > reach


@kernel
def _mark_inside(rings: Rings, polygon: int, moved_deg: float, frame: _Frame, inside: Ints) -> None:
    """Whether each cell's reference is inside, 0 or 1; 2 or 3 where it lies too near to an edge to say.

    Along a row of references, an edge that straddles the row turns everything east of it round.
    """
    for ring in range(rings.ring_start[polygon], rings.ring_start[polygon + 1]):
        for vertex in range(rings.vertex_start[ring], rings.vertex_start[ring + 1] - 1):
            ax, ay = rings.lonlat[2 * vertex] + moved_deg, rings.lonlat[2 * vertex + 1]
            bx, by = rings.lonlat[2 * vertex + 2] + moved_deg, rings.lonlat[2 * vertex + 3]
            south = max(_steps(min(ay, by) + 90.0, frame.height_deg) - frame.south - 1, 0)
            north = min(_steps(max(ay, by) + 90.0, frame.height_deg) - frame.south, frame.rows - 1)
            for row in range(south, north + 1):
                lat = reference_lat_deg(frame.south + row, frame.height_deg)
                if (ay > lat) == (by > lat):
                    continue
                lon = ax + (lat - ay) / (by - ay) * (bx - ax)
                first = max(first_reference_east_of(lon, frame.width_deg) - frame.west, 0)
                if first < frame.columns:
                    inside[row * frame.columns + first] ^= 1
                for column in range(max(first - 1, 0), min(first + 1, frame.columns)):
                    if abs(reference_lon_deg(frame.west + column, frame.width_deg) - lon) <= _NEAR_DEG:
                        inside[row * frame.columns + column] |= 2
    for row in range(frame.rows):
        for cell in range(row * frame.columns + 1, (row + 1) * frame.columns):
            inside[cell] ^= inside[cell - 1] & 1


@kernel
def gathered(codes: Ints, order: Ints32, start: Ints, word: Ints32) -> Records:
    """Records by code, those of one code joined; `codes` are sorted, `order` says which record each was."""
    n, words = len(codes), 0
    code, joined_start, joined = np.empty(n, dtype=np.int64), np.empty(n + 1, dtype=np.int64), np.empty_like(word)
    used = 0
    for place in range(n):
        if place == 0 or codes[place] != codes[place - 1]:
            code[used], joined_start[used] = codes[place], words
            used += 1
        for at in range(start[order[place]], start[order[place] + 1]):
            joined[words] = word[at]
            words += 1
    joined_start[used] = words
    return Records(code[:used].copy(), joined_start[: used + 1].copy(), joined)
