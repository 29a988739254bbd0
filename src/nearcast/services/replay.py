"""Replay a scenario: its events in order, due work at its own instant, the whole engine in between.

CONTRACT, "Clock" and "Order", is what this file does: at one instant consents come first, then edits, prior sends, due
work, pings; the clock stops at the last event.
"""

import heapq
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from functools import partial
from itertools import count, groupby
from typing import TypeAlias

import numpy as np

from nearcast.domain.campaign import Campaign, Trigger
from nearcast.domain.consent import ConsentEvent
from nearcast.domain.errors import InvalidInput, NotFound
from nearcast.domain.geofence import Geofence
from nearcast.domain.ids import CampaignId, CustomerId, GeofenceId, MessageId
from nearcast.domain.message import Message, MessageStatus
from nearcast.geo.batch import Floats, PingBatch, Texts
from nearcast.geo.validate import geofence_from_feature
from nearcast.services.assembly import consent_event
from nearcast.services.batches import Stretch
from nearcast.services.channel_ports import WayOut
from nearcast.services.delivery import dispatch
from nearcast.services.engine import (
    apply_consent,
    delete_geofence,
    end_visits,
    note_other_send,
    put_geofence,
    run_campaigns,
    take_consent,
    visits_end_at,
)
from nearcast.services.fallbacks import fall_back
from nearcast.services.ingest import Door, Ledgers, in_order_of_arrival
from nearcast.services.instants import EPOCH, as_instant, as_us
from nearcast.services.ports import Progress
from nearcast.services.prior_sends import prior_send
from nearcast.services.runs import next_due
from nearcast.services.scenario import EventShape, PriorSendShape, ScenarioShape, placed
from nearcast.services.world import World

_MATCH_ROWS = 4_096


class Due(IntEnum):
    """Work that comes by itself, in the order in which it is done at one instant."""

    CONSENT = 0
    VISITS = 1
    MESSAGE = 2
    RUN = 3


@dataclass(slots=True)
class Agenda:
    """Due work by instant, kind and subject; the same work is kept once."""

    _heap: list[tuple[datetime, Due, str]] = field(default_factory=list)
    _known: set[tuple[datetime, Due, str]] = field(default_factory=set)

    def add(self, at: datetime, kind: Due, subject: str) -> None:
        entry = (at, kind, subject)
        if entry not in self._known:
            self._known.add(entry)
            heapq.heappush(self._heap, entry)

    def take(self, until: datetime, *, and_at: bool) -> Iterator[tuple[datetime, Due, list[str]]]:
        """Work due before `until`, or at it as well, in batches of one instant and kind; more may come meanwhile."""
        while self._heap and (self._heap[0][0] < until or (and_at and self._heap[0][0] == until)):
            at, kind = self._heap[0][:2]
            subjects = []
            while self._heap and self._heap[0][:2] == (at, kind):
                entry = heapq.heappop(self._heap)
                self._known.discard(entry)
                subjects.append(entry[2])
            yield at, kind, subjects


Action: TypeAlias = Callable[[], None]


