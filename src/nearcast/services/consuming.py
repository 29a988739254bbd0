"""What waits in the ping log is consumed, some at a time: each step one transaction.

Whoever has leased partitions remembers who is at rest there (`services.at_rest`), so that most of their pings need
neither a lock nor a row. Without leases every ping is written down at once.
"""

import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import numpy as np

from nearcast.domain.ids import CustomerId
from nearcast.geo.batch import Ints, PingBatch
from nearcast.services.at_rest import AtRest, Reached
from nearcast.services.batches import take_batch
from nearcast.services.calm import Judged
from nearcast.services.consent_view import ConsentView
from nearcast.services.figures import Span
from nearcast.services.ingest import Arrivals, Door, faults_of, is_said, ping_keys, taken_us
from nearcast.services.instants import US_PER_S, as_us
from nearcast.services.matching import count_calm
from nearcast.services.ping_ports import LogPosition, PingSlice
from nearcast.services.ports import UnitOfWork
from nearcast.services.settling import catch_up, recall, settle_some
from nearcast.services.steps import Known, Steps
from nearcast.services.working_set import WorkingSet
from nearcast.services.world import World

PINGS_AT_ONCE = 10_000
_PINGS_AT_FIRST, _FEWEST_PINGS = 200, 25
# for so long whoever withdraws a consent waits for a step; where all writers wait, whoever sends pings does, too
_STEP_S, _STEP_OF_ONE_WRITER_S = 0.25, 0.1
_TURNS = 16
_NONE: Ints = np.empty(0, np.int64)


