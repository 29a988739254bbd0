"""Pings that change nothing, in columns: most people are outside every geofence, or stay inside the same.

What a customer's next fix must be like to change nothing is a `Rest`. Here are the rests of many customers, beside each
other, so that a batch of pings is held against them at once; and the pings that passed, until somebody asks for them.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np

from nearcast.domain.ids import GeofenceId
from nearcast.domain.ping import Fix
from nearcast.domain.position import Position
from nearcast.domain.rest import Rest
from nearcast.geo.batch import Floats, Ints, PingBatch, Texts
from nearcast.geo.geodesy import Bools
from nearcast.services.instants import US_PER_S, as_instant, as_us
from nearcast.services.track_ports import StayedFix

_Column = TypeVar("_Column", Ints, Floats)
_ALWAYS = np.iinfo(np.int64).max
_RESTLESS = -1  # the key of no set of geofences
OUTSIDE, NOWHERE = 0, -2
"""Numbers of sets of geofences: the empty one, and none that anybody rests in."""
_MOST_M_PER_DEGREE = 111_700.0  # of latitude at the poles; of longitude it is less everywhere
_BLOCKS = 12  # more are joined: a customer's fixes are looked for in each


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Coming:
    """n pings that have passed the door, in the order in which they come; customers by their numbers."""

    customer: Ints
    number: Ints
    recorded_us: Ints
    received_us: Ints
    lat_deg: Floats
    lon_deg: Floats
    accuracy_m: Floats
    device_id: Texts

    @classmethod
    def of(cls, batch: PingBatch, rows: Ints, *, customer: Ints, number: Ints, recorded_us: Ints) -> "Coming":
        """Those rows of a batch; an accuracy that nobody tells is none."""
        return cls(
            customer=customer,
            number=number,
            recorded_us=recorded_us,
            received_us=batch.received_at_us[rows],
            lat_deg=batch.lat_deg[rows],
            lon_deg=batch.lon_deg[rows],
            accuracy_m=np.nan_to_num(batch.accuracy_m[rows], nan=0.0),
            device_id=batch.device_id[rows],
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Block:
    """Fixes by customer, then in the order in which they come. `inside` are numbers of sets of geofences; 0 is none."""

    customer: Ints
    number: Ints
    recorded_us: Ints
    inside: Ints
    lat_deg: Floats
    lon_deg: Floats
    accuracy_m: Floats
    device_id: Texts

    def take(self, rows: Ints | Bools) -> "_Block":
        return _Block(**{column.name: getattr(self, column.name)[rows] for column in fields(self)})


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Which of some pings change nothing, and these."""

    is_calm: Bools
    block: _Block


@dataclass(slots=True, eq=False)
class _Rests:
    """One row per customer: a fix later than `after_us` and before `dwells_from_us`, inside `inside`, that comes in
    before `until_us`, changes nothing.

    Of what waits, everything numbered below `taken_until` is void.
    """

    after_us: Ints
    dwells_from_us: Ints
    until_us: Ints
    inside: Ints
    lat_deg: Floats
    lon_deg: Floats
    is_known: Bools
    waits: Bools
    taken_until: Ints

    def grow(self, size: int) -> None:
        for column in fields(self):
            old = getattr(self, column.name)
            new = np.zeros(size, dtype=old.dtype)
            new[: len(old)] = old
            setattr(self, column.name, new)


