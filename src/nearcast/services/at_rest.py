"""Customers who stay outside every geofence, or inside the same, as the worker that has their partitions knows them.

Their pings change nothing but their tracks. A worker keeps these in memory and writes a track only now and then: until
where all of a partition is written down stands beside its position, and whoever takes the partition over reads what
comes after that once more (`services.settling`). Nobody's visit ends by silence before what was heard is written down.

Edits of geofences do not end the rest of those outside: who was there before a geofence was drawn is taken with all
that is known of them as soon as they are seen inside.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from nearcast.domain.ids import CustomerId, GeofenceId
from nearcast.domain.ping import Fix
from nearcast.domain.rest import rest_of
from nearcast.domain.track import Track
from nearcast.domain.visit import BEGINNING, PresenceRules
from nearcast.geo.batch import Ints, PingBatch
from nearcast.geo.geodesy import Bools
from nearcast.services.calm import NOWHERE, OUTSIDE, CalmPings, Coming, Judged
from nearcast.services.geofences import GeofenceBook
from nearcast.services.ingest import by_arrival, is_said, taken_us
from nearcast.services.roster import Roster
from nearcast.services.track_ports import StayedFix

_NOBODYS = -1
_ROUND_S, _SOON_S, _LATEST_S = 15.0, 1.0, 60.0
_LONG_SILENCE_S = 300.0
_MOST_WAITING = 500_000


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a partition that is leased under `token` has been consumed, and until where tracks are written down."""

    token: int
    position: int
    settled: int


