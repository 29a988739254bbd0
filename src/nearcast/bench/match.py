"""How fast is matching, beside what else one would use, on one machine in one run?"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nearcast.bench.contest import Address, chosen, contests
from nearcast.bench.curve import SIZES, curve, sizes_of
from nearcast.bench.grounds import Grounds
from nearcast.bench.ours import Ours, bytes_per_circle, measured, warmed_up
from nearcast.bench.peers import STRtree
from nearcast.bench.plot import check_plot, draw
from nearcast.bench.workload import Workload, workload
from nearcast.geo.batch import Ints
from nearcast.geo.pairs import Pairs


def bench_match(
    kind: str,
    fences: int,
    pings: int,
    seed: int,
    *,
    peers: str = "all",
    addresses: Mapping[str, Address] | None = None,
    check: bool = False,
    plot: Path | None = None,
    sizes: str | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Build and match times of the matcher and of its peers on one workload, as one JSON object.

    A peer's `ratio` says how many times its rate ours is, with all threads. `agrees`: whether all that decide by the
    same rules found as many pairs. Kernels are compiled before any clock runs, in `kernels_s`. With `check`,
    every pair is held against shapely and the geodesic. `plot` and `sizes` add a curve over numbers of geofences.

    InvalidInput for an unknown kind or peer, a server that does not answer, a plot that could not be written.
    """
    addresses = addresses or {}
    names = [*dict.fromkeys([*chosen(peers), *addresses])]
    counts = sizes_of(sizes) if sizes is not None else list(SIZES)
    if plot is not None:
        check_plot(plot)
    say("workload")
    work = workload(kind, fences=fences, pings=pings, seed=seed)
    say("kernels")
    kernels_s = warmed_up()
    say("nearcast, one thread and all")
    alone, ours = measured(work, threads=1), measured(work)
    grounds = Grounds.of(work.geofences)
    must_be_there = peers != "all"
    results, absent = contests(work, grounds, names, addresses, ours.pairs, must_be_there=must_be_there, say=say)
    for peer in results.values():
        peer["ratio"] = _ratio(pings / ours.match_s, peer)
        peer["ratio_one_thread"] = _ratio(pings / alone.match_s, peer)
    result = {
        "kind": kind,
        "fences": fences,
        "pings": pings,
        "seed": seed,
        "kernels_s": round(kernels_s, 6),
        **_told(work, ours),
        "one_thread": _rates(alone, pings),
        "peers": results,
        "absent": absent,
        "ratios": {name: peer["ratio"] for name, peer in results.items()},
        "agrees": all(peer.get("agrees", True) for peer in results.values()),
    }
    if check:
        say("every pair")
        result["verified"] = _differences(ours.pairs, STRtree(grounds).pairs(work.lat_deg, work.lon_deg), fences)
    if plot is not None or sizes is not None:
        result["curve"] = curve(kind, counts, pings, seed, names, say)
    if plot is not None:
        draw(result["curve"], f"Matching {pings:,} pings, workload {kind}, {_cores()} cores", plot)
    return result


def _told(work: Workload, ours: Ours) -> dict[str, Any]:
    fences = len(work.geofences)
    return {
        "pairs": len(ours.pairs),
        "build_s": round(ours.build_s, 6),
        "fences_per_s": round(fences / ours.build_s),
        "memory_mb": round(ours.memory_bytes / 1e6, 1),
        "bytes_per_fence": round(ours.memory_bytes / fences),
        "bytes_per_circle": bytes_per_circle(work.geofences),
        "edit_s": round(ours.edit_s, 6),
        "threads": _cores(),
        **_rates(ours, len(work.lat_deg)),
    }


def _rates(ours: Ours, pings: int) -> dict[str, Any]:
    return {
        "match_s": round(ours.match_s, 6),
        "pings_per_s": round(pings / ours.match_s),
        "pairs_per_s": round(len(ours.pairs) / ours.match_s),
    }


def _ratio(pings_per_s: float, peer: Mapping[str, Any]) -> float:
    return round(pings_per_s / float(peer["pings_per_s"]), 2)


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _differences(ours: Pairs, theirs: Pairs, fences: int) -> dict[str, int]:
    """How many pairs were compared, and how many only one of the two found."""
    mine, other = _named(ours, fences), _named(theirs, fences)
    return {"pairs": len(np.union1d(mine, other)), "differences": len(np.setxor1d(mine, other))}


def _named(pairs: Pairs, fences: int) -> Ints:
    """One number for each pair."""
    number: Ints = pairs.ping_row * fences + pairs.slot
    return number
