"""The engine on a store: each step one transaction, with the same rules as a replay.

`now` is handed in by whoever drives it: a worker's clock, or a test that steps through a scenario.
"""

import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import numpy as np

from nearcast.domain.campaign import CampaignState
from nearcast.domain.errors import NotFound
from nearcast.domain.ids import CampaignId, CustomerId, GeofenceId, TenantId
from nearcast.geo.batch import Ints
from nearcast.geo.validate import geofence_from_feature
from nearcast.services.answering import Keep, nobody_asks_again
from nearcast.services.batches import take_batch
from nearcast.services.catalogue import NO_PLATFORM, CatalogueCache
from nearcast.services.channel_ports import WayOut, WaysOut
from nearcast.services.consent_view import ConsentView
from nearcast.services.delivery import cancel_for_geofence
from nearcast.services.dispatcher import Dispatcher
from nearcast.services.engine import apply_consent, end_visits
from nearcast.services.figures import Span
from nearcast.services.ingest import Arrivals, Door, ping_keys
from nearcast.services.instants import US_PER_S, as_us
from nearcast.services.ledger_ports import LedgerLine
from nearcast.services.outbound import NO_ROOM, Outlet, PostRoom
from nearcast.services.ports import Store, UnitOfWork
from nearcast.services.scheduler import Scheduler
from nearcast.services.steps import Known, Steps, slices
from nearcast.services.taken_lines import take_line
from nearcast.services.turns import Present
from nearcast.services.voucher_codes import WITHOUT_KEY, VoucherCodes
from nearcast.services.working_set import WorkingSet
from nearcast.services.world import World

_PINGS_AT_FIRST, _PINGS_AT_ONCE, _FEWEST_PINGS = 200, 1_000, 25
_STEP_S = 0.25  # for so long whoever withdraws a consent waits for a step
_VISITS_AT_ONCE = 500
_LOOK_BACK = timedelta(days=7)  # longer than workers stand still together
_OVERLAP = timedelta(seconds=15)  # longer than a commit takes, and than clocks differ
_TURNS = 16
Check: TypeAlias = Callable[[UnitOfWork], None]
"""Raises where an edit may not be, in the transaction that would make it."""


def _anybody(_uow: UnitOfWork) -> None:
    """No check."""


