"""Pings as columns: a million of them are ten arrays, not a million objects."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Texts: TypeAlias = NDArray[Any]  # object arrays of str, None where absent


@dataclass(frozen=True, slots=True, kw_only=True)
class PingBatch:
    """n pings in the order they were read; all columns have length n.

    Instants are microseconds since 1970 UTC. `received_at_us` is `recorded_at_us` where the source has none.
    `accuracy_m` is the radius that holds the true position with 68 %, NaN where unknown; `speed_mps` likewise NaN.
    Latitudes and longitudes are as read: finite, but not yet checked for range.
    """

    customer_id: Texts
    recorded_at_us: Ints
    received_at_us: Ints
    lat_deg: Floats
    lon_deg: Floats
    accuracy_m: Floats
    speed_mps: Floats
    ping_id: Texts
    device_id: Texts

    def __len__(self) -> int:
        return len(self.lat_deg)

    def take(self, rows: Sequence[int] | Ints) -> "PingBatch":
        """Some of the pings, in that order."""
        chosen = np.asarray(rows, dtype=np.int64)
        return PingBatch(**{column.name: getattr(self, column.name)[chosen] for column in fields(self)})
