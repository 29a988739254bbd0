"""The engine on a store: each step one transaction, with the same rules as a replay.

`now` is handed in by whoever drives it: a worker's clock, or a test that steps through a scenario.
"""

import logging
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from nearcast.domain.campaign import CampaignState, Schedule, Trigger
from nearcast.domain.errors import NotFound, StoreUnavailable
from nearcast.domain.ids import CampaignId, CustomerId, GeofenceId, TenantId
from nearcast.domain.message import Message, MessageStatus
from nearcast.geo.validate import geofence_from_feature
from nearcast.services.catalogue import CatalogueCache
from nearcast.services.delivery import cancel_for_geofence, decide_again, settled
from nearcast.services.engine import apply_consent, end_visits, run_campaigns, take_consent, take_pings
from nearcast.services.ingest import Arrivals, Door, as_us, fix_of, in_order_of_arrival, inside_of, ping_keys
from nearcast.services.ports import Channel, Claim, LedgerLine, RunStatus, SendOutcome, Store, UnitOfWork
from nearcast.services.runs import due_runs, next_due, scheduled_since
from nearcast.services.working_set import WorkingSet
from nearcast.services.world import World

_PINGS_AT_ONCE = 1_000
_CUSTOMERS_AT_ONCE = 500
_MESSAGES_AT_ONCE = 10  # what a slow channel takes within a lease
_RUNS_AT_ONCE = 50
_ON_TIME_S = 60.0  # a run found out later than this was missed, unless its schedule makes up for it
_LOOK_BACK = timedelta(days=7)  # longer than workers stand still together
_OVERLAP = timedelta(seconds=15)  # longer than a commit takes, and than clocks differ
_TICK = timedelta(microseconds=1)
_log = logging.getLogger(__name__)
_TURNS = 16
_Scheduled: TypeAlias = tuple[CampaignId, Schedule, datetime]
Check: TypeAlias = Callable[[UnitOfWork], None]
"""Raises where an edit may not be, in the transaction that would make it."""


def _anybody(_uow: UnitOfWork) -> None:
    """No check."""


