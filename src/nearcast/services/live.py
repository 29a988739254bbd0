"""The engine on a store: each step one transaction, with the same rules as a replay.

`now` is handed in by whoever drives it: a worker's clock, or a test that steps through a scenario.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, TypeAlias

from nearcast.domain.campaign import CampaignState, Schedule, Trigger
from nearcast.domain.errors import NotFound
from nearcast.domain.ids import CampaignId, CustomerId, GeofenceId, TenantId
from nearcast.domain.message import Message, MessageStatus
from nearcast.domain.reason import Reason
from nearcast.geo.batch import PingBatch
from nearcast.geo.validate import geofence_from_feature
from nearcast.services.catalogue import CatalogueCache
from nearcast.services.delivery import cancel_for_geofence, decide_again, settled
from nearcast.services.engine import apply_consent, end_visits, run_campaigns, take_consent, take_pings
from nearcast.services.ingest import Arrivals, Door, fix_of, in_order_of_arrival, inside_of, ping_keys
from nearcast.services.ports import Channel, Claim, LedgerLine, RunStatus, Store, UnitOfWork
from nearcast.services.runs import due_runs, next_due
from nearcast.services.working_set import WorkingSet
from nearcast.services.world import World

_PINGS_AT_ONCE = 1_000
_CUSTOMERS_AT_ONCE = 500
_MESSAGES_AT_ONCE = 100
_LEASE_S = 60.0
_LOOK_BACK = timedelta(days=2)  # longer than workers stand still together
Check: TypeAlias = Callable[[UnitOfWork], None]
"""Raises where an edit may not be, in the transaction that would make it."""


def _anybody(_uow: UnitOfWork) -> None:
    """No check."""


class Live:
    """One tenant's engine; several may run beside each other on one store, each under an `owner` of its own."""

    def __init__(self, store: Store, tenant_id: TenantId, channel: Channel, *, owner: str = "worker") -> None:
        self.store, self.tenant_id, self.channel, self.owner = store, tenant_id, channel, owner
        self.catalogue = CatalogueCache(tenant_id)

    def accept(self, batch: PingBatch, now: datetime) -> list[tuple[int, Reason]]:
        """Take pings in: what passes the door is in the log when this returns; the others as (row, reason)."""
        with self.store.writing(self.tenant_id) as uow:
            world = self.catalogue.world(uow.catalogue)
            world.consents = uow.consents.of({CustomerId(key) for key in batch.customer_id})
            arrivals = Arrivals.of(batch, world.tenant.policy.ping_rules.max_future_s)
            door = Door(world)
            let_in = list(door.let_in(arrivals, range(len(batch)), now))
            uow.pings.append(batch.take(let_in))
            uow.counters.add("refused", world.refused)
            uow.commit()
        return door.turned_away

    def work_pings(self, now: datetime) -> int:
        """Consume what waits in the ping log; how many pings."""
        with self.store.reading(self.tenant_id) as uow:
            waiting = uow.pings.waiting()
        done = 0
        for partition in waiting:
            while consumed := self._work_slice(partition, now):
                done += consumed
        return done

    def _work_slice(self, partition: int, now: datetime) -> int:
        with self.store.writing(self.tenant_id) as uow:
            after = uow.pings.position(partition)
            taken = uow.pings.read(partition, limit=_PINGS_AT_ONCE)
            if not len(taken.batch):
                return 0
            working = WorkingSet(uow, self.catalogue, {CustomerId(key) for key in taken.batch.customer_id})
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
        with self.store.reading(self.tenant_id) as uow:
            runs = [next_due(schedule, after) for _, schedule, after in self._scheduled(uow)]
            due = [uow.tracks.next_end(), uow.outbox.next_due(), uow.consents.next_change(now), *runs]
        return min((at for at in due if at is not None), default=None)

    def _scheduled(self, uow: UnitOfWork) -> Iterator[tuple[CampaignId, Schedule, datetime]]:
        """Scheduled campaigns, and the instant up to which their runs are written: at first that of their making."""
        done = uow.runs.newest()
        for key, campaign in sorted(self.catalogue.world(uow.catalogue).campaigns.by_id.items()):
            if campaign.trigger is Trigger.SCHEDULE and campaign.schedule is not None:
                after = done.get(key) or uow.catalogue.campaigns.history(key)[0].at - timedelta(microseconds=1)
                yield key, campaign.schedule, after

    def work_due(self, now: datetime) -> None:
        """Everything that is due by `now`: consents, visits, messages, runs."""
        with self.store.reading(self.tenant_id) as uow:
            changing = uow.consents.changing(now - _LOOK_BACK, now)
            visits_end_at = uow.tracks.next_end()
            runs = self._due_runs(uow, now)
        for customer_ids in _slices(changing):
            self._end_consents(customer_ids, now)
        if visits_end_at is not None and visits_end_at <= now:
            self._end_visits(now)
        self.dispatch_due(now)
        for due_at, due in sorted(runs.items()):
            self._run(due_at, due, now)
        self.dispatch_due(now)

    def _end_consents(self, customer_ids: Sequence[CustomerId], now: datetime) -> None:
        """Applied again where it was applied before, a consent that has ended changes nothing: no mark is kept."""
        with self.store.writing(self.tenant_id) as uow:
            working = WorkingSet(uow, self.catalogue, customer_ids)
            for customer_id in working.customer_ids:
                apply_consent(working.world, customer_id, now)
            working.save()
            uow.commit()

    def _end_visits(self, now: datetime) -> None:
        while True:
            with self.store.writing(self.tenant_id) as uow:
                ended = [customer_id for _, customer_id in uow.tracks.ended(now, limit=_CUSTOMERS_AT_ONCE)]
                if not ended:
                    return
                working = WorkingSet(uow, self.catalogue, ended)
                for customer_id in ended:
                    end_visits(working.world, customer_id, now)
                working.save()
                working.save_tracks(ended)
                uow.commit()

    def dispatch_due(self, now: datetime) -> list[Message]:
        """Send what may go: claimed in one transaction, decided again in a second, sent outside any, then recorded."""
        done: list[Message] = []
        while self._is_due(now):
            with self.store.writing(self.tenant_id) as uow:
                claims = uow.outbox.claim_due(now, owner=self.owner, lease_s=_LEASE_S, limit=_MESSAGES_AT_ONCE)
                uow.commit()
            if not claims:  # another dispatcher was first
                break
            done += [message for claim in claims if (message := self._deliver(claim, now)) is not None]
        return done

    def _is_due(self, now: datetime) -> bool:
        with self.store.reading(self.tenant_id) as uow:
            due_at = uow.outbox.next_due()
        return due_at is not None and due_at <= now

    def _deliver(self, claim: Claim, now: datetime) -> Message | None:
        with self.store.writing(self.tenant_id) as uow:
            working = WorkingSet(uow, self.catalogue, [claim.message.customer_id])
            message = working.world.messages[claim.message.id]
            if message.status is not MessageStatus.CLAIMED:
                return None
            ready = decide_again(working.world, message, now)
            if ready.status is MessageStatus.SENDING:
                if not uow.outbox.start(ready, owner=claim.owner, attempt=claim.attempt, until=claim.until):
                    return None
            else:
                working.world.keep(ready)
                working.save()
            uow.commit()
        if ready.status is not MessageStatus.SENDING:
            return ready
        sent = settled(ready, self.channel.send(ready), now)
        with self.store.writing(self.tenant_id) as uow:
            uow.outbox.finish(sent, owner=claim.owner, attempt=claim.attempt)
            uow.commit()
        return sent

    def rescue(self, now: datetime) -> None:
        """End the leases of dispatchers that did not come back: claimed goes back to the queue, sending is unknown."""
        with self.store.writing(self.tenant_id) as uow:
            uow.outbox.rescue(now)
            uow.commit()

    def _due_runs(self, uow: UnitOfWork, now: datetime) -> dict[datetime, list[tuple[CampaignId, RunStatus]]]:
        """The runs that are due and that nobody has written, by due instant."""
        due: dict[datetime, list[tuple[CampaignId, RunStatus]]] = {}
        for key, schedule, after in self._scheduled(uow):
            for run in due_runs(schedule, after, now):
                status = RunStatus.MISSED if run.is_missed else RunStatus.DONE
                due.setdefault(run.due_at, []).append((key, status))
        return due

    def _run(self, due_at: datetime, runs: Sequence[tuple[CampaignId, RunStatus]], now: datetime) -> None:
        """The runs of one due instant together; a run that another process has written is left to it."""
        with self.store.writing(self.tenant_id) as uow:
            ours = [
                campaign_id
                for campaign_id, status in runs
                if uow.runs.insert(campaign_id, due_at, status=status, at=now) and status is RunStatus.DONE
            ]
            campaigns = self.catalogue.world(uow.catalogue).campaigns.by_id
            for customer_ids in _slices(uow.tracks.seen_since(_oldest(campaigns, ours, due_at)) if ours else []):
                working = WorkingSet(uow, self.catalogue, customer_ids)
                run_campaigns(working.world, ours, due_at, now)
                for run in working.world.runs:
                    uow.runs.add_entries(run["campaign_id"], due_at, run["entries"])
                working.save()
            uow.commit()

    def take_consent(self, line: LedgerLine, now: datetime) -> bool:
        """Write a line of the ledger and what follows from it, in one commit; False where it stands already."""
        event = line.event
        with self.store.writing(self.tenant_id) as uow:
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
        with self._editing() as uow:
            may(uow)
            written = uow.catalogue.geofences.put_geofence(geofence, feature, now)
            working = WorkingSet(uow, self.catalogue, uow.tracks.visiting(geofence.id))
            working.save_tracks(key for key in working.customer_ids if key in working.world.tracks)
            uow.commit()
        return int(written.revision)

    def delete_geofence(self, geofence_id: GeofenceId, now: datetime, *, may: Check = _anybody) -> None:
        """Take a geofence out of force: visits there end, what is queued for it is cancelled. `may` can refuse it."""
        with self._editing() as uow:
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
        with self._editing() as uow:
            known = self.catalogue.world(uow.catalogue).campaigns.by_id.get(campaign_id)
            written = uow.catalogue.campaigns.get(campaign_id)
            if known is None or written is None:
                raise NotFound(f"there is no campaign {campaign_id!r}")
            state = known.after(action).state
            uow.catalogue.campaigns.put_campaign(campaign_id, written.doc, now, state=state)
            uow.commit()
        return state

    def _editing(self) -> "_Edit":
        return _Edit(self)


