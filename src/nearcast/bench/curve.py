"""How the rate falls as geofences grow in number."""

from collections.abc import Callable, Sequence
from typing import Any

from nearcast.bench.contest import OF_THIS_PROCESS, contest
from nearcast.bench.grounds import Grounds
from nearcast.bench.ours import measured
from nearcast.bench.workload import workload
from nearcast.domain.errors import InvalidInput

SIZES = (100, 1_000, 10_000, 100_000, 1_000_000)

_PEER_PINGS = 100_000
_TOO_LONG_S = 30.0


def sizes_of(text: str) -> list[int]:
    """Numbers of geofences, smallest first; InvalidInput for what is none."""
    try:
        sizes = sorted({int(part) for part in text.split(",")})
    except ValueError:
        raise InvalidInput(f"{text!r} are not whole numbers with commas between", place="--sizes") from None
    if sizes[0] < 1:
        raise InvalidInput(f"{sizes[0]} geofences are too few", place="--sizes")
    return sizes


def curve(
    kind: str, sizes: Sequence[int], pings: int, seed: int, peers: Sequence[str], say: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Pings per second at each size, with one thread and with all, and those of the peers of this process, on fewer
    pings; a peer that took too long at one size is not asked at larger ones.
    """
    asked = [name for name in OF_THIS_PROCESS if name in peers]
    points: list[dict[str, Any]] = []
    for size in sizes:
        say(f"{size:,} geofences")
        work = workload(kind, fences=size, pings=pings, seed=seed)
        alone, together = measured(work, threads=1), measured(work)
        point: dict[str, Any] = {
            "fences": size,
            "pings": pings,
            "build_s": round(together.build_s, 6),
            "one_thread_pings_per_s": round(pings / alone.match_s),
            "pings_per_s": round(pings / together.match_s),
            "peers": {},
        }
        grounds = Grounds.of(work.geofences)
        for name in tuple(asked):
            say(f"{size:,} geofences: {name}")
            result = contest(work, grounds, name, None, together.pairs, most_pings=_PEER_PINGS)
            point["peers"][name] = result["pings_per_s"]
            if result["build_s"] + result["match_s"] > _TOO_LONG_S:
                asked.remove(name)
        points.append(point)
    return points