class Live:
    """One tenant's engine; several may run beside each other on one store, each under an `owner` of its own.

    One thread uses it at a time. Whatever fails, it can be used again at once: nothing of that step is kept, here or in
    the store. A message that a channel has taken, and whose record failed, is `unknown` when its lease has ended.
    """

    def __init__(
        self, store: Store, tenant_id: TenantId, channel: Channel, *, owner: str = "worker", lease_s: float = 60.0
    ) -> None:
        self.store, self.tenant_id, self.channel = store, tenant_id, channel
        self.owner, self.lease_s = owner, lease_s
        self.catalogue = CatalogueCache(tenant_id)
        self._turn = zlib.crc32(owner.encode()) % _TURNS
        self._consents_until: datetime | None = None
        self._schedules: tuple[int, list[_Scheduled]] = (-1, [])
        self._ran_until: Mapping[CampaignId, datetime] = {}

    @contextmanager
    def _step(self, begun: UnitOfWork) -> Iterator[UnitOfWork]:
        """A unit of work; if it fails, what this process has read of the catalogue is read again."""
        try:
            with begun as uow:
                yield uow
        except BaseException:
            self.catalogue = CatalogueCache(self.tenant_id)
            raise

    def _writing(self) -> AbstractContextManager[UnitOfWork]:
        return self._step(self.store.writing(self.tenant_id))

    def _reading(self) -> AbstractContextManager[UnitOfWork]:
        return self._step(self.store.reading(self.tenant_id))

    def work_pings(self, now: datetime) -> int:
        """Consume what waits in the ping log; how many pings."""
        done = 0
        for partition in self._waiting():
            while consumed := self._work_slice(partition, now):
                done += consumed
        return done

    def work_some_pings(self, now: datetime) -> int:
        """Consume one batch, of each partition in turn; how many pings, 0 where another worker was faster too."""
        waiting = self._waiting()
        if not waiting:
            return 0
        partition = min((number for number in waiting if number >= self._turn), default=min(waiting))
        self._turn = partition + 1
        return self._work_slice(partition, now)

    def _waiting(self) -> Sequence[int]:
        with self._reading() as uow:
            return list(uow.pings.waiting())

    def _work_slice(self, partition: int, now: datetime) -> int:
        with self._writing() as uow:
            after = uow.pings.position(partition)
            taken = uow.pings.read(partition, limit=_PINGS_AT_ONCE)
            if not len(taken.batch):
                return 0
            working = WorkingSet(uow, self.catalogue, {CustomerId(key) for key in taken.batch.customer_id})
            if uow.pings.position(partition) != after:  # another worker had these customers until now
                return 0
            named = ping_keys(taken.batch)
            door = Door(working.world, seen=uow.pings.seen(named))
            max_future_s = working.world.tenant.policy.ping_rules.max_future_s
            _take(working.world, in_order_of_arrival([taken.batch], max_future_s), door, now)
            uow.pings.remember(named, now)
            working.save()
            if not uow.pings.set_position(partition, after=after, until=taken.until):
                return 0  # another worker has consumed them: nothing of this is kept
            uow.commit()
        return len(taken.batch)

    def next_due(self, now: datetime) -> datetime | None:
        """When work is due next, if nothing more is heard; consents that changed by `now` have been dealt with."""
        with self._reading() as uow:
            done = uow.runs.newest()
            runs = [next_due(schedule, max(since, done.get(key, since))) for key, schedule, since in self._due_by(uow)]
            due = [uow.tracks.next_end(), uow.outbox.next_due(), uow.consents.next_change(now), *runs]
        return min((at for at in due if at is not None), default=None)

    def _due_by(self, uow: UnitOfWork) -> list[_Scheduled]:
        """Scheduled campaigns but drafts, and the instant after which they may be due."""
        campaigns = self.catalogue.world(uow.catalogue).campaigns.by_id
        if self._schedules[0] != self.catalogue.revision:
            found = [
                (key, campaign.schedule, scheduled_since(uow.catalogue.campaigns.history(key)) - _TICK)
                for key, campaign in sorted(campaigns.items())
                if campaign.trigger is Trigger.SCHEDULE and campaign.schedule is not None
                if campaign.state is not CampaignState.DRAFT
            ]
            self._schedules = (self.catalogue.revision, found)
        return self._schedules[1]

    def work_due(self, now: datetime) -> None:
        """Everything that is due by `now`: consents, visits, messages, runs."""
        self.end_due(now)
        self.dispatch_due(now)
        while self.run_due(now):
            self.dispatch_due(now)
        self.dispatch_due(now)

    def end_due(self, now: datetime) -> None:
        """End the consents and visits that are over by `now`."""
        known_until = now - _LOOK_BACK
        if self._consents_until is not None:
            known_until = max(known_until, self._consents_until - _OVERLAP)
        with self._reading() as uow:
            changing = uow.consents.changing(known_until, now)
            visits_end_at = uow.tracks.next_end()
        for customer_ids in _slices(changing):
            self._end_consents(customer_ids, now)
        self._consents_until = now
        if visits_end_at is not None and visits_end_at <= now:
            self._end_visits(now)

    def _end_consents(self, customer_ids: Sequence[CustomerId], now: datetime) -> None:
        """Applied again where it was applied before, a consent that has ended changes nothing: no mark is kept."""
        with self._writing() as uow:
            working = WorkingSet(uow, self.catalogue, customer_ids)
            for customer_id in working.customer_ids:
                apply_consent(working.world, customer_id, now)
            working.save()
            uow.commit()

    def _end_visits(self, now: datetime) -> None:
        while True:
            with self._writing() as uow:
                ended = [customer_id for _, customer_id in uow.tracks.ended(now, limit=_CUSTOMERS_AT_ONCE)]
                if not ended:
                    return
                working = WorkingSet(uow, self.catalogue, ended)
                for customer_id in ended:
                    end_visits(working.world, customer_id, now)
                working.save()
                working.save_tracks(ended)
                uow.commit()

    def dispatch_due(self, now: datetime) -> int:
        """Send all that may go at `now`; how many messages were taken in hand."""
        done = 0
        while taken := self.dispatch_some(now):
            done += taken
        return done

    def dispatch_some(self, now: datetime) -> int:
        """Send some of what may go: claimed in one transaction, decided again in a second, sent outside any, then
        recorded. How many messages were taken in hand, 0 where another dispatcher was faster too.

        What goes wrong with one message is raised when the others have gone.
        """
        if not self._is_due(now):
            return 0
        with self._writing() as uow:
            claims = uow.outbox.claim_due(now, owner=self.owner, lease_s=self.lease_s, limit=_MESSAGES_AT_ONCE)
            uow.commit()
        failed: list[Exception] = []
        for claim in claims:
            try:
                self._deliver(claim, now)
            except StoreUnavailable:
                raise
            except Exception as error:
                failed.append(error)
        if failed:
            raise failed[0]
        return len(claims)

    def _is_due(self, now: datetime) -> bool:
        with self._reading() as uow:
            due_at = uow.outbox.next_due()
        return due_at is not None and due_at <= now

    def _deliver(self, claim: Claim, now: datetime) -> None:
        with self._writing() as uow:
            working = WorkingSet(uow, self.catalogue, [claim.message.customer_id])
            message = working.world.messages[claim.message.id]
            if message.status is not MessageStatus.CLAIMED:
                return
            ready = decide_again(working.world, message, now)
            if ready.status is MessageStatus.SENDING:
                if not uow.outbox.start(ready, owner=claim.owner, attempt=claim.attempt, until=claim.until):
                    return
            elif not uow.outbox.finish(ready, owner=claim.owner, attempt=claim.attempt):
                return
            uow.commit()
        if ready.status is MessageStatus.SENDING:
            sent = settled(ready, self._send(ready), now)
            with self._writing() as uow:
                uow.outbox.finish(sent, owner=claim.owner, attempt=claim.attempt)
                uow.commit()

    def _send(self, message: Message) -> SendOutcome:
        try:
            return self.channel.send(message)
        except Exception as error:
            # its text may hold an address or the message's own text
            _log.error("channel %s raised %s: message %s is unknown", message.channel, type(error).__name__, message.id)
            return SendOutcome.UNKNOWN

    def rescue(self, now: datetime) -> None:
        """End the leases of dispatchers that did not come back: claimed goes back to the queue, sending is unknown."""
        with self._writing() as uow:
            uow.outbox.rescue(now)
            uow.commit()

    def run_due(self, now: datetime) -> bool:
        """Do the runs that are due, some of them if there are many; whether there may be more."""
        with self._reading() as uow:
            missed, due = self._due_runs(uow, now)
        if missed:
            with self._writing() as uow:
                for due_at, campaign_id in sorted(missed):
                    uow.runs.insert(campaign_id, due_at, status=RunStatus.MISSED, at=now)
                uow.commit()
        for due_at in sorted(due)[:_RUNS_AT_ONCE]:
            self._run(due_at, due[due_at], now)
        return len(due) > _RUNS_AT_ONCE

    def _due_runs(
        self, uow: UnitOfWork, now: datetime
    ) -> tuple[list[tuple[datetime, CampaignId]], dict[datetime, list[CampaignId]]]:
        """The runs that were missed, and those that are due by due instant, which nobody has written.

        Of each campaign at least the first `_RUNS_AT_ONCE`, so that the first of all are complete.
        """
        missed: list[tuple[datetime, CampaignId]] = []
        due: dict[datetime, list[CampaignId]] = {}
        if not any(self._has_come(item, now) for item in self._due_by(uow)):
            return missed, due
        self._ran_until = uow.runs.newest()
        for key, schedule, since in self._due_by(uow):
            after, left = max(since, self._ran_until.get(key, since)), _RUNS_AT_ONCE + 1
            for run in due_runs(schedule, after, now, on_time_s=_ON_TIME_S):
                if run.is_missed:
                    missed.append((run.due_at, key))
                    continue
                due.setdefault(run.due_at, []).append(key)
                left -= 1
                if not left:
                    break
        return missed, due

    def _has_come(self, item: _Scheduled, now: datetime) -> bool:
        key, schedule, since = item
        due_at = next_due(schedule, max(since, self._ran_until.get(key, since)))
        return due_at is not None and due_at <= now

    def _run(self, due_at: datetime, campaign_ids: Sequence[CampaignId], now: datetime) -> None:
        """The runs of one due instant together; a run that another process has written is left to it."""
        with self._writing() as uow:
            ours = [key for key in campaign_ids if uow.runs.insert(key, due_at, status=RunStatus.DONE, at=now)]
            campaigns = self.catalogue.world(uow.catalogue).campaigns.by_id
            seen = uow.tracks.seen_since(_oldest(campaigns, ours, due_at)) if ours else []
            uow.customers.lock(seen)  # all of them before any budget
            for customer_ids in _slices(seen):
                working = WorkingSet(uow, self.catalogue, customer_ids)
                run_campaigns(working.world, ours, due_at, now)
                for run in working.world.runs:
                    uow.runs.add_entries(run["campaign_id"], due_at, run["entries"])
                working.save()
            uow.commit()

    def take_consent(self, line: LedgerLine, now: datetime) -> bool:
        """Write a line of the ledger and what follows from it, in one commit; False where it stands already."""
        event = line.event
        with self._writing() as uow:
            working = WorkingSet(uow, self.catalogue, [event.customer_id])
            if event.customer_id not in working.world.customers:
                raise NotFound(f"there is no customer {event.customer_id!r}")
            is_new = uow.consents.append(line)
            if is_new:
                take_consent(working.world, event, now)
                working.save()
            uow.commit()
        return is_new

    def put_geofence(
        self, feature: Mapping[str, Any], now: datetime, *, place: str = "geofence", may: Check = _anybody
    ) -> int:
        """Bring a geofence into force in place of any earlier revision; its revision. `may` can refuse it."""
        geofence = geofence_from_feature(feature, place=place)
        with self._writing() as uow:
            may(uow)
            written = uow.catalogue.geofences.put_geofence(geofence, feature, now)
            working = WorkingSet(uow, self.catalogue, uow.tracks.visiting(geofence.id))
            working.save_tracks(key for key in working.customer_ids if key in working.world.tracks)
            uow.commit()
        return int(written.revision)

    def delete_geofence(self, geofence_id: GeofenceId, now: datetime, *, may: Check = _anybody) -> None:
        """Take a geofence out of force: visits there end, what is queued for it is cancelled. `may` can refuse it."""
        with self._writing() as uow:
            may(uow)
            if not uow.catalogue.geofences.delete(geofence_id, now):
                raise NotFound(f"there is no geofence {geofence_id!r}")
            inside = uow.tracks.visiting(geofence_id)
            working = WorkingSet(uow, self.catalogue, {*inside, *uow.outbox.queued_for_geofence(geofence_id)})
            for customer_id in inside:
                end_visits(working.world, customer_id, now)
            cancel_for_geofence(working.world, geofence_id, now)
            working.save()
            uow.commit()

    def change_campaign(self, campaign_id: CampaignId, action: str, now: datetime) -> CampaignState:
        """Activate, pause or end a campaign; its new state."""
        with self._writing() as uow:
            known = self.catalogue.world(uow.catalogue).campaigns.by_id.get(campaign_id)
            written = uow.catalogue.campaigns.get(campaign_id)
            if known is None or written is None:
                raise NotFound(f"there is no campaign {campaign_id!r}")
            state = known.after(action).state
            uow.catalogue.campaigns.put_campaign(campaign_id, written.doc, now, state=state)
            uow.commit()
        return state


