"""How many pings a second go through match, visits and decisions, with all rules on, without HTTP and database?"""

from collections import Counter
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

from nearcast.bench.installation import installation
from nearcast.bench.phases import Phases
from nearcast.bench.walkers import walkers
from nearcast.bench.workload import workload
from nearcast.domain.errors import InvalidInput
from nearcast.domain.geofence import Geofence
from nearcast.geo.batch import PingBatch
from nearcast.geo.matcher import FenceIndex
from nearcast.services.batches import take_batch
from nearcast.services.ingest import Door
from nearcast.services.instants import as_instant
from nearcast.services.world import World

_PINGS_AT_ONCE = 10_000


def bench_engine(
    customers: int, fences: int, pings: int, seed: int, *, say: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Customers walk through cities and meet geofences, each with a campaign of its own, as one JSON object.

    Batches of 10,000 pings in time order; before the clock runs, everybody has been seen once. The other geofences lie
    about the country. InvalidInput where there are fewer geofences than those that the customers come to, or fewer
    customers than can send so many pings in a day.
    """
    say("walks")
    each = -(-pings // customers)
    walking = walkers(customers, each + 1, seed)
    batch = walking.pings.take(np.arange(customers + pings))
    if fences < len(walking.geofences):
        near = len(walking.geofences)
        raise InvalidInput(f"{fences} are fewer than the {near} that customers come to", place="--fences")
    say("geofences")
    elsewhere = workload("shops", fences=fences - len(walking.geofences), pings=1, seed=seed).geofences
    geofences = [*walking.geofences, *elsewhere]
    world = installation(walking.customer_id, geofences, as_instant(int(batch.recorded_at_us[0])))
    door = Door(world)
    say("first sight")
    _take(world, door, batch, 0, customers)
    before = _told(world)
    say("pings")
    started = perf_counter()
    with Phases() as phases:
        _take(world, door, batch, customers, customers + pings)
    taken_s = perf_counter() - started
    say("shares")
    transitions, rows, messages = (after - known for after, known in zip(_told(world), before, strict=True))
    return {
        "customers": customers,
        "fences": fences,
        "pings": pings,
        "seed": seed,
        "seconds": round(taken_s, 4),
        "pings_per_s": round(pings / taken_s),
        "share_inside": round(_share_inside(geofences, batch.take(np.arange(customers, customers + pings))), 4),
        "share_transitions": round(transitions / pings, 5),
        "transitions": transitions,
        "verdicts": rows,
        "outcomes": _counted(world, before[1], "outcome"),
        "reasons": _counted(world, before[1], "reason"),
        "messages": messages,
        "phases_s": phases.seconds(taken_s),
    }


def _take(world: World, door: Door, batch: PingBatch, start: int, stop: int) -> None:
    for first in range(start, stop, _PINGS_AT_ONCE):
        some = batch.take(np.arange(first, min(first + _PINGS_AT_ONCE, stop)))
        take_batch(world, door, some, as_instant(int(some.received_at_us[-1])))


def _told(world: World) -> tuple[int, int, int]:
    """Transitions, verdicts and messages so far."""
    return len(world.transitions), len(world.rows), len(world.messages)


def _counted(world: World, first: int, name: str) -> dict[str, int]:
    return dict(Counter(str(row[name]) for row in world.rows[first:]).most_common())


def _share_inside(geofences: list[Geofence], pings: PingBatch) -> float:
    pairs = FenceIndex(geofences).match(pings.lat_deg, pings.lon_deg)
    return len(np.unique(pairs.ping_row)) / len(pings)
