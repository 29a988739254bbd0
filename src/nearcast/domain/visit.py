"""Visits: what a customer's fixes say about one geofence, from entering to leaving.

`walk` turns fixes in time order into visits; it knows nothing of arrival order, so any order of the same fixes gives
the same visits. Profile RAW: the side of the geofence on which a fix lies decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from nearcast.domain.geofence import Geofence
from nearcast.domain.ids import GeofenceId, VisitId
from nearcast.domain.ping import Fix
from nearcast.domain.position import Position

UNNAMED = VisitId("")
_RESOLUTION = timedelta(microseconds=1)


class TransitionKind(StrEnum):
    ENTER = "enter"
    DWELL = "dwell"
    EXIT = "exit"
    CROSS = "cross"


class TransitionReason(StrEnum):
    """Why a transition happened although the customer need not have moved."""

    GAP = "gap"
    FENCE_DELETED = "fence_deleted"
    FENCE_CHANGED = "fence_changed"
    INACTIVE = "inactive"
    CONSENT = "consent"


class FirstSeen(StrEnum):
    """Whether somebody who is inside when first seen enters, or is a visit that nobody hears of."""

    ENTER = "enter"
    SUPPRESS = "suppress"


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceRules:
    """Profile RAW. `dwell_s`, `gap_s` and `cross_within_s` None mean never."""

    dwell_s: float | None = None
    lateness_s: float = 60.0
    gap_s: float | None = None
    first_seen: FirstSeen = FirstSeen.ENTER
    cross_within_s: float | None = None
    max_speed_mps: float = 70.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A change of one customer towards one geofence. `at` is event time; `decided_at` when it was found out, set by
    the track. `fix` is the ping behind it, if a ping is. `may_trigger` is False where no offer can be justified.
    """

    kind: TransitionKind
    geofence_id: GeofenceId
    at: datetime
    geofence_revision: int
    visit_id: VisitId = UNNAMED
    decided_at: datetime | None = None
    initial: bool = False
    inferred: bool = False
    reason: TransitionReason | None = None
    duration_s: float | None = None
    fix: Fix | None = None
    may_trigger: bool = True

    def says_the_same_as(self, other: "Transition") -> bool:
        return self is other or self._told == other._told

    @property
    def _told(self) -> tuple[object, ...]:
        return (self.kind, self.at, self.initial, self.inferred, self.reason, self.duration_s, self.geofence_revision)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One stay: an enter, at most one dwell, and the exit once it is over. Of a silent one nothing is told."""

    enter: Transition
    dwell: Transition | None = None
    exit: Transition | None = None
    is_silent: bool = False

    @property
    def geofence_id(self) -> GeofenceId:
        return self.enter.geofence_id

    @property
    def key(self) -> tuple[object, ...]:
        """Tells the visits of one walk apart, also those that two devices begin at one instant."""
        return (self.enter.geofence_id, self.enter.at, self.enter.fix.order if self.enter.fix else ())

    @property
    def told(self) -> tuple[Transition, ...]:
        """Its transitions in order; none for a silent visit."""
        found = (self.enter, self.dwell, self.exit)
        return () if self.is_silent else tuple(transition for transition in found if transition is not None)

    def says_the_same_as(self, other: "Visit") -> bool:
        mine, theirs = self.told, other.told
        return (
            self.is_silent == other.is_silent
            and self.key == other.key
            and len(mine) == len(theirs)
            and all(a.says_the_same_as(b) for a, b in zip(mine, theirs, strict=True))
            and (self.exit is None) == (other.exit is None)
        )

    def overlaps(self, other: "Visit") -> bool:
        return self.enter.at <= (other.exit or self.enter).at and other.enter.at <= (self.exit or other.enter).at

    def named(self, visit_id: VisitId) -> "Visit":
        enter, dwell, exit_ = (t and replace(t, visit_id=visit_id) for t in (self.enter, self.dwell, self.exit))
        assert enter is not None  # noqa: S101 - only dwell and exit can be missing
        return replace(self, enter=enter, dwell=dwell, exit=exit_)


class Ground(Protocol):
    """What visits must know of geofences, past revisions included."""

    def at(self, geofence_id: GeofenceId, instant: datetime) -> Geofence | None:
        """The revision in force at that instant."""

    def ended(
        self, geofence_id: GeofenceId, after: datetime, until: datetime
    ) -> tuple[datetime, TransitionReason] | None:
        """The first instant in (after, until] at which it was deleted or its active hours ended, and which."""

    def covers(self, geofence: Geofence, position: Position) -> bool:
        """Whether that revision holds the position, its boundary included."""

    def crossed(self, start: Fix, end: Fix, within_m: float) -> list[tuple[GeofenceId, float]]:
        """Geofences that the straight way from fix to fix, if at most that long, passes through without either fix
        inside; and the middle of the part inside, as a fraction of the way.
        """


@dataclass(slots=True)
class _Walk:
    """Visits while fixes are walked through."""

    ground: Ground
    rules: PresenceRules
    open: dict[GeofenceId, Visit]
    closed: list[Visit]
    crossings: list[Transition]

    def to(self, previous: Fix | None, fix: Fix) -> None:
        if previous is not None:
            self.pass_time(previous, fix.at)
            self.cross(previous, fix)
            for geofence_id in sorted(self.open.keys() - fix.inside):
                self.leave(geofence_id, previous, fix)
        for geofence_id in sorted(fix.inside):
            geofence = self.ground.at(geofence_id, fix.at)
            if geofence is None:  # deleted since the fix was judged, by an edit dated before the device's clock
                continue
            if geofence_id not in self.open:
                self.enter(geofence, previous, fix)
            self.dwell(geofence, fix)

    def pass_time(self, last: Fix, until: datetime) -> None:
        """Ends visits that end without a fix between `last` and `until`: by silence, or with their geofence."""
        if not self.open:
            return
        silent_at = last.at + timedelta(seconds=self.rules.gap_s) if self.rules.gap_s is not None else None
        falls_silent = silent_at is not None and until >= silent_at
        for geofence_id in sorted(self.open):
            ended = self.ground.ended(geofence_id, last.at, silent_at if silent_at and falls_silent else until)
            if ended is not None:
                at, reason = ended
                self.close(geofence_id, at, reason, inferred=False, may_trigger=False)
            elif falls_silent:
                self.close(geofence_id, last.at, TransitionReason.GAP, inferred=True, may_trigger=True)

    def close(
        self,
        geofence_id: GeofenceId,
        at: datetime,
        reason: TransitionReason | None,
        *,
        inferred: bool,
        may_trigger: bool,
        fix: Fix | None = None,
    ) -> None:
        visit = self.open.pop(geofence_id)
        # what was deleted was in force until then, whatever has been put in its place at that instant
        then = at - _RESOLUTION if reason is TransitionReason.FENCE_DELETED else at
        in_force = self.ground.at(geofence_id, then)
        leave = Transition(
            kind=TransitionKind.EXIT,
            geofence_id=geofence_id,
            at=at,
            geofence_revision=in_force.revision if in_force else visit.enter.geofence_revision,
            inferred=inferred,
            reason=reason,
            duration_s=(at - visit.enter.at).total_seconds(),
            fix=fix,
            may_trigger=may_trigger,
        )
        self.closed.append(replace(visit, exit=leave))

    def leave(self, geofence_id: GeofenceId, previous: Fix, fix: Fix) -> None:
        before, now = self.ground.at(geofence_id, previous.at), self.ground.at(geofence_id, fix.at)
        was_edited = before is not None and now is not None and before.boundary != now.boundary
        moved_away = not (was_edited and before is not None and self.ground.covers(before, fix.position))
        reason = None if moved_away else TransitionReason.FENCE_CHANGED
        self.close(geofence_id, fix.at, reason, inferred=False, may_trigger=moved_away, fix=fix)

    def enter(self, now: Geofence, previous: Fix | None, fix: Fix) -> None:
        geofence_id = now.id
        initial, reason, may_trigger = previous is None, None, True
        if previous is not None:
            before = self.ground.at(geofence_id, previous.at)
            ended = self.ground.ended(geofence_id, previous.at, fix.at)
            if ended is not None and ended[1] is TransitionReason.FENCE_DELETED:
                before = None
            drawn_since = before is None or before.boundary != now.boundary
            was_there = drawn_since and self.ground.covers(now, previous.position)
            if was_there and not (before is not None and self.ground.covers(before, fix.position)):
                initial, may_trigger = before is None, False
                reason = None if initial else TransitionReason.FENCE_CHANGED
        arrive = Transition(
            kind=TransitionKind.ENTER,
            geofence_id=geofence_id,
            at=fix.at,
            geofence_revision=now.revision,
            initial=initial,
            reason=reason,
            fix=fix,
            may_trigger=may_trigger,
        )
        silent = initial and self.rules.first_seen is FirstSeen.SUPPRESS
        self.open[geofence_id] = Visit(enter=arrive, is_silent=silent)

    def dwell(self, geofence: Geofence, fix: Fix) -> None:
        visit = self.open[geofence.id]
        dwell_s = geofence.dwell_s if geofence.dwell_s is not None else self.rules.dwell_s
        if visit.dwell is not None or dwell_s is None:
            return
        reached_at = visit.enter.at + timedelta(seconds=dwell_s)
        if fix.at >= reached_at:
            dwell = Transition(
                kind=TransitionKind.DWELL,
                geofence_id=geofence.id,
                at=reached_at,
                geofence_revision=geofence.revision,
                initial=visit.enter.initial,
                fix=fix,
            )
            self.open[geofence.id] = replace(visit, dwell=dwell)

    def cross(self, start: Fix, end: Fix) -> None:
        between_s = (end.at - start.at).total_seconds()
        limit_s = self.rules.cross_within_s
        if limit_s is None or not 0 < between_s <= limit_s:
            return
        for geofence_id, fraction in self.ground.crossed(start, end, self.rules.max_speed_mps * between_s):
            geofence = self.ground.at(geofence_id, end.at)
            if geofence is None or geofence_id in self.open:
                continue
            at = start.at + timedelta(seconds=round(between_s * fraction, 3))
            self.crossings.append(
                Transition(
                    kind=TransitionKind.CROSS,
                    geofence_id=geofence_id,
                    at=at,
                    geofence_revision=geofence.revision,
                    fix=end,
                )
            )


@dataclass(frozen=True, slots=True)
class Walked:
    """What fixes amount to: what ended with the settled fixes, and what may still change.

    `open_then` are the visits open after the settled fixes, as they stood.
    """

    settled: tuple[Visit, ...]
    visits: tuple[Visit, ...]
    crossings: tuple[Transition, ...]
    open_then: tuple[Visit, ...]


def walk(
    fixes: Sequence[Fix],
    *,
    before: Fix | None,
    open_before: Sequence[Visit],
    settled: int,
    ground: Ground,
    rules: PresenceRules,
    now: datetime,
) -> Walked:
    """Walk through fixes in time order, from `before` and the visits open then, and on to `now`.

    The first `settled` fixes are those that no later ping can come before.
    """
    walker = _Walk(ground, rules, {visit.geofence_id: visit for visit in open_before}, [], [])
    ended_then, open_then = 0, tuple(open_before)
    previous = before
    for n, fix in enumerate(fixes, start=1):
        walker.to(previous, fix)
        previous = fix
        if n == settled:
            ended_then, open_then = len(walker.closed), tuple(walker.open.values())
    if previous is not None:
        walker.pass_time(previous, now)
    visits = sorted((*walker.closed[ended_then:], *walker.open.values()), key=lambda visit: visit.key)
    return Walked(tuple(walker.closed[:ended_then]), tuple(visits), tuple(walker.crossings), open_then)
