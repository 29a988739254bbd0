"""Geometry alone: which pings of a file lie in which geofences of another. No ping rules, no visits."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from nearcast.domain.errors import InvalidInput, NearcastError
from nearcast.domain.geofence import Geofence
from nearcast.domain.position import MAX_LON_DEG
from nearcast.geo import oracle
from nearcast.geo.batch import Ints, PingBatch, Texts
from nearcast.geo.matcher import FenceIndex, get_ready
from nearcast.geo.pairs import Pairs
from nearcast.services.ports import Progress

_ROWS = 262_144


class DiffersFromOracle(NearcastError):
    """The index and brute force disagree: a fault of ours."""


@dataclass(frozen=True, slots=True)
class Matched:
    """The pairs, sorted by ping row and slot, and what it took; slot n is geofence n."""

    batch: PingBatch
    geofences: list[Geofence]
    pairs: Pairs
    read_s: float
    build_s: float
    match_s: float

    def ids(self) -> tuple[Texts, Texts]:
        """The customer and the geofence of every pair."""
        names: Texts = np.array([geofence.id for geofence in self.geofences], dtype=object)
        return self.batch.customer_id[self.pairs.ping_row], names[self.pairs.slot]

    def summary(self) -> dict[str, float]:
        return {
            "pings": len(self.batch),
            "geofences": len(self.geofences),
            "pairs": len(self.pairs),
            "read_s": round(self.read_s, 6),
            "build_s": round(self.build_s, 6),
            "match_s": round(self.match_s, 6),
        }


def match_files(read: Callable[[], tuple[PingBatch, list[Geofence]]], pings: Path, progress: Progress) -> Matched:
    """Read both and match. InvalidInput names the row of a ping that lies nowhere on the earth."""
    started = perf_counter()
    batch, geofences = read()
    _refuse_out_of_range(batch, pings)
    read_s = perf_counter() - started
    get_ready(len(geofences))
    started = perf_counter()
    index = FenceIndex(geofences)
    built_at = perf_counter()
    pairs = _in_slices(index, batch, progress)
    return Matched(batch, geofences, pairs, read_s, built_at - started, perf_counter() - built_at)


def verify(matched: Matched, progress: Progress) -> None:
    """Match again by brute force, every ping against every geofence; DiffersFromOracle unless it finds the same."""
    batch = matched.batch
    found: set[tuple[int, int]] = set()
    for start in range(0, len(batch), _ROWS):
        rows = slice(start, start + _ROWS)
        pairs = oracle.match(matched.geofences, batch.lat_deg[rows], batch.lon_deg[rows])
        found |= set(zip((pairs.ping_row + start).tolist(), pairs.slot.tolist(), strict=True))
        progress(min(start + _ROWS, len(batch)), len(batch))
    differing = found ^ set(zip(matched.pairs.ping_row.tolist(), matched.pairs.slot.tolist(), strict=True))
    if differing:
        row, slot = min(differing)
        first = f"ping row {row}, geofence {matched.geofences[slot].id}"
        raise DiffersFromOracle(f"{len(differing)} pairs differ from brute force, the first: {first}")


def _in_slices(index: FenceIndex, batch: PingBatch, progress: Progress) -> Pairs:
    ping_rows: list[Ints] = []
    slots: list[Ints] = []
    for start in range(0, len(batch), _ROWS):
        rows = slice(start, start + _ROWS)
        pairs = index.match(batch.lat_deg[rows], batch.lon_deg[rows])
        ping_rows.append(pairs.ping_row + start)
        slots.append(pairs.slot)
        progress(min(start + _ROWS, len(batch)), len(batch))
    empty = np.array([], dtype=np.int64)
    return Pairs(np.concatenate([empty, *ping_rows]), np.concatenate([empty, *slots]))


def _refuse_out_of_range(batch: PingBatch, path: Path) -> None:
    for name, values, limit in (("lat", batch.lat_deg, 90.0), ("lon", batch.lon_deg, MAX_LON_DEG)):
        beyond = np.flatnonzero(~(np.abs(values) <= limit))
        if len(beyond):
            row = int(beyond[0])
            raise InvalidInput(f"{name} {values[row]} is not in -{limit:g}…{limit:g}", place=f"{path}, row {row}")
