"""How fast is matching, beside what else Python offers, on one machine in one run?"""

from time import perf_counter
from typing import Any

import numpy as np
import shapely

from nearcast.bench.workload import Workload, workload
from nearcast.domain.geofence import Area, Circle
from nearcast.geo.geodesy import circle_bounds_deg, distance_m
from nearcast.geo.matcher import FenceIndex


def bench_match(kind: str, fences: int, pings: int, seed: int) -> dict[str, Any]:
    """Build and match times of the matcher and of its peers on one workload, as one JSON object.

    `ratios` say how many times a peer's match time the matcher takes less; `agrees`, whether all found the same number
    of pairs. One thread, second run of each, so that caches are warm for all. InvalidInput for an unknown kind.
    """
    work = workload(kind, fences=fences, pings=pings, seed=seed)
    ours = _timed(_Matcher, work)
    peers = {"shapely_strtree": _timed(_StrTree, work)}
    return {
        "kind": kind,
        "fences": fences,
        "pings": pings,
        "seed": seed,
        **ours,
        "peers": peers,
        "ratios": {name: round(peer["match_s"] / ours["match_s"], 2) for name, peer in peers.items()},
        "agrees": all(peer["pairs"] == ours["pairs"] for peer in peers.values()),
    }


class _Matcher:
    def __init__(self, work: Workload) -> None:
        self._index = FenceIndex(work.geofences)

    def pairs(self, work: Workload) -> int:
        return len(self._index.match(work.lat_deg, work.lon_deg))


class _StrTree:
    """shapely's tree with its predicate for polygons; boxes and then the geodesic for circles."""

    def __init__(self, work: Workload) -> None:
        boundaries = [geofence.boundary for geofence in work.geofences]
        wkb = [boundary.wkb for boundary in boundaries if isinstance(boundary, Area)]
        circles = [boundary for boundary in boundaries if isinstance(boundary, Circle)]
        self._lat_deg = np.array([circle.center.lat_deg for circle in circles], dtype=np.float64)
        self._lon_deg = np.array([circle.center.lon_deg for circle in circles], dtype=np.float64)
        self._radius_m = np.array([circle.radius_m for circle in circles], dtype=np.float64)
        boxes_deg = circle_bounds_deg(self._lat_deg, self._lon_deg, self._radius_m)
        self._areas = shapely.STRtree(shapely.from_wkb(np.array(wkb, dtype=object)))
        self._boxes = shapely.STRtree(shapely.box(*boxes_deg.T))

    def pairs(self, work: Workload) -> int:
        points = shapely.points(work.lon_deg, work.lat_deg)
        in_areas = self._areas.query(points, predicate="intersects").shape[1]
        row, circle = self._boxes.query(points)
        away_m = distance_m(self._lat_deg[circle], self._lon_deg[circle], work.lat_deg[row], work.lon_deg[row])
        return int(in_areas + (away_m <= self._radius_m[circle]).sum())


def _timed(contender: type[_Matcher] | type[_StrTree], work: Workload) -> dict[str, Any]:
    started = perf_counter()
    built = contender(work)
    build_s = perf_counter() - started
    built.pairs(work)
    started = perf_counter()
    pairs = built.pairs(work)
    match_s = perf_counter() - started
    return {
        "pairs": pairs,
        "build_s": round(build_s, 4),
        "match_s": round(match_s, 4),
        "pings_per_s": round(len(work.lat_deg) / match_s),
    }