def _take(world: World, arrivals: Arrivals, door: Door, now: datetime) -> None:
    """The pings of each arrival together, customer by customer."""
    batch = arrivals.batch
    of_instant: dict[tuple[int, CustomerId], list[int]] = {}
    for row in door.let_in(arrivals, range(len(arrivals)), now):
        key = (int(batch.received_at_us[row]), CustomerId(batch.customer_id[row]))
        of_instant.setdefault(key, []).append(row)
    inside = inside_of(world.geofences, arrivals, [row for rows in of_instant.values() for row in rows])
    for (received_us, customer_id), rows in sorted(of_instant.items()):
        fixes = [fix_of(batch, row, inside.get(row, frozenset())) for row in rows]
        # pings of one arrival compete; those of several do not, only because they are worked on together
        on_arrival = received_us == as_us(now)
        take_pings(world, customer_id, fixes, now if on_arrival else world.first_free_instant(customer_id, now))


def _oldest(campaigns: Mapping[CampaignId, Any], ids: Iterable[CampaignId], due_at: datetime) -> datetime | None:
    """How long ago a customer may have been seen for any of these runs; None for ever."""
    limits = [campaigns[key].schedule.seen_within_s for key in ids]
    return None if None in limits else due_at - timedelta(seconds=max(limits))


def _slices(customer_ids: Sequence[CustomerId]) -> Iterable[Sequence[CustomerId]]:
    return (customer_ids[n : n + _CUSTOMERS_AT_ONCE] for n in range(0, len(customer_ids), _CUSTOMERS_AT_ONCE))