class CalmPings:
    """The rests of customers, by number, and their pings that wait.

    Pings have numbers, too, in the order in which they come; those from `visible_until` on are still to come.
    """

    def __init__(self, *, lateness_s: float, max_speed_mps: float) -> None:
        self._lateness_us, self._max_speed_mps = round(lateness_s * US_PER_S), max_speed_mps
        self._sets: list[frozenset[GeofenceId]] = [frozenset()]
        self._set_of = {self._sets[0]: 0}
        ints, floats = np.zeros(0, dtype=np.int64), np.zeros(0)
        bools = np.zeros(0, dtype=np.bool_)
        self._rests = _Rests(ints, ints, ints, ints, floats, floats, bools, bools, ints)
        self._blocks: list[_Block] = []
        self.visible_until = 0

    def grow(self, size: int) -> None:
        """Make room for customers with numbers below `size`."""
        if size > len(self._rests.inside):
            self._rests.grow(max(64, 2 * size))

    def unknown(self, customers: Ints) -> list[int]:
        """Those of the customers whose rest is to be noted first."""
        found: list[int] = np.unique(customers[~self._rests.is_known[customers]]).tolist()
        return found

    def note(self, customer: int, rest: Rest | None) -> None:
        """How a customer rests now."""
        rests = self._rests
        rests.is_known[customer] = True
        if rest is None:
            rests.inside[customer] = _RESTLESS
            return
        rests.inside[customer] = self.number_of(rest.inside)
        rests.after_us[customer] = as_us(rest.after)
        rests.dwells_from_us[customer] = _ALWAYS if rest.dwells_from is None else as_us(rest.dwells_from)
        rests.until_us[customer] = _ALWAYS if rest.until is None else as_us(rest.until)
        at = rest.position
        rests.lat_deg[customer], rests.lon_deg[customer] = (np.nan, np.nan) if at is None else (at.lat_deg, at.lon_deg)

    def forget(self, customer: int) -> None:
        """The customer's track is another now: what waits is void, and how they rest unknown."""
        self.grow(customer + 1)
        self._rests.is_known[customer] = False
        self._rests.taken_until[customer] = self.visible_until

    def doubt(self, customer: int) -> None:
        """How the customer rests is unknown; what waits goes on waiting."""
        self.grow(customer + 1)
        self._rests.is_known[customer] = False

    def forget_rests(self) -> None:
        """Something has changed for everybody."""
        self._rests.is_known[:] = False

    def sift(self, pings: Coming, inside: Mapping[int, frozenset[GeofenceId]]) -> Bools:
        """Which of the pings change nothing: a ping does if one of the same customer before it does. Those that change
        nothing wait from now on. All customers' rests are known; `inside` is by place in the columns.
        """
        sets = np.zeros(len(pings.customer), dtype=np.int64)
        for place, geofence_ids in inside.items():
            sets[place] = self.number_of(geofence_ids)
        judged = self.judge(pings, sets)
        self.keep(judged)
        return judged.is_calm

    def judge(self, pings: Coming, sets: Ints) -> Judged:
        """As `sift`, but nothing waits yet: what was found is to be kept, or forgotten. `sets` are numbers of the sets
        of geofences that the pings are inside, `OUTSIDE` of none, `NOWHERE` for a ping that must be looked at.
        """
        order = np.argsort(pings.customer, kind="stable")
        found = _Block(
            customer=pings.customer[order],
            number=pings.number[order],
            recorded_us=pings.recorded_us[order],
            inside=sets[order],
            lat_deg=pings.lat_deg[order],
            lon_deg=pings.lon_deg[order],
            accuracy_m=pings.accuracy_m[order],
            device_id=pings.device_id[order],
        )
        is_calm = self._change_nothing(found, pings.received_us[order])
        as_given = np.empty(len(order), dtype=np.bool_)
        as_given[order] = is_calm
        return Judged(as_given, found.take(is_calm))

    def _change_nothing(self, found: _Block, received_us: Ints) -> Bools:
        """For pings by customer: a visit that ends by itself at `until` has ended for all that come in later."""
        customer, us, rests = found.customer, found.recorded_us, self._rests
        is_first = np.diff(customer, prepend=-1) != 0

        def before(at_rest: _Column, column: _Column) -> _Column:
            return np.where(is_first, at_rest[customer], np.roll(column, 1))

        before_us = before(rests.after_us, us)
        until_us = rests.until_us[customer]
        fits = (us > before_us) & (us < rests.dwells_from_us[customer]) & (found.inside == rests.inside[customer])
        fits &= np.maximum(us, received_us) < until_us
        away_deg = np.hypot(
            found.lat_deg - before(rests.lat_deg, found.lat_deg), found.lon_deg - before(rests.lon_deg, found.lon_deg)
        )
        apart_s = (us.astype(np.float64) - before_us) / US_PER_S
        fits &= ~(away_deg * _MOST_M_PER_DEGREE > self._max_speed_mps * apart_s)  # NaN: nowhere yet
        misfits = np.cumsum(~fits)
        first = np.maximum.accumulate(np.where(is_first, np.arange(len(customer)), 0))
        calm: Bools = misfits == misfits[first] - ~fits[first]
        return calm

    def keep(self, judged: Judged) -> None:
        """What changes nothing waits from now on."""
        block = judged.block
        if not len(block.customer):
            return
        if len(self._blocks) == _BLOCKS:
            self._blocks = [self._as_one_block()]
        self._blocks.append(block)
        self._rests.waits[block.customer] = True
        last, rests = np.flatnonzero(np.diff(block.customer, append=-1)), self._rests
        customer = block.customer[last]
        rests.after_us[customer] = block.recorded_us[last]
        rests.lat_deg[customer], rests.lon_deg[customer] = block.lat_deg[last], block.lon_deg[last]

    def take(self, customer: int) -> list[Fix]:
        """The customer's visible fixes that waited; they do not wait any more."""
        found = self.seen(customer)
        rests = self._rests
        if customer < len(rests.waits) and rests.waits[customer]:
            rests.waits[customer] = any(self._is_to_come(block, customer) for block in self._blocks)
            rests.taken_until[customer] = self.visible_until
        return found

    def seen(self, customer: int, judged: Judged | None = None) -> list[Fix]:
        """The customer's visible fixes that wait, and after these those judged to change nothing; they go on waiting.
        Of those that no later ping can come before, the last is enough.
        """
        rests, rows = self._rests, list[tuple[_Block, int]]()
        if customer < len(rests.waits) and rests.waits[customer]:
            taken_until = rests.taken_until[customer]
            for block in self._blocks:
                for row in _rows_of(block, customer):
                    if taken_until <= block.number[row] < self.visible_until:
                        rows.append((block, row))
        if judged is not None:
            rows += ((judged.block, row) for row in _rows_of(judged.block, customer))
        if not rows:
            return []
        at_us = [int(block.recorded_us[row]) for block, row in rows]
        gone = bisect_left(at_us, at_us[-1] - self._lateness_us)
        return [self._fix(block, row) for block, row in rows[max(0, gone - 1) :]]

    def seen_at_rest(self, customers: Ints) -> dict[int, tuple[frozenset[GeofenceId], list[StayedFix]]]:
        """Of those of the customers who are known to rest, inside what, and all their visible fixes that wait."""
        rests, resting = self._rests, np.unique(customers[self.rests(customers)])
        if not self._blocks:
            return {}
        found = _joined([block.take(_rows_of_all(block, resting)) for block in self._blocks])
        is_here = (rests.taken_until[found.customer] <= found.number) & (found.number < self.visible_until)
        found = found.take(np.flatnonzero(is_here))
        found = found.take(np.argsort(found.customer, kind="stable"))
        columns = (found.recorded_us, found.lat_deg, found.lon_deg, found.accuracy_m, found.device_id)
        fixes = list(map(StayedFix._make, zip(*(column.tolist() for column in columns), strict=True)))
        first, after = (found.customer.searchsorted(resting + more).tolist() for more in (0, 1))
        inside = [self._sets[number] for number in rests.inside[resting].tolist()]
        spans = zip(resting.tolist(), inside, first, after, strict=True)
        return {key: (geofence_ids, fixes[a:b]) for key, geofence_ids, a, b in spans}

    def _is_to_come(self, block: _Block, customer: int) -> bool:
        return any(block.number[row] >= self.visible_until for row in _rows_of(block, customer))

    def void(self, customers: Ints, *, forget: bool = False) -> None:
        """What waits of these customers is void; with `forget`, how they rest unknown, too."""
        customers = customers[customers < len(self._rests.waits)]
        self._rests.taken_until[customers] = self.visible_until
        self._rests.waits[customers] = False
        if forget:
            self._rests.is_known[customers] = False

    def rests(self, customers: Ints) -> Bools:
        """Which of these customers are known to rest."""
        rests = self._rests
        found: Bools = rests.is_known[customers] & (rests.inside[customers] != _RESTLESS)
        return found

    def doubt_visits(self) -> None:
        """How those rest who are inside geofences is unknown; what waits goes on waiting."""
        self._rests.is_known &= self._rests.inside == OUTSIDE

    def waits(self, customer: int) -> bool:
        """Whether something of this customer waits or is still to come."""
        return bool(self._rests.waits[customer])

    def waiting(self) -> list[int]:
        """The customers of whom something waits or is still to come."""
        found: list[int] = np.flatnonzero(self._rests.waits).tolist()
        return found

    def _fix(self, block: _Block, row: int) -> Fix:
        return Fix(
            at=as_instant(int(block.recorded_us[row])),
            position=Position(float(block.lat_deg[row]), float(block.lon_deg[row])),
            accuracy_m=float(block.accuracy_m[row]),
            inside=self._sets[int(block.inside[row])],
            device_id=block.device_id[row],
        )

    def number_of(self, geofence_ids: frozenset[GeofenceId]) -> int:
        """The number of a set of geofences."""
        number = self._set_of.setdefault(geofence_ids, len(self._sets))
        if number == len(self._sets):
            self._sets.append(geofence_ids)
        return number

    def _as_one_block(self) -> _Block:
        """All that waits in one block, without what no later ping can come before; the last such stays."""
        block = _joined(self._blocks)
        block = block.take(block.number >= self._rests.taken_until[block.customer])
        block = block.take(np.argsort(block.customer, kind="stable"))
        is_recent = block.recorded_us >= self._rests.after_us[block.customer] - self._lateness_us
        return block.take(is_recent | np.append(is_recent[1:], True))


def _joined(blocks: Sequence[_Block]) -> _Block:
    return _Block(**{f.name: np.concatenate([getattr(block, f.name) for block in blocks]) for f in fields(_Block)})


def _rows_of_all(block: _Block, customers: Ints) -> Ints:
    """The rows of several customers, in order."""
    first, after = (block.customer.searchsorted(customers + more) for more in (0, 1))
    count = after - first
    rows: Ints = np.arange(count.sum()) + np.repeat(first - np.cumsum(count) + count, count)
    return rows


def _rows_of(block: _Block, customer: int) -> range:
    first, after = block.customer.searchsorted((customer, customer + 1)).tolist()
    return range(first, after)
