"""Pings as columns: a million of them are ten arrays, not a million objects."""

from collections.abc import Iterable, Sequence
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


class OnePing:
    """A batch of one, its values in the order of the columns, which are not made yet: one of them costs as much as that
    of many such pings.
    """

    __slots__ = ("values",)

    def __init__(self, *values: str | float | None) -> None:
        self.values = values

    def __len__(self) -> int:
        return 1


def joined(parts: Iterable[PingBatch | OnePing]) -> PingBatch:
    """All pings, one after the other; no part gives an empty batch."""
    batches, ones = list[PingBatch](), list[OnePing]()
    for part in parts:
        if isinstance(part, OnePing):
            ones.append(part)
            continue
        batches += [*_columned(ones), part]
        ones.clear()
    batches += _columned(ones)
    if len(batches) == 1:
        return batches[0]
    return PingBatch(
        **{name: _column(kind, [getattr(each, name) for each in batches]) for name, kind in _KINDS.items()}
    )


def _column(kind: Any, parts: Sequence[NDArray[Any]]) -> Any:
    return np.concatenate(parts) if parts else np.empty(0, dtype=kind)


def _columned(pings: Sequence[OnePing]) -> list[PingBatch]:
    """In one batch, if there are any."""
    if not pings:
        return []
    columns = zip(_KINDS.items(), zip(*[ping.values for ping in pings], strict=True), strict=True)
    values: dict[str, Any] = {name: np.array(column, dtype=kind) for (name, kind), column in columns}
    return [PingBatch(**values)]


_KINDS: dict[str, Any] = {
    "customer_id": object,
    **dict.fromkeys(("recorded_at_us", "received_at_us"), np.int64),
    **dict.fromkeys(("lat_deg", "lon_deg", "accuracy_m", "speed_mps"), np.float64),
    **dict.fromkeys(("ping_id", "device_id"), object),
}