class _Edit:
    """A unit of work that edits the catalogue: if it fails, what this process has read of it is read again."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._uow = live.store.writing(live.tenant_id)

    def __enter__(self) -> UnitOfWork:
        return self._uow.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            self._live.catalogue = CatalogueCache(self._live.tenant_id)
        self._uow.__exit__(kind, error, traceback)


def _take(world: World, arrivals: Arrivals, door: Door, now: datetime) -> None:
    """The pings of each arrival together, customer by customer."""
    batch = arrivals.batch
    of_instant: dict[tuple[int, CustomerId], list[int]] = {}
    for row in door.let_in(arrivals, range(len(arrivals)), now):
        key = (int(batch.received_at_us[row]), CustomerId(batch.customer_id[row]))
        of_instant.setdefault(key, []).append(row)
    inside = inside_of(world.geofences, arrivals, [row for rows in of_instant.values() for row in rows])
    for (_, customer_id), rows in sorted(of_instant.items()):
        fixes = [fix_of(batch, row, inside.get(row, frozenset())) for row in rows]
        take_pings(world, customer_id, fixes, now)


def _oldest(campaigns: Mapping[CampaignId, Any], ids: Iterable[CampaignId], due_at: datetime) -> datetime | None:
    """How long ago a customer may have been seen for any of these runs; None for ever."""
    limits = [campaigns[key].schedule.seen_within_s for key in ids]
    return None if None in limits else due_at - timedelta(seconds=max(limits))


def _slices(customer_ids: Sequence[CustomerId]) -> Iterable[Sequence[CustomerId]]:
    return (customer_ids[n : n + _CUSTOMERS_AT_ONCE] for n in range(0, len(customer_ids), _CUSTOMERS_AT_ONCE))