class Live:
    """One tenant's engine; several may run beside each other on one store, each under an `owner` of its own.

    One thread uses it at a time. Whatever fails, it can be used again at once: nothing of that step is kept, here or in
    the store. A message that a channel has taken, and whose record failed, is `unknown` when its lease has ended.
    `room` is what messages need on their way out; without it, only ways out are of use that need no addresses.
    `platform` is what holds for every tenant, as a scenario says it, `codes` makes those of vouchers. `monotonic_s`
    tells seconds that never go back; by them steps are kept short.
    """

    def __init__(
        self,
        store: Store,
        tenant_id: TenantId,
        channel: WayOut | WaysOut,
        *,
        room: PostRoom = NO_ROOM,
        owner: str = "worker",
        lease_s: float = 60.0,
        pings_at_once: int = _PINGS_AT_ONCE,
        platform: Mapping[str, Any] = NO_PLATFORM,
        codes: VoucherCodes = WITHOUT_KEY,
        dice: Callable[[], float] = lambda: 1.0,
        monotonic_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.store, self.tenant_id = store, tenant_id
        self._pings_at_once, self._pace = pings_at_once, min(_PINGS_AT_FIRST, pings_at_once)
        self._monotonic_s = monotonic_s
        self._steps = Steps(store, tenant_id, platform, codes)
        outlet = Outlet(tenant_id, channel, room)
        self._dispatcher = Dispatcher(self._steps, outlet, owner=owner, lease_s=lease_s, dice=dice)
        self._scheduler = Scheduler(self._steps)
        self._turn = zlib.crc32(owner.encode()) % _TURNS
        self._consents_until: datetime | None = None
        self._agreed = ConsentView()

    @property
    def catalogue(self) -> CatalogueCache:
        """What this engine has read of the catalogue."""
        return self._steps.catalogue

    @catalogue.setter
    def catalogue(self, fresh: CatalogueCache) -> None:
        self._steps.catalogue = fresh

    def work_pings(self, now: datetime) -> int:
        """Consume what waits in the ping log; how many pings."""
        done = 0
        while consumed := self.work_some_pings(now):
            done += consumed
        return done

    def work_some_pings(self, now: datetime, held: Mapping[int, int] | None = None) -> int:
        """Consume one batch, of each partition in turn; how many pings, 0 where other workers have them in hand.

        `held` are the partitions that are leased to us, with their tokens; without it those that nobody has leased.
        """
        if held is not None and not held:
            return 0
        with self._steps.reading() as uow:
            waiting = uow.pings.waiting()
        if held is not None:
            waiting = {partition: count for partition, count in waiting.items() if partition in held}
        if not waiting:
            return 0
        wanted, found = [], 0
        for partition in sorted(waiting, key=lambda number: (number - self._turn) % _TURNS):
            if found < self._pace:
                wanted.append(partition)
                found += waiting[partition]
        self._turn = (wanted[-1] + 1) % _TURNS
        begun_s = self._monotonic_s()
        taken = self._work_slice(wanted, held, now)
        took_s = self._monotonic_s() - begun_s
        self._keep_pace(len(taken), took_s)
        self._tell(taken, as_us(now) + int(took_s * US_PER_S), now)
        return len(taken)

    def _tell(self, received_at_us: Ints, done_at_us: int, now: datetime) -> None:
        """How long pings have waited to be decided, and what they were decided with."""
        waited_us = np.maximum(done_at_us - received_at_us, 0)  # a server may have a clock that runs ahead
        waited_s, times = np.unique(waited_us / US_PER_S, return_counts=True)
        figures = self.store.figures
        figures.took_each(Span.DECIDED, zip(waited_s.tolist(), times.tolist(), strict=True))
        figures.keep_index(self.tenant_id, self.catalogue.indexed, self.catalogue.revision, now)

    def _keep_pace(self, done: int, took_s: float) -> None:
        """As many pings at once as a short step takes: it holds their customers."""
        if took_s > _STEP_S:
            self._pace = min(self._pings_at_once, max(_FEWEST_PINGS, int(done * _STEP_S / took_s)))
        elif done >= self._pace:
            self._pace = min(2 * self._pace, self._pings_at_once)

    def _work_slice(self, partitions: Sequence[int], held: Mapping[int, int] | None, now: datetime) -> Ints:
        """When the pings that were decided had come in, in microseconds since 1970; none where none was."""
        none: Ints = np.empty(0, np.int64)

        def work(uow: UnitOfWork, known: Known) -> Ints:
            tokens = uow.pings.borrow(partitions) if held is None else {key: held[key] for key in partitions}
            taken = uow.pings.read(tokens, limit=self._pace)
            if not len(taken.batch):
                return none
            uow.catalogue.hold_geofences()
            heard = {CustomerId(key) for key in taken.batch.customer_id}
            working = WorkingSet(uow, self.catalogue, heard, now, known, is_calm=True)
            self._agreed.refresh(uow)  # behind the locks: nobody heard here withdraws any more before this commits

            def live_since(arrivals: Arrivals, rows: Ints, asked_us: Ints) -> Ints:
                return self._agreed.live_since_us(uow, arrivals.batch.customer_id[rows], asked_us)

            named = ping_keys(taken.batch)
            door = Door(working.world, live_since, seen=uow.pings.seen(named))
            take_batch(working.world, door, taken.batch, now, working.stir)
            uow.pings.remember((key for key in named if key[0] in working.held), now)
            working.save()
            if not uow.pings.move(taken.moves, tokens):
                return none  # another worker has consumed them, or may: nothing of this is kept
            uow.commit()
            return taken.batch.received_at_us

        return self._steps.decide(work)

    def next_due(self, now: datetime) -> datetime | None:
        """When work is due next, if nothing more is heard; consents that changed by `now` have been dealt with."""
        with self._steps.reading() as uow:
            run_at = self._scheduler.next_run(uow)
            due = [uow.tracks.next_end(), uow.outbox.next_due(), uow.consents.next_change(now), run_at]
        return min((at for at in due if at is not None), default=None)

    def work_due(self, now: datetime) -> None:
        """Everything that is due by `now`: consents, visits, messages, runs."""
        self.end_due(now)
        self.dispatch_due(now)
        while self.run_due(now):
            self.dispatch_due(now)
        self.dispatch_due(now)

    def end_due(self, now: datetime) -> None:
        """End the consents and visits that are over by `now`."""
        with self._steps.reading() as uow:
            visits_end_at = uow.tracks.next_end()
            if self._consents_until is None:
                # nobody may have looked for longer: positions of those who agreed to nothing any more must not stay
                changing = sorted({*uow.consents.changing(now - _LOOK_BACK, now), *uow.tracks.without_consent(now)})
            else:
                changing = uow.consents.changing(max(now - _LOOK_BACK, self._consents_until - _OVERLAP), now)
        for customer_ids in slices(changing):
            self._end_consents(customer_ids, now)
        self._consents_until = now
        if visits_end_at is not None and visits_end_at <= now:
            self._end_visits(now)

    def _end_consents(self, customer_ids: Sequence[CustomerId], now: datetime) -> None:
        """Applied again where it was applied before, a consent that has ended changes nothing: no mark is kept."""
        with self._steps.writing() as uow:
            working = WorkingSet(uow, self.catalogue, customer_ids, now)
            for customer_id in working.customer_ids:
                apply_consent(working.world, customer_id, now)
            working.save()
            uow.commit()

    def _end_visits(self, now: datetime) -> None:
        def end(uow: UnitOfWork, known: Known) -> bool:
            due = {key: at for at, key in uow.tracks.ended(now, limit=_VISITS_AT_ONCE)}
            # a ping that came in before the end may say that the visit went on
            heard = uow.pings.waiting_since(due)
            ended = [key for key, at in due.items() if key not in heard or heard[key] > at]
            if not ended:
                return False
            uow.catalogue.hold_geofences()
            working = WorkingSet(uow, self.catalogue, ended, now, known)
            for customer_id in ended:
                end_visits(working.world, customer_id, now)
            working.save()
            working.save_tracks(key for key in ended if key in working.world.tracks)
            uow.commit()
            return True

        while self._steps.decide(end):
            pass

    def dispatch_due(self, now: datetime) -> int:
        """Send all that may go at `now`; how many messages were taken in hand."""
        done = 0
        while taken := self.dispatch_some(now):
            done += taken
        return done

    def dispatch_some(self, now: datetime, present: Present | None = None) -> int:
        """Send some of what may go at `now`: claimed in one transaction, decided again in a second, sent outside any,
        then recorded. How many messages were taken in hand, 0 where another dispatcher was faster too.

        `present` tells the instant at which a message has its turn; without it, all have it at `now`.
        """
        return self._dispatcher.dispatch_some(now, present)

    @property
    def resumes_at(self) -> datetime | None:
        """When more may be sent, if that was put off for a throttle when last asked."""
        return self._dispatcher.resumes_at

    def rescue(self, now: datetime) -> None:
        """End the leases of dispatchers that did not come back: claimed goes back to the queue, and so does what was
        being sent where the channel would recognise it; the rest of that is unknown.
        """
        self._dispatcher.rescue(now)

    def expire(self, now: datetime) -> None:
        """End the messages that have waited until their offers were over."""
        self._dispatcher.expire(now)

    def run_due(self, now: datetime) -> bool:
        """Do the runs that are due, some of them if there are many; whether there may be more."""
        return self._scheduler.run_due(now)

    def take_consent(self, line: LedgerLine, now: datetime) -> bool:
        """Write a line of the ledger and what follows from it, in one commit; False where it stands already."""
        with self._steps.writing() as uow:
            is_new = take_line(uow, self.catalogue, line, now)
            uow.commit()
        return is_new

    def world(self) -> World:
        """The catalogue as it stands, without customers."""
        with self._steps.reading() as uow:
            return self.catalogue.world(uow.catalogue)

    def put_geofence(
        self,
        feature: Mapping[str, Any],
        now: datetime,
        *,
        place: str = "geofence",
        may: Check = _anybody,
        keep: Keep = nobody_asks_again,
    ) -> int:
        """Bring a geofence into force in place of any earlier revision; its revision. `may` can refuse it, and `keep`
        is called with what was written.
        """
        geofence = geofence_from_feature(feature, place=place)
        with self._steps.writing() as uow:
            may(uow)
            written = uow.catalogue.geofences.put_geofence(geofence, feature, now)
            working = WorkingSet(uow, self.catalogue, uow.tracks.visiting(geofence.id), now)
            working.save_tracks(key for key in working.customer_ids if key in working.world.tracks)
            keep(uow, written)
            uow.commit()
        return int(written.revision)

    def delete_geofence(self, geofence_id: GeofenceId, now: datetime, *, may: Check = _anybody) -> None:
        """Take a geofence out of force: visits there end, what is queued for it is cancelled. `may` can refuse it."""

        def delete(uow: UnitOfWork, known: Known) -> None:
            may(uow)
            if not uow.catalogue.geofences.delete(geofence_id, now):
                raise NotFound(f"there is no geofence {geofence_id!r}")
            inside = uow.tracks.visiting(geofence_id)
            concerned = {*inside, *uow.outbox.queued_for_geofence(geofence_id)}
            working = WorkingSet(uow, self.catalogue, concerned, now, known)
            for customer_id in inside:
                end_visits(working.world, customer_id, now)
            cancel_for_geofence(working.world, geofence_id, now)
            working.save()
            uow.commit()

        self._steps.decide(delete)

    def change_campaign(self, campaign_id: CampaignId, action: str, now: datetime) -> CampaignState:
        """Activate, pause or end a campaign; its new state."""
        with self._steps.writing() as uow:
            known = self.catalogue.world(uow.catalogue).campaigns.by_id.get(campaign_id)
            written = uow.catalogue.campaigns.get(campaign_id)
            if known is None or written is None:
                raise NotFound(f"there is no campaign {campaign_id!r}")
            state = known.after(action).state
            uow.catalogue.campaigns.put_campaign(campaign_id, written.doc, now, state=state)
            uow.commit()
        return state