class Replay:
    """One run through one scenario, from the instant `since` of its first event to `until`, by default its last."""

    def __init__(
        self,
        world: World,
        shape: ScenarioShape,
        pings: Sequence[PingBatch],
        channel: WayOut,
        *,
        note: Callable[[str], None],
        repair: bool = False,
        until: datetime | None = None,
    ) -> None:
        self.world, self.channel, self.note, self.repair = world, channel, note, repair
        self.agenda, self.ledgers = Agenda(), Ledgers(world)
        self.door = Door(world, self.ledgers)
        self.arrivals = in_order_of_arrival(
            [ping_batch(shape.events), *pings], world.tenant.policy.ping_rules, world.roster
        )
        self.received_us = self.arrivals.batch.received_at_us
        instants = [event.at for event in shape.events]
        instants += [as_instant(int(us)) for us in self.received_us[[0, -1]]] if len(self.arrivals) else []
        self.since, self.until = min(instants, default=until), until or max(instants, default=None)
        self.now = self.since or EPOCH
        self.actions = sorted(self._actions(shape), key=lambda action: action[:2])
        self.stretch: Stretch | None = None
        self.visits_end: dict[CustomerId, datetime] = {}

    def run(self, progress: Progress) -> None:
        """Through all events to the last one."""
        if self.since is None or self.until is None:
            return
        if len(self.arrivals):  # before the first ping nobody has been seen, and a run would find nobody
            first_ping_at = as_instant(int(self.received_us[0]))
            for campaign in self.world.campaigns.by_id.values():
                if campaign.trigger is Trigger.SCHEDULE:
                    self._plan_run(campaign, first_ping_at - timedelta(microseconds=1))
        coming = deque(self.actions)
        start = 0
        while start < len(self.arrivals):
            self._act(coming, as_instant(int(self.received_us[start])))
            start = self._pings(start, as_us(coming[0][0]) if coming else None)
            progress(start, len(self.arrivals))
        self._act(coming, self.until)
        self._work(self.until)

    def _act(self, coming: deque[tuple[datetime, int, Action]], until: datetime) -> None:
        """The actions that come by `until`, each after all work that is due before it."""
        while coming and coming[0][0] <= until:
            at, _, action = coming.popleft()
            self._work(at, and_at=False)
            self.now = max(self.now, at)
            action()

    def _work(self, until: datetime, *, and_at: bool = True) -> None:
        for due_at, kind, subjects in self.agenda.take(until, and_at=and_at):
            self.now = max(self.now, due_at)
            self._come(due_at)
            match kind:
                case Due.CONSENT:
                    for subject in subjects:
                        apply_consent(self.world, CustomerId(subject), self.now)
                case Due.VISITS:
                    for subject in subjects:
                        self._end_visits(CustomerId(subject), due_at)
                case Due.MESSAGE:
                    for subject in subjects:
                        self._dispatch(MessageId(subject))
                case Due.RUN:
                    self._run([CampaignId(subject) for subject in subjects], due_at)

    def _actions(self, shape: ScenarioShape) -> Iterator[tuple[datetime, int, Action]]:
        """Everything but pings, with the rank that it has at its instant."""
        tenant = self.world.tenant.id
        for n, listed in enumerate(shape.consents):
            given = consent_event(listed, tenant, f"consent-{n}", place=f"consents[{n}]")
            yield given.at, 0, partial(self._consent, given)
        numbers = count(len(shape.consents))
        for n, event in enumerate(shape.events):
            place = f"events[{n}]"
            if event.consent is not None:
                dated = event.consent.model_copy(update={"at": event.consent.at or event.at})
                given = consent_event(dated, tenant, f"consent-{next(numbers)}", place=f"{place}.consent")
                yield event.at, 0, partial(self._consent, given)
            elif event.geofence_put is not None:
                place = f"{place}.geofence_put"
                geofence = geofence_from_feature(event.geofence_put, place=place, repair=self.repair, note=self.note)
                yield event.at, 1, partial(self._put_geofence, geofence)
            elif event.geofence_delete is not None:
                gone = GeofenceId(event.geofence_delete)
                yield event.at, 1, partial(self._delete_geofence, gone, f"{place}.geofence_delete")
            elif event.campaign is not None:
                changed = CampaignId(event.campaign.id)
                yield event.at, 1, partial(self._change_campaign, changed, event.campaign.action, f"{place}.campaign")
            elif event.prior_send is not None:
                yield event.at, 2, partial(self._prior_send, event.prior_send, event.at)

    def _consent(self, given: ConsentEvent) -> None:
        self.ledgers.changed(given.customer_id)
        for at in (given.at, given.valid_until):
            if at is not None and at > self.now:
                self.agenda.add(at, Due.CONSENT, given.customer_id)
        take_consent(self.world, given, self.now)

    def _put_geofence(self, geofence: Geofence) -> None:
        for customer_id in put_geofence(self.world, geofence, self.now):
            self._plan_visits(customer_id)

    def _delete_geofence(self, geofence_id: GeofenceId, place: str) -> None:
        try:
            inside = delete_geofence(self.world, geofence_id, self.now)
        except NotFound as error:
            raise InvalidInput(str(error), place=place) from error
        for customer_id in inside:
            self._plan_visits(customer_id)

    def _change_campaign(self, campaign_id: CampaignId, action: str, place: str) -> None:
        campaign = self.world.campaigns.by_id.get(campaign_id)
        if campaign is None:
            raise InvalidInput(f"there is no campaign {campaign_id!r}", place=f"{place}.id")
        self.world.campaigns.by_id[campaign_id] = placed(place, lambda: campaign.after(action))

    def _prior_send(self, prior: PriorSendShape, at: datetime) -> None:
        campaign = self.world.campaigns.by_id.get(CampaignId(prior.campaign_id))
        shop_id, channel = (campaign.shop_id, campaign.channel) if campaign else (None, None)
        send = prior_send(prior, at, shop_id=shop_id, channel=channel)
        if send is not None:
            note_other_send(self.world, CustomerId(prior.customer_id), send)

    def _pings(self, start: int, edited_us: int | None) -> int:
        """The pings from `start` on, as far as nothing is edited meanwhile; where the others start."""
        stop = len(self.arrivals) if edited_us is None else int(np.searchsorted(self.received_us, edited_us))
        # all pings of an instant are matched together
        together = self.received_us[min(stop, start + _MATCH_ROWS) - 1]
        rows = np.arange(start, np.searchsorted(self.received_us, together, side="right"))
        at_us = self.received_us[rows]
        self.stretch = Stretch(self.world, self.door, self.arrivals, rows, asked_us=at_us, decided_us=at_us)
        for received_us, stirs in groupby(self.stretch.stirs, key=lambda stir: stir.received_us):
            instant = as_instant(received_us)
            self._work(instant)
            self.now = instant
            for stir in stirs:
                self._send(self.stretch.take(stir, instant))
                self._plan_visits(stir.customer_id)
        self._work(as_instant(int(together)))
        self.stretch.end()
        return start + len(rows)

    def _come(self, at: datetime) -> None:
        """At that instant, the pings before it have come."""
        if self.stretch is not None:
            self.stretch.come_to(int(np.searchsorted(self.received_us, as_us(at))))

    def _end_visits(self, customer_id: CustomerId, due_at: datetime) -> None:
        if self.visits_end.get(customer_id) == due_at:  # else a later ping has put it off
            self._send(end_visits(self.world, customer_id, self.now))
            self._plan_visits(customer_id)

    def _plan_visits(self, customer_id: CustomerId) -> None:
        """Note when the customer's open visits end if nothing more is heard."""
        at = visits_end_at(self.world, customer_id)
        if at is not None:
            self.visits_end[customer_id] = max(at, self.now)
            self.agenda.add(max(at, self.now), Due.VISITS, customer_id)

    def _send(self, queued: Iterable[Message]) -> None:
        """Dispatch what may leave now, and note the rest for when it may."""
        for message in queued:
            if message.not_before <= self.now:
                self._dispatch(message.id)
            else:
                self.agenda.add(message.not_before, Due.MESSAGE, message.id)

    def _dispatch(self, message_id: MessageId) -> None:
        was_queued = self.world.messages[message_id].status is MessageStatus.QUEUED
        message = dispatch(self.world, self.channel, message_id, self.now)
        if was_queued and (other := fall_back(self.world, message, self.now)) is not None:
            self._send([other])
        if message.status is MessageStatus.QUEUED:
            self.agenda.add(max(message.not_before, self.now), Due.MESSAGE, message_id)

    def _plan_run(self, campaign: Campaign, after: datetime) -> None:
        due_at = next_due(campaign.schedule, after) if campaign.schedule else None
        if due_at is not None and self.until is not None and due_at <= self.until:
            self.agenda.add(due_at, Due.RUN, campaign.id)

    def _run(self, campaign_ids: list[CampaignId], due_at: datetime) -> None:
        self._send(run_campaigns(self.world, campaign_ids, due_at, self.now))
        for campaign_id in campaign_ids:
            self._plan_run(self.world.campaigns.by_id[campaign_id], due_at)


def ping_batch(events: Sequence[EventShape]) -> PingBatch:
    """The pings among a scenario's events, as columns."""
    pings = [(event.ping, event.at) for event in events if event.ping is not None]

    def texts(values: list[str | None]) -> Texts:
        column: Texts = np.empty(len(values), dtype=object)
        column[:] = values
        return column

    def numbers(values: list[float | None]) -> Floats:
        return np.array([math.nan if value is None else value for value in values], dtype=np.float64)

    return PingBatch(
        customer_id=texts([ping.customer_id for ping, _ in pings]),
        recorded_at_us=np.array([as_us(ping.recorded_at or at) for ping, at in pings], dtype=np.int64),
        received_at_us=np.array([as_us(at) for _, at in pings], dtype=np.int64),
        lat_deg=numbers([ping.lat for ping, _ in pings]),
        lon_deg=numbers([ping.lon for ping, _ in pings]),
        accuracy_m=numbers([ping.accuracy_m for ping, _ in pings]),
        speed_mps=numbers([ping.speed_mps for ping, _ in pings]),
        ping_id=texts([ping.ping_id for ping, _ in pings]),
        device_id=texts([ping.device_id for ping, _ in pings]),
    )
