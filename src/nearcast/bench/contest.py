"""Who is measured, on how many pings, and against what it is held."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from time import perf_counter
from typing import Any, TypeAlias

import numpy as np

from nearcast.bench.grounds import Grounds
from nearcast.bench.peers import Matcher, RTreeLoop, SpatialJoin, STRtree
from nearcast.bench.postgis import postgis
from nearcast.bench.redis import geosearch
from nearcast.bench.servers import Absent, postgis_server, redis_server, tile38_server
from nearcast.bench.stopwatch import timed
from nearcast.bench.tile38 import hooks
from nearcast.bench.workload import Workload
from nearcast.domain.errors import InvalidInput
from nearcast.geo.pairs import Pairs

Address: TypeAlias = Any
"""A URL, or a host and a port; None for peers of this process."""

_WARM_SHARE = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """`most_pings`: a slow one is asked that many, and its rate taken for all. `rounds_otherwise` says how its
    decisions near an edge differ; None where they must not.
    """

    build: Callable[[Grounds, Address], AbstractContextManager[Matcher]]
    server: Callable[[], AbstractContextManager[Address]] = nullcontext
    most_pings: int | None = None
    circles_only: bool = False
    rounds_otherwise: str | None = None


PEERS: dict[str, Peer] = {
    "rtree_loop": Peer(build=lambda grounds, _: nullcontext(RTreeLoop(grounds)), most_pings=20_000),
    "shapely_strtree": Peer(build=lambda grounds, _: nullcontext(STRtree(grounds))),
    "geopandas_sjoin": Peer(build=lambda grounds, _: nullcontext(SpatialJoin(grounds))),
    "postgis": Peer(build=postgis, server=postgis_server, most_pings=100_000),
    "redis_geosearch": Peer(
        build=lambda grounds, at: geosearch(grounds, *at),
        server=redis_server,
        most_pings=20_000,
        circles_only=True,
        rounds_otherwise="haversine on a sphere, positions rounded to 52 bits",
    ),
    "tile38": Peer(
        build=lambda grounds, at: hooks(grounds, *at),
        server=tile38_server,
        most_pings=20_000,
        rounds_otherwise="circles by haversine on a sphere",
    ),
}
OF_THIS_PROCESS = ("rtree_loop", "shapely_strtree", "geopandas_sjoin")


def chosen(names: str) -> list[str]:
    """The peers in `all`, `none` or a list with commas; InvalidInput names one that there is not."""
    if names in ("all", "none"):
        return list(PEERS) if names == "all" else []
    asked = [name.strip() for name in names.split(",")]
    for name in asked:
        if name not in PEERS:
            raise InvalidInput(f"{name!r} is none of {', '.join(PEERS)}, all, none", place="--peers")
    return list(dict.fromkeys(asked))


def addresses_of(*, postgis: str | None, redis: str | None, tile38: str | None) -> dict[str, Address]:
    """The servers that are given, by peer; InvalidInput for what is no HOST:PORT."""
    given = {
        "postgis": postgis,
        "redis_geosearch": _host_and_port(redis, "--redis"),
        "tile38": _host_and_port(tile38, "--tile38"),
    }
    return {name: address for name, address in given.items() if address is not None}


def _host_and_port(text: str | None, place: str) -> tuple[str, int] | None:
    if text is None:
        return None
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise InvalidInput(f"{text!r} is no HOST:PORT", place=place)
    return host.strip("[]"), int(port)


def contest(
    work: Workload,
    grounds: Grounds,
    name: str,
    address: Address,
    found: Pairs,
    *,
    most_pings: int | None = None,
) -> dict[str, Any]:
    """What one peer makes of the workload; `found` are the pairs it is held against. Absent where it cannot be had."""
    peer = PEERS[name]
    if peer.circles_only and not len(grounds.circle_slot):
        raise Absent("it holds circles only, and this workload has none", place="--peers")
    asked = min(len(work.lat_deg), *(most for most in (peer.most_pings, most_pings) if most), len(work.lat_deg))
    lat_deg, lon_deg = work.lat_deg[:asked], work.lon_deg[:asked]
    with nullcontext(address) if address else peer.server() as place:
        started = perf_counter()
        with peer.build(grounds, place) as matcher:
            build_s = perf_counter() - started
            warm = -(-asked // _WARM_SHARE)
            matcher.ready(lat_deg[:warm], lon_deg[:warm])()()
            pairs, match_s = timed(matcher.ready(lat_deg, lon_deg))
    row, slot = found.ping_row, found.slot
    ours = row < asked
    if peer.circles_only:
        ours &= np.isin(slot, grounds.circle_slot)
    return {
        "pings": asked,
        "is_extrapolated": asked < len(work.lat_deg),
        "fences": len(grounds.circle_slot) if peer.circles_only else len(grounds),
        "build_s": round(build_s, 6),
        "match_s": round(match_s, 6),
        "pings_per_s": round(asked / match_s),
        "pairs": pairs,
        **_held_against(pairs, int(ours.sum()), peer),
    }


def _held_against(pairs: int, ours: int, peer: Peer) -> dict[str, Any]:
    if peer.rounds_otherwise is None:
        return {"agrees": pairs == ours}
    return {"differs_by": pairs - ours, "because": peer.rounds_otherwise}


def contests(
    work: Workload,
    grounds: Grounds,
    names: Sequence[str],
    addresses: Mapping[str, Address],
    found: Pairs,
    *,
    must_be_there: bool,
    say: Callable[[str], None],
    most_pings: int | None = None,
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """All of some peers, and why others could not be had."""
    results: dict[str, dict[str, Any]] = {}
    absent: dict[str, str] = {}
    for name in names:
        say(name)
        try:
            results[name] = contest(work, grounds, name, addresses.get(name), found, most_pings=most_pings)
        except Absent as error:
            if must_be_there:
                raise InvalidInput(f"{name}: {error.message}", place="--peers") from error
            absent[name] = error.message
    return results, absent
