"""Many pings at once: the door, where each of them is, and which change nothing; only the others become objects."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from nearcast.domain.ids import CustomerId
from nearcast.domain.message import Message
from nearcast.geo.batch import Ints, PingBatch
from nearcast.services.calm import Coming
from nearcast.services.engine import take_pings
from nearcast.services.ingest import Arrivals, Door, fix_of, in_order_of_arrival, taken_us
from nearcast.services.instants import as_us
from nearcast.services.matching import count_calm
from nearcast.services.world import World


@dataclass(frozen=True, slots=True)
class Stir:
    """Pings of one customer that came in at one instant, by row; they compete, and may change something."""

    received_us: int
    customer_id: CustomerId
    rows: list[int]


class Stretch:
    """Pings that come in one after another while neither geofences nor consents are edited.

    `stirs` are those that may change something, by arrival, then by customer. The others are found in their customers'
    tracks as soon as they have come, which `come_to` and `end` say.
    """

    def __init__(
        self, world: World, door: Door, arrivals: Arrivals, rows: Ints, *, asked_us: Ints, decided_us: Ints
    ) -> None:
        """`rows` follow each other, in order of arrival. The door is asked at one instant each, and what is let in
        decided at another; neither go back in time.
        """
        self._world, self._arrivals = world, arrivals
        self._first, self._stop, self._before = int(rows[0]), int(rows[-1]) + 1, world.tracks.come
        batch, first = arrivals.batch, self._first
        rows = door.let_in(arrivals, rows, asked_us)
        at_us = taken_us(batch, rows)
        inside = world.geofences.inside(batch.lat_deg[rows], batch.lon_deg[rows], at_us)
        number = self._before + rows - first
        coming = Coming.of(batch, rows, customer=arrivals.customer[rows], number=number, recorded_us=at_us)
        is_calm = world.tracks.sift(coming, inside)
        count_calm(world, decided_us[rows - first][is_calm] - at_us[is_calm], coming.accuracy_m[is_calm])
        self._looked_at: set[CustomerId] = set()
        self._followed: list[tuple[int, int]] = []
        self._inside = {int(rows[place]): ids for place, ids in inside.items()}
        self.stirs = self._stirs(rows[~is_calm])

    def take(self, stir: Stir, now: datetime) -> list[Message]:
        """Let a stir change what it changes; the messages that it gives."""
        self.come_to(stir.rows[0])
        batch = self._arrivals.batch
        fixes = [fix_of(batch, row, self._inside.get(row, frozenset())) for row in stir.rows]
        if stir.customer_id in self._looked_at and self._world.tracks.follows(stir.customer_id, fixes, now):
            self._followed += [(row, as_us(now)) for row in stir.rows]
            return []
        self._looked_at.add(stir.customer_id)  # what one ping has stirred is mostly at rest before the next
        return take_pings(self._world, stir.customer_id, fixes, now)

    def come_to(self, row: int) -> None:
        """All pings before that row have come."""
        tracks = self._world.tracks
        tracks.come = max(tracks.come, self._before + min(row, self._stop) - self._first)

    def end(self) -> None:
        """All pings have come."""
        self.come_to(self._stop)
        if self._followed:
            rows, decided_us = np.array(self._followed, dtype=np.int64).T
            batch = self._arrivals.batch
            count_calm(self._world, decided_us - taken_us(batch, rows), batch.accuracy_m[rows])

    def _stirs(self, rows: Ints) -> list[Stir]:
        batch = self._arrivals.batch
        found: dict[tuple[int, CustomerId], list[int]] = {}
        for row in rows.tolist():
            found.setdefault((int(batch.received_at_us[row]), CustomerId(batch.customer_id[row])), []).append(row)
        return [Stir(received_us, customer_id, rows) for (received_us, customer_id), rows in sorted(found.items())]


def take_batch(
    world: World,
    door: Door,
    batch: PingBatch,
    now: datetime,
    stir: Callable[[set[CustomerId]], None] = lambda customer_ids: None,
) -> list[Message]:
    """Take in pings that have come in by `now`, in any order; the messages that they give. `stir` is told first for
    whom something may change.
    """
    if not len(batch):
        return []
    arrivals = in_order_of_arrival([batch], world.tenant.policy.ping_rules, world.roster)
    now_us, rows = as_us(now), np.arange(len(arrivals))
    # a clock that was set back must not make consents unknown that were there when the pings came in
    arrived_by_us = max(now_us, int(arrivals.batch.received_at_us[-1]))
    stretch = Stretch(
        world,
        door,
        arrivals,
        rows,
        asked_us=np.full(len(rows), arrived_by_us),
        decided_us=np.full(len(rows), now_us),
    )
    stir({each.customer_id for each in stretch.stirs})
    queued: list[Message] = []
    for each in stretch.stirs:
        # pings of one arrival compete; those of several do not, only because they are worked on together
        on_arrival = each.received_us == now_us
        queued += stretch.take(each, now if on_arrival else world.first_free_instant(each.customer_id, now))
    stretch.end()
    return queued