class Consumer:
    """One tenant's, for one thread. `monotonic_s` tells seconds that never go back; by them steps are kept short."""

    def __init__(self, steps: Steps, owner: str, *, pings_at_once: int, monotonic_s: Callable[[], float]) -> None:
        self._steps, self._monotonic_s = steps, monotonic_s
        self._step_s = _STEP_OF_ONE_WRITER_S if steps.store.has_one_writer else _STEP_S
        self._pings_at_once, self._pace = pings_at_once, min(_PINGS_AT_FIRST, pings_at_once)
        self._turn = zlib.crc32(owner.encode()) % _TURNS
        self._agreed = ConsentView()
        self._at_rest: AtRest | None = None
        self._settles_soon = False

    def work_some(self, now: datetime, held: Mapping[int, int] | None) -> int:
        """Consume one batch, of each partition in turn; how many pings, 0 where other workers have them in hand.

        `held` are the partitions that are leased to us, with their tokens; without it those that nobody has leased.
        """
        with self._steps.reading() as uow:
            at = uow.pings.positions()
            if held is not None:
                at_rest = self._go_by(self._steps.catalogue.world(uow.catalogue))
                _leave_all_but(at_rest, held, at)
                at = {partition: where for partition, where in at.items() if partition in held}
        self._catch_up([key for key, where in at.items() if where.settled < where.position], held, now)
        wanted = self._next({key: where.head - where.position for key, where in at.items()})
        pace = self._pace
        done = self._consume(wanted, held, now) if wanted else 0
        self._settle(now, busy=done >= pace)
        return done

    def _consume(self, partitions: Sequence[int], held: Mapping[int, int] | None, now: datetime) -> int:
        begun_s = self._monotonic_s()
        taken = self._work_slice(partitions, held, now)
        took_s = self._monotonic_s() - begun_s
        self._keep_pace(len(taken), took_s)
        self._tell(taken, as_us(now) + int(took_s * US_PER_S), now)
        return len(taken)

    def _next(self, waiting: Mapping[int, int]) -> list[int]:
        """The partitions whose turn it is, as many as give a batch."""
        wanted, found = [], 0
        some = [partition for partition, count in waiting.items() if count > 0]
        for partition in sorted(some, key=lambda number: (number - self._turn) % _TURNS):
            if found < self._pace:
                wanted.append(partition)
                found += waiting[partition]
        if wanted:
            self._turn = (wanted[-1] + 1) % _TURNS
        return wanted

    def _tell(self, received_at_us: Ints, done_at_us: int, now: datetime) -> None:
        """How long pings have waited to be decided, and what they were decided with."""
        waited_us = np.maximum(done_at_us - received_at_us, 0)  # a server may have a clock that runs ahead
        waited_s, times = np.unique(waited_us / US_PER_S, return_counts=True)
        figures, catalogue = self._steps.store.figures, self._steps.catalogue
        figures.took_each(Span.DECIDED, zip(waited_s.tolist(), times.tolist(), strict=True))
        figures.keep_index(self._steps.tenant_id, catalogue.indexed, catalogue.revision, now)

    def _keep_pace(self, done: int, took_s: float) -> None:
        """As many pings at once as a short step takes: it holds their customers."""
        if took_s > self._step_s:
            self._pace = min(self._pings_at_once, max(_FEWEST_PINGS, int(done * self._step_s / took_s)))
        elif done >= self._pace:
            self._pace = min(2 * self._pace, self._pings_at_once)

    def _work_slice(self, partitions: Sequence[int], held: Mapping[int, int] | None, now: datetime) -> Ints:
        """When the pings that were decided had come in, in microseconds since 1970; none where none was."""

        def work(uow: UnitOfWork, known: Known) -> Ints:
            tokens = uow.pings.borrow(partitions) if held is None else {key: held[key] for key in partitions}
            taken = uow.pings.read(tokens, limit=self._pace)
            if not len(taken.batch):
                return _NONE
            uow.catalogue.hold_geofences()
            at_rest, judged = None if held is None else self._at_rest, None
            if at_rest is not None:
                world = self._steps.catalogue.world(uow.catalogue)
                if at_rest.rules != world.tenant.presence or not _begins(at_rest, taken, tokens):
                    return _NONE
                judged = self._judge(uow, at_rest, taken.batch, world, now)
            looked_at = taken if judged is None else taken.take(np.flatnonzero(~judged.is_calm))
            working = self._look_at(uow, known, looked_at, judged, now)
            if judged is not None:
                calm: Ints = np.flatnonzero(judged.is_calm)
                count_calm(working.world, as_us(now) - taken_us(taken.batch, calm), taken.batch.accuracy_m[calm])
            working.save()
            if not uow.pings.move(taken.moves, tokens, is_settled=at_rest is None):
                return _NONE  # another worker has consumed them, or may: nothing of this is kept
            uow.commit()
            if at_rest is not None and judged is not None:
                at_rest.keep(judged, taken.moves)
                _remember(at_rest, working, looked_at)
            return taken.batch.received_at_us

        return self._steps.decide(work)

    def _judge(self, uow: UnitOfWork, at_rest: AtRest, batch: PingBatch, world: World, now: datetime) -> Judged:
        self._hear(uow)
        at_rest.read(self._steps.catalogue.revision)
        # a clock that was set back must not make consents unknown that were there when the pings came in
        asked_us = np.full(len(batch), max(as_us(now), int(batch.received_at_us.max())))
        since_us = self._agreed.live_since_us(uow, batch.customer_id, asked_us)
        may = ~is_said(faults_of(batch, world.tenant.policy.ping_rules)) & (batch.recorded_at_us >= since_us)
        return at_rest.judge(batch, may, world.geofences)

    def _look_at(
        self, uow: UnitOfWork, known: Known, taken: PingSlice, judged: Judged | None, now: datetime
    ) -> WorkingSet:
        """The customers of pings that may change something, after these."""
        heard = {CustomerId(key) for key in taken.batch.customer_id}
        working = WorkingSet(
            uow, self._steps.catalogue, heard, now, known, is_calm=True, reached=_reached(taken) if heard else {}
        )
        if not heard:
            return working
        self._hear(uow)  # behind the locks: nobody here withdraws any more before this commits
        if judged is not None and self._at_rest is not None:
            names = sorted(working.held)
            for key, since in zip(names, self._agreed.since_us_of(uow, names, now), strict=True):
                recall(working.world, key, self._at_rest.fixes(key, judged), since)

        def live_since(arrivals: Arrivals, rows: Ints, asked_us: Ints) -> Ints:
            return self._agreed.live_since_us(uow, arrivals.batch.customer_id[rows], asked_us)

        named = ping_keys(taken.batch)
        door = Door(working.world, live_since, seen=uow.pings.seen(named))
        take_batch(working.world, door, taken.batch, now, working.stir)
        uow.pings.remember((key for key in named if key[0] in working.held), now)
        return working

    def _hear(self, uow: UnitOfWork) -> None:
        """What was said of consents by now."""
        changed = self._agreed.refresh(uow)
        if self._at_rest is not None:
            self._at_rest.doubt(changed)

    def _go_by(self, world: World) -> AtRest:
        """What was remembered by other rules is forgotten, here."""
        self._settles_soon = world.campaigns.has_schedules
        if self._at_rest is None or self._at_rest.rules != world.tenant.presence:
            self._at_rest = AtRest(world.tenant.presence)
        return self._at_rest

    def _catch_up(self, partitions: Sequence[int], held: Mapping[int, int] | None, now: datetime) -> None:
        """What others remembered of partitions is written down before anything else is done with them."""
        remembered = () if self._at_rest is None else self._at_rest.partitions
        for partition in set(partitions).difference(remembered):
            while self._catch_up_some(partition, held, now):
                pass

    def _catch_up_some(self, partition: int, held: Mapping[int, int] | None, now: datetime) -> bool:
        with self._steps.writing() as uow:
            tokens = uow.pings.borrow([partition]) if held is None else {partition: held[partition]}
            uow.catalogue.hold_geofences()
            world = self._steps.catalogue.world(uow.catalogue)
            if not tokens or not catch_up(uow, world, self._agreed, self._hear, tokens, now):
                return False
            uow.commit()
        return True

    def _settle(self, now: datetime, *, busy: bool) -> None:
        """Write down some of what is remembered, if it is time."""
        at_rest, now_s = self._at_rest, self._monotonic_s()
        if at_rest is None or not at_rest.due(now_s, soon=self._settles_soon, busy=busy):
            return
        try:
            with self._steps.writing() as uow:
                uow.catalogue.hold_geofences()
                world = self._steps.catalogue.world(uow.catalogue)
                written = settle_some(uow, world, at_rest, self._agreed, self._hear, now)
                if written is not None:
                    uow.commit()
        except BaseException:
            at_rest.break_round()
            raise
        if written is None:
            at_rest.leave(list(at_rest.partitions))
        elif written:
            at_rest.settled(written)
        else:
            at_rest.end_round(now_s)


