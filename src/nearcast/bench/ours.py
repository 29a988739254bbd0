"""The matcher itself under the clock: what it costs to build, to keep and to ask."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from time import perf_counter

import numpy as np

from nearcast.bench.stopwatch import timed
from nearcast.bench.workload import KINDS, Workload, workload
from nearcast.domain.geofence import Circle, Geofence
from nearcast.domain.position import Position
from nearcast.geo.matcher import FenceIndex
from nearcast.geo.pairs import Pairs

_WARM_FENCES, _WARM_PINGS = 300, 3_000
_EDITS = 20
_ELSEWHERE = Circle(Position(0.0, 0.0), 100.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ours:
    """One index: `memory_bytes` of its compiled base, `pairs` of all pings, `match_s` of one run over them; `edit_s` is
    from the edit of a geofence to the answer that knows of it.
    """

    build_s: float
    memory_bytes: int
    match_s: float
    pairs: Pairs
    edit_s: float


def measured(work: Workload, *, threads: int | None = None) -> Ours:
    """Build and match, with caches warm; by default in as many threads as there are cores."""
    started = perf_counter()
    index = _compiled(work.geofences, threads)
    build_s = perf_counter() - started
    pairs = index.match(work.lat_deg, work.lon_deg)
    _, match_s = timed(lambda: index.match(work.lat_deg, work.lon_deg).__len__)
    memory_bytes = index.memory_bytes
    edits_s = [_edit_s(index, geofence) for geofence in work.geofences[:_EDITS]]
    return Ours(build_s=build_s, memory_bytes=memory_bytes, match_s=match_s, pairs=pairs, edit_s=median(edits_s))


def _edit_s(index: FenceIndex, geofence: Geofence) -> float:
    started = perf_counter()
    index.put(replace(geofence, boundary=_ELSEWHERE, revision=2))
    index.match(np.array([_ELSEWHERE.center.lat_deg]), np.array([_ELSEWHERE.center.lon_deg]))
    return perf_counter() - started


def bytes_per_circle(geofences: Sequence[Geofence]) -> int | None:
    """What a base of the circles alone takes for each; None where there are none."""
    circles = [geofence for geofence in geofences if isinstance(geofence.boundary, Circle)]
    return round(_compiled(circles, None).memory_bytes / len(circles)) if circles else None


def warmed_up() -> float:
    """Have every kernel compiled, once for all that follows; the seconds it took."""
    started = perf_counter()
    for kind in KINDS:
        work = workload(kind, fences=_WARM_FENCES, pings=_WARM_PINGS, seed=1)
        _compiled(work.geofences, None).match(work.lat_deg, work.lon_deg)
    return perf_counter() - started


def _compiled(geofences: Sequence[Geofence], threads: int | None) -> FenceIndex:
    return FenceIndex(geofences, threads=threads, compile_from=1)
