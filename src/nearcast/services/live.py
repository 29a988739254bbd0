"""The engine on a store: each step one transaction, with the same rules as a replay.

`now` is handed in by whoever drives it: a worker's clock, or a test that steps through a scenario.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from nearcast.domain.campaign import CampaignState
from nearcast.domain.errors import NotFound
from nearcast.domain.ids import CampaignId, CustomerId, GeofenceId, TenantId
from nearcast.geo.validate import geofence_from_feature
from nearcast.services.answering import Keep, nobody_asks_again
from nearcast.services.catalogue import NO_PLATFORM, CatalogueCache
from nearcast.services.channel_ports import WayOut, WaysOut
from nearcast.services.consuming import PINGS_AT_ONCE, Consumer
from nearcast.services.delivery import cancel_for_geofence
from nearcast.services.dispatcher import Dispatcher
from nearcast.services.engine import apply_consent, end_visits
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

_VISITS_AT_ONCE = 500
_LOOK_BACK = timedelta(days=7)  # longer than workers stand still together
_OVERLAP = timedelta(seconds=15)  # longer than a commit takes, and than clocks differ
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
        pings_at_once: int = PINGS_AT_ONCE,
        platform: Mapping[str, Any] = NO_PLATFORM,
        codes: VoucherCodes = WITHOUT_KEY,
        dice: Callable[[], float] = lambda: 1.0,
        monotonic_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.store, self.tenant_id = store, tenant_id
        self._steps = Steps(store, tenant_id, platform, codes)
        outlet = Outlet(tenant_id, channel, room)
        self._dispatcher = Dispatcher(self._steps, outlet, owner=owner, lease_s=lease_s, dice=dice)
        self._scheduler = Scheduler(self._steps)
        self._consumer = Consumer(self._steps, owner, pings_at_once=pings_at_once, monotonic_s=monotonic_s)
        self._consents_until: datetime | None = None

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
        return self._consumer.work_some(now, held)

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
        while self._dispatcher.is_due(now) and (taken := self.dispatch_some(now)):
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
