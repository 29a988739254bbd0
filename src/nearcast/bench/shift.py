"""One worker's part of `bench engine`: some of the customers, all geofences, a world of its own."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from nearcast.bench.installation import installation
from nearcast.bench.phases import Phases
from nearcast.bench.walkers import walkers
from nearcast.bench.workload import workload
from nearcast.domain.errors import InvalidInput
from nearcast.geo.batch import PingBatch
from nearcast.geo.matcher import FenceIndex
from nearcast.services.batches import take_batch
from nearcast.services.ingest import Door, Ledgers
from nearcast.services.instants import as_instant
from nearcast.services.world import World

_PINGS_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """The customers whose number leaves `worker` when divided by `workers`."""

    customers: int
    fences: int
    pings: int
    seed: int
    worker: int = 0
    workers: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What came of a shift; the two instants are on a clock that all processes share."""

    started_s: float
    stopped_s: float
    pings: int
    inside: int
    transitions: int
    outcomes: Counter[str]
    reasons: Counter[str]
    messages: int
    phases_s: dict[str, float]


def work(shift: Shift, begin: Callable[[], object], say: Callable[[str], None]) -> Done:
    """Take the customers' pings, oldest first, in batches of 10,000, as soon as `begin` returns; before that everybody
    has been seen once. InvalidInput where there are fewer geofences than those that the customers come to, or fewer
    customers than can send so many pings in a day.
    """
    say("walks")
    walking = walkers(shift.customers, -(-shift.pings // shift.customers) + 1, shift.seed)
    near = len(walking.geofences)
    if shift.fences < near:
        raise InvalidInput(f"{shift.fences} are fewer than the {near} that customers come to", place="--fences")
    say("geofences")
    elsewhere = workload("shops", fences=shift.fences - near, pings=1, seed=shift.seed).geofences
    geofences = [*walking.geofences, *elsewhere]
    first, rest = _own(walking.pings, walking.customer_id, shift)
    world = installation(walking.customer_id, geofences, as_instant(int(walking.pings.recorded_at_us[0])))
    door = Door(world, Ledgers(world))
    say("first sight")
    _take(world, door, first)
    transitions, rows, messages = len(world.transitions), len(world.rows), len(world.messages)
    begin()
    say("pings")
    started_s = perf_counter()
    with Phases() as phases:
        _take(world, door, rest)
    stopped_s = perf_counter()
    pairs = FenceIndex(geofences).match(rest.lat_deg, rest.lon_deg)
    return Done(
        started_s=started_s,
        stopped_s=stopped_s,
        pings=len(rest),
        inside=len(np.unique(pairs.ping_row)),
        transitions=len(world.transitions) - transitions,
        outcomes=Counter(str(row["outcome"]) for row in world.rows[rows:]),
        reasons=Counter(str(row["reason"]) for row in world.rows[rows:]),
        messages=len(world.messages) - messages,
        phases_s=phases.seconds(stopped_s - started_s),
    )


def _own(pings: PingBatch, customer_ids: list[str], shift: Shift) -> tuple[PingBatch, PingBatch]:
    """The worker's customers' first pings, and those after."""
    own = set(customer_ids[shift.worker :: shift.workers])
    rows = np.arange(shift.customers + shift.pings)
    is_own = np.array([key in own for key in pings.customer_id[rows]], dtype=np.bool_)
    is_first = rows < shift.customers
    return pings.take(rows[is_own & is_first]), pings.take(rows[is_own & ~is_first])


def _take(world: World, door: Door, pings: PingBatch) -> None:
    for first in range(0, len(pings), _PINGS_AT_ONCE):
        some = pings.take(np.arange(first, min(first + _PINGS_AT_ONCE, len(pings))))
        take_batch(world, door, some, as_instant(int(some.received_at_us[-1])))