class AtRest:
    """For one thread. Partitions are those that are leased to it; instants in seconds are of a clock that never goes
    back.
    """

    def __init__(self, rules: PresenceRules) -> None:
        self.rules = rules
        self._roster = Roster()
        self._calm = CalmPings(lateness_s=rules.lateness_s, max_speed_mps=rules.max_speed_mps)
        self._partition: Ints = np.empty(0, dtype=np.int64)
        self._reached: dict[int, Reached] = {}
        self._waiting = 0
        self._round: list[int] = []
        self._round_until: dict[int, int] | None = None
        self._round_ended_s = 0.0
        self._revision = -1
        # a visit that ends soon by silence must not wait for what was heard to be written down
        self._keeps_visits = rules.gap_s is None or rules.gap_s >= _LONG_SILENCE_S

    def read(self, revision: int) -> None:
        """The catalogue that holds now: a geofence that somebody is inside may be another one."""
        if revision != self._revision:
            self._calm.doubt_visits()
            self._revision = revision

    def reached(self, partition: int) -> Reached | None:
        """None for a partition of which nothing is remembered."""
        return self._reached.get(partition)

    def begin(self, partition: int, token: int, position: int) -> None:
        """A partition that was consumed until there, all of which is written down."""
        self._reached[partition] = Reached(token, position, settled=position)

    def leave(self, partitions: Iterable[int]) -> None:
        """Forget everything of these partitions: others have them, or may."""
        gone = [partition for partition in partitions if self._reached.pop(partition, None) is not None]
        if gone:
            self._calm.void(np.flatnonzero(np.isin(self._partition, gone)), forget=True)

    @property
    def partitions(self) -> Collection[int]:
        return self._reached.keys()

    def judge(self, batch: PingBatch, may: Bools, geofences: GeofenceBook) -> Judged:
        """Which of the pings change nothing but the track of somebody who is at rest here. `may` are those that may be
        taken at all. One with an id is none of them: it has to be remembered.
        """
        calm = self._calm
        number = self._roster.numbers_of(batch.customer_id)
        calm.grow(len(self._roster))
        rows = by_arrival(batch)
        rows = rows[calm.rests(number[rows])]
        at_us = taken_us(batch, rows)
        sets = np.full(len(rows), OUTSIDE)
        for place, geofence_ids in geofences.inside(batch.lat_deg[rows], batch.lon_deg[rows], at_us).items():
            sets[place] = calm.number_of(geofence_ids)
        sets[~may[rows] | is_said(batch.ping_id[rows])] = NOWHERE
        come = calm.visible_until + rows
        found = calm.judge(Coming.of(batch, rows, customer=number[rows], number=come, recorded_us=at_us), sets)
        is_calm = np.zeros(len(batch), dtype=np.bool_)
        is_calm[rows] = found.is_calm
        return Judged(is_calm, found.block)

    def fixes(self, customer_id: CustomerId, judged: Judged | None = None) -> list[Fix]:
        """What is remembered of a customer and is not in their track yet, with what was just judged."""
        return self._calm.seen(self._roster.number_of(customer_id), judged)

    def stayed(
        self, customer_ids: Iterable[CustomerId]
    ) -> dict[CustomerId, tuple[frozenset[GeofenceId], list[StayedFix]]]:
        """Of those of the customers who are known to rest, inside what, and what is not written down."""
        numbers = np.array([self._roster.number_of(key) for key in customer_ids], dtype=np.int64)
        return {self._roster.name(number): found for number, found in self._calm.seen_at_rest(numbers).items()}

    def keep(self, judged: Judged, moves: Mapping[int, tuple[int, int]]) -> None:
        """What was judged has been consumed, and positions have moved so."""
        self._calm.keep(judged)
        self._calm.visible_until += len(judged.is_calm)
        self._waiting += int(judged.is_calm.sum())
        for partition, (_, until) in moves.items():
            at = self._reached[partition]
            self._reached[partition] = Reached(at.token, until, at.settled)

    def written(self, customer_id: CustomerId, partition: int, track: Track | None, ground: GeofenceBook) -> None:
        """A customer's track was written as it stands, or is gone: nothing of it is remembered but how they rest."""
        number = self._roster.number_of(customer_id)
        self._calm.forget(number)
        if number >= len(self._partition):
            room = np.full(2 * number + 64 - len(self._partition), _NOBODYS)
            self._partition = np.concatenate([self._partition, room])
        self._partition[number] = partition
        rest = None if track is None else rest_of(track, ground=ground, rules=self.rules)
        if rest is not None and (rest.after == BEGINNING or (rest.inside and not self._keeps_visits)):
            rest = None
        self._calm.note(number, rest)

    def doubt(self, customer_ids: Iterable[CustomerId]) -> None:
        """They have said something of their consent: their next pings are looked at."""
        for customer_id in customer_ids:
            self._calm.doubt(self._roster.number_of(customer_id))

    def due(self, now_s: float, *, soon: bool, busy: bool) -> bool:
        """Whether tracks are to be written down now: every 15 s, every second where `soon` or where none is to be
        written, before too many wait. Where pings wait that keep us `busy` they come first, for a minute.
        """
        is_late = soon or self._waiting > _MOST_WAITING or now_s - self._round_ended_s >= _LATEST_S
        if busy and not is_late:
            return False
        if self._round_until is not None:
            return True
        if all(at.settled == at.position for at in self._reached.values()):
            return False
        wait_s = _SOON_S if soon or not self._waiting else _ROUND_S  # positions alone are soon moved
        return self._waiting > _MOST_WAITING or now_s - self._round_ended_s >= wait_s

    def some(self, limit: int) -> list[CustomerId]:
        """At most so many customers whose tracks are to be written down in this round, which begins if none is under
        way; none at its end.
        """
        if self._round_until is None:
            self._round, self._waiting = self._calm.waiting(), 0
            self._round_until = {key: at.position for key, at in self._reached.items()}
        found: list[CustomerId] = []
        while self._round and len(found) < limit:
            number = self._round.pop()
            if self._calm.waits(number):
                found.append(self._roster.name(number))
        return found

    def settled(self, customer_ids: Iterable[CustomerId]) -> None:
        """The tracks of these are written down."""
        self._calm.void(np.array([self._roster.number_of(key) for key in customer_ids], dtype=np.int64))

    def position_of(self, customer_id: CustomerId) -> int:
        """Until where the pings of a customer are remembered whose track was written once."""
        return self._reached[int(self._partition[self._roster.number_of(customer_id)])].position

    def tokens(self) -> dict[int, int]:
        return {key: at.token for key, at in self._reached.items()}

    def round_moves(self) -> dict[int, tuple[int, int]]:
        """Until where all is written down when this round has ended, and was before, by partition."""
        until = self._round_until or {}
        return {key: (at.settled, until[key]) for key, at in self._reached.items() if key in until}

    def break_round(self) -> None:
        """It begins anew."""
        self._round_until = None

    def end_round(self, now_s: float) -> None:
        """All is written down that was remembered when this round began."""
        for partition, (_, until) in self.round_moves().items():
            at = self._reached[partition]
            self._reached[partition] = Reached(at.token, at.position, until)
        self._round_until, self._round_ended_s = None, now_s
