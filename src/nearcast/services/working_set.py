"""Some customers of a tenant as a world: loaded and locked in one unit of work, and saved in it with what changed."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import Any

from nearcast.domain.errors import Overtaken
from nearcast.domain.ids import CustomerId, DecisionId, MessageId
from nearcast.domain.message import Message
from nearcast.domain.track import Track
from nearcast.services.budgets import OthersShare
from nearcast.services.engine import visits_end_at
from nearcast.services.events import events_of
from nearcast.services.figures import Figure
from nearcast.services.look_back import look_back
from nearcast.services.paging import every
from nearcast.services.ports import MatchLog, MatchLogFilter, UnitOfWork
from nearcast.services.steps import NOTHING, Known
from nearcast.services.terms import Rules
from nearcast.services.track_ports import KeptTrack
from nearcast.services.world import World


class WorkingSet:
    """The customers of one transaction. `world` is worked on until `save`. With `now`, the instant at which decisions
    are made, what was sent is loaded as far back as any rule looks from there; without, all of it. With `is_calm`
    nothing but tracks is loaded before `stir` says whose. `reached` says until where in the ping log tracks are written
    with this; without it they are until where they were.

    Customers are locked in id order, so that two transactions never wait for each other; `held` are those that exist.
    """

    def __init__(
        self,
        uow: UnitOfWork,
        rules: Rules,
        customer_ids: Iterable[CustomerId],
        now: datetime | None = None,
        known: Known = NOTHING,
        *,
        is_calm: bool = False,
        reached: Mapping[CustomerId, int] = MappingProxyType({}),
    ) -> None:
        self._uow, self._known, self._now, self._reached = uow, known, now, dict(reached)
        self.customer_ids = sorted(set(customer_ids))
        self.held = frozenset(uow.customers.lock(self.customer_ids))
        self.world = rules.world(uow.catalogue)
        self._tracks: dict[CustomerId, Track] = {}
        self._messages: dict[MessageId, Message] = {}
        self._other_sends: dict[CustomerId, int] = {}
        self._assigned: dict[CustomerId, int] = {}
        self._load(self.world)
        if not is_calm:
            self.stir(self.customer_ids)

    def _load(self, world: World) -> None:
        uow, ids = self._uow, self.customer_ids
        for key, kept in uow.tracks.load(ids).items():
            world.tracks.take_up(key, kept)
            self._tracks[key] = world.tracks[key]
            self._reached.setdefault(key, kept.upto)
        # neither of them holds this set, which holds the world: both would outlive the step until they are collected
        decided = self._known.decided
        world.decided_before = lambda asked: asked & decided
        world.rows_before = partial(_rows_with, uow.match_log)

    def stir(self, customer_ids: Iterable[CustomerId]) -> None:
        """Load these customers, what they agreed to and what was sent to them, before anything is decided or cancelled
        for them. Once.
        """
        uow, world, ids = self._uow, self.world, sorted(set(customer_ids))
        world.customers = uow.customers.load(ids)
        world.consents = uow.consents.of(ids)
        rules = (*world.tenant.policy.caps, *world.campaigns.caps)
        since = None if self._now is None else self._now - look_back(rules)
        sent = uow.outbox.of(ids) if since is None else uow.outbox.recent(ids, since)
        for messages in sent.values():
            for message in messages:
                world.keep(message)
        self._messages = dict(world.messages)
        other_sends = uow.sends.of(ids) if since is None else uow.sends.recent(ids, since)
        for key, sends in other_sends.items():
            world.other_sends[key] = sends
            self._other_sends[key] = len(sends)
        if world.tenant.policy.holdout is not None or world.campaigns.has_experiments:
            world.assignments.update(uow.assignments.of(ids))
        self._assigned = {key: len(each) for key, each in world.assignments.items()}
        if self._known.holds_budgets:
            uow.budgets.hold(world.campaigns.limits)
        world.spent = uow.budgets.spent() if world.campaigns.has_money else {}
        limits = world.campaigns.limits_after(world.spent) if world.spent else world.campaigns.limits
        world.other_budget = OthersShare(uow.budgets, limits, self._messages.values())

    def save(self) -> None:
        """Write what changed; the commit is the caller's. Overtaken where something had been decided before."""
        uow, world = self._uow, self.world
        if decided := uow.match_log.known(row["decision_id"] for row in world.rows):
            raise Overtaken("an opportunity was decided before", decided=decided)
        uow.transitions.delete(world.taken_back)
        uow.transitions.upsert(world.transitions.values())
        if world.webhooks:
            uow.events.take_back(world.taken_back)
            uow.events.append(events_of(world))
        uow.match_log.append(world.rows)
        for row in world.rows:
            uow.tell(Figure.DECISIONS, row["outcome"], row["reason"] or "")
        new = [message for key, message in world.messages.items() if key not in self._messages]
        changed = [m for key, m in world.messages.items() if key in self._messages and m is not self._messages[key]]
        uow.outbox.insert(new)
        uow.vouchers.insert(world.vouchers)
        uow.outbox.update(changed)
        for message in (*new, *changed):
            uow.tell(Figure.MESSAGES, message.channel, message.status.value)
        uow.sends.append(
            (key, send) for key, sends in world.other_sends.items() for send in sends[self._other_sends.get(key, 0) :]
        )
        uow.assignments.append(
            (key, each) for key, known in world.assignments.items() for each in known[self._assigned.get(key, 0) :]
        )
        self.save_tracks(key for key, track in world.tracks.items() if track is not self._tracks.get(key))
        uow.tracks.delete(key for key in self._tracks if key not in world.tracks)
        uow.counters.add("refused", world.refused)
        uow.counters.add("kept", world.kept)
        uow.counters.add("pings", {"accepted": world.accepted} if world.accepted else {})
        for result, by_reason in (("dropped", world.refused), ("kept", world.kept)):
            for reason, count in by_reason.items():
                uow.tell(Figure.PINGS, result, reason, by=count)

    def save_tracks(self, customer_ids: Iterable[CustomerId]) -> None:
        """Write tracks, and when their visits end, whether they changed or their geofences did."""
        world = self.world
        self._uow.tracks.save(
            KeptTrack(
                track=world.tracks[key],
                last_zone=world.last_zones.get(key),
                ends_at=visits_end_at(world, key),
                upto=self._reached.get(key, 0),
            )
            for key in customer_ids
        )


def _rows_with(log: MatchLog, customer_id: CustomerId, decision_id: DecisionId) -> list[dict[str, Any]]:
    """What was decided of a customer together with one decision, that too."""
    if (own := log.get(decision_id)) is None:
        return []
    at = own["decided_at"]
    wanted = MatchLogFilter(customer_id=customer_id, since=at, until=at + timedelta(microseconds=1))
    return list(every(lambda cursor: log.page(wanted, cursor=cursor)))
