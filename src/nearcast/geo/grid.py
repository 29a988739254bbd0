"""The grid that geofences are cut into, and the order in which its cells are stored and pings are asked.

Level L halves the globe L times in longitude and in latitude. A leaf is a cell of the finest level; its code
interleaves the bits of its column and row (Morton 1966, a Z-order curve), so that a coarser cell is a run of leaves.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

from nearcast.geo.batch import Floats, Ints

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

LEAF_LEVEL = 26  # half a metre, two bits of code for each level
SLACK_DEG = 1e-9  # 0.1 mm: far above the rounding of degrees to cells, far below a leaf
_LEAVES = 1 << LEAF_LEVEL
_LEAVES_PER_DEG_EAST, _LEAVES_PER_DEG_NORTH = _LEAVES / 360.0, _LEAVES / 180.0
_REFERENCE_EAST, _REFERENCE_NORTH = 0.4871209, 0.5263187  # of a cell; no grid that people draw on has such places
_MOST_DIGIT_BITS = 12


def kernel(function: Kernel) -> Kernel:
    """Compiled on first use, kept on disk, and run without the interpreter's lock."""
    return cast("Kernel", numba.njit(nogil=True, cache=True)(function))


@kernel
def leaf_column(lon_deg: float) -> int:
    """Of a longitude; never falls as the longitude grows, and those beyond ±180 have the outermost."""
    return min(max(int((lon_deg + 180.0) * _LEAVES_PER_DEG_EAST), 0), _LEAVES - 1)


@kernel
def leaf_row(lat_deg: float) -> int:
    """Of a latitude, likewise."""
    return min(max(int((lat_deg + 90.0) * _LEAVES_PER_DEG_NORTH), 0), _LEAVES - 1)


@kernel
def _spread(number: int) -> int:
    """A zero before every bit."""
    number = (number | (number << 16)) & 0x0000FFFF0000FFFF
    number = (number | (number << 8)) & 0x00FF00FF00FF00FF
    number = (number | (number << 4)) & 0x0F0F0F0F0F0F0F0F
    number = (number | (number << 2)) & 0x3333333333333333
    return (number | (number << 1)) & 0x5555555555555555


@kernel
def code_of(column: int, row: int) -> int:
    return _spread(column) | (_spread(row) << 1)


@kernel
def leaf_codes(lat_deg: Floats, lon_deg: Floats) -> Ints:
    codes = np.empty(len(lat_deg), dtype=np.int64)
    for place in range(len(lat_deg)):
        codes[place] = code_of(leaf_column(lon_deg[place]), leaf_row(lat_deg[place]))
    return codes


@kernel
def reference_lon_deg(column: int, width_deg: float) -> float:
    """The place in a cell that its border edges are counted from."""
    return (column + _REFERENCE_EAST) * width_deg - 180.0


@kernel
def reference_lat_deg(row: int, height_deg: float) -> float:
    return (row + _REFERENCE_NORTH) * height_deg - 90.0


@kernel
def first_reference_east_of(lon_deg: float, width_deg: float) -> int:
    """The first column whose reference lies east of a longitude, but for rounding."""
    return int(np.ceil((lon_deg + 180.0) / width_deg - _REFERENCE_EAST))


@kernel
def order_by_code(codes: Ints, low_bit: int, high_bit: int) -> tuple[NDArray[np.int32], Ints]:
    """The order that sorts by bits low…high, and the codes in that order; equal ones stay as they were (radix sort)."""
    n = len(codes)
    order, other_order = np.arange(n).astype(np.int32), np.empty(n, dtype=np.int32)
    codes, other_codes = codes.copy(), np.empty(n, dtype=np.int64)
    passes = -(-(high_bit - low_bit) // _MOST_DIGIT_BITS)
    digit_bits = -(-(high_bit - low_bit) // passes)
    for bit in range(low_bit, high_bit, digit_bits):
        ends = np.zeros((1 << digit_bits) + 1, dtype=np.int64)
        mask = (1 << min(digit_bits, high_bit - bit)) - 1
        for place in range(n):
            ends[((codes[place] >> bit) & mask) + 1] += 1
        for digit in range(mask + 1):
            ends[digit + 1] += ends[digit]
        for place in range(n):
            digit = (codes[place] >> bit) & mask
            other_codes[ends[digit]] = codes[place]
            other_order[ends[digit]] = order[place]
            ends[digit] += 1
        codes, other_codes = other_codes, codes
        order, other_order = other_order, order
    return order, codes


@kernel
def sort_few(values: NDArray[np.int32] | Ints, start: int, end: int) -> None:
    """Sort values[start:end] in place: mostly a handful, rarely thousands (Shell sort with the gaps of Ciura 2001)."""
    for gap in (1750, 701, 301, 132, 57, 23, 10, 4, 1):
        if gap >= end - start:
            continue
        for place in range(start + gap, end):
            value = values[place]
            before = place
            while before - gap >= start and values[before - gap] > value:
                values[before] = values[before - gap]
                before -= gap
            values[before] = value
