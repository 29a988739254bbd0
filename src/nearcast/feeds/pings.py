"""From a table with a file's own columns to a PingBatch."""

from collections.abc import Mapping

import numpy as np
import pyarrow

from nearcast.domain.errors import InvalidInput
from nearcast.feeds.columns import ArrowColumn, Column, instants_us, numbers, texts
from nearcast.geo.batch import PingBatch

# our names, each with the other names that files have for it; extra columns are nobody's business
NAMES: Mapping[str, tuple[str, ...]] = {
    "customer_id": ("customer_id", "subject"),
    "recorded_at": ("recorded_at", "ts"),
    "lat": ("lat",),
    "lon": ("lon",),
    "accuracy_m": ("accuracy_m",),
    "received_at": ("received_at",),
    "ping_id": ("ping_id",),
    "device_id": ("device_id",),
    "speed_mps": ("speed_mps",),
}
FILE_NAMES = tuple(name for names in NAMES.values() for name in names)
EARLIEST_US, LATEST_US = -2_208_988_800_000_000, 7_258_118_400_000_000  # 1900 and 2200
REQUIRED = ("customer_id", "recorded_at", "lat", "lon")


def batch_from(columns: Mapping[str, ArrowColumn], n: int, place: str) -> PingBatch:
    """n pings from a file's columns by their names there.

    InvalidInput names the column that is missing or holds the wrong kind, or the row, column and value that is missing,
    not a number, not an instant, infinite or, for accuracy and speed, negative.
    """
    found = _found(columns, n, place)
    recorded_at_us = instants_us(found["recorded_at"])
    received_at_us = instants_us(found["received_at"], instead_us=recorded_at_us)
    for column, instant_us in (("recorded_at", recorded_at_us), ("received_at", received_at_us)):
        beyond = np.flatnonzero((instant_us < EARLIEST_US) | (instant_us >= LATEST_US))
        if len(beyond):
            raise InvalidInput("is not between 1900 and 2200", place=f"{place}, row {beyond[0]}, column {column}")
    return PingBatch(
        customer_id=texts(found["customer_id"], is_required=True),
        recorded_at_us=recorded_at_us,
        received_at_us=received_at_us,
        lat_deg=numbers(found["lat"], is_required=True),
        lon_deg=numbers(found["lon"], is_required=True),
        accuracy_m=numbers(found["accuracy_m"], is_required=False, minimum=0.0),
        speed_mps=numbers(found["speed_mps"], is_required=False, minimum=0.0),
        ping_id=texts(found["ping_id"], is_required=False),
        device_id=texts(found["device_id"], is_required=False),
    )


def _found(columns: Mapping[str, ArrowColumn], n: int, place: str) -> dict[str, Column]:
    """Our nine columns; an optional one that the file lacks is empty."""
    found = {}
    for ours, names in NAMES.items():
        name = next((name for name in names if name in columns), None)
        if name is None and ours in REQUIRED:
            wanted = " or ".join(names)
            raise InvalidInput(f"there is no column {wanted}; there are {', '.join(columns) or 'none'}", place=place)
        cells = pyarrow.chunked_array([pyarrow.nulls(n)]) if name is None else columns[name]
        found[ours] = Column(name or ours, cells, place)
    return found