def _leave_all_but(at_rest: AtRest, held: Mapping[int, int], at: Mapping[int, LogPosition]) -> None:
    """Forget partitions that somebody else has consumed since, or may."""
    known = {key: Reached(held[key], where.position, where.settled) for key, where in at.items() if key in held}
    at_rest.leave([key for key in at_rest.partitions if at_rest.reached(key) != known.get(key)])


def _begins(at_rest: AtRest, taken: PingSlice, tokens: Mapping[int, int]) -> bool:
    """Whether all that was consumed of these partitions before is remembered, or written down."""
    for partition, (position, _) in taken.moves.items():
        settled = taken.settled[partition]
        if at_rest.reached(partition) == Reached(tokens[partition], position, settled):
            continue
        at_rest.leave([partition])
        if settled != position:
            return False
        at_rest.begin(partition, tokens[partition], position)
    return True


def _reached(taken: PingSlice) -> dict[CustomerId, int]:
    """Until where each customer's pings are consumed with these."""
    until = {partition: until for partition, (_, until) in taken.moves.items()}
    named = zip(taken.batch.customer_id.tolist(), taken.partition.tolist(), strict=True)
    return {CustomerId(key): until[partition] for key, partition in named}


def _remember(at_rest: AtRest, working: WorkingSet, taken: PingSlice) -> None:
    """How those rest whose tracks were written."""
    partitions = dict(zip(taken.batch.customer_id.tolist(), taken.partition.tolist(), strict=True))
    tracks = working.world.tracks
    for key in working.customer_ids:
        at_rest.written(key, partitions[key], tracks.get(key), working.world.geofences)
