"""Visits: what a customer's fixes say about one geofence, from entering to leaving, and by which rules."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol

from nearcast.domain.geofence import Geofence
from nearcast.domain.ids import GeofenceId, VisitId
from nearcast.domain.ping import Fix
from nearcast.domain.position import Position
from nearcast.domain.value import value

UNNAMED = VisitId("")
BEGINNING, END = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


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


class Profile(StrEnum):
    """What decides a side. RAW: where the fix lies. ROBUST: that, its accuracy, and the fixes round it."""

    RAW = "raw"
    ROBUST = "robust"


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceRules:
    """When a visit begins and ends; the defaults are those of profile RAW, `ROBUST` has the other's.

    `dwell_s`, `gap_s` and `cross_within_s` None mean never. RAW asks for no `exit_margin_m` and quarantines nothing:
    there `max_speed_mps` only limits how far apart the ends of a crossing may be.
    """

    profile: Profile = Profile.RAW
    dwell_s: float | None = None
    lateness_s: float = 60.0
    gap_s: float | None = None
    first_seen: FirstSeen = FirstSeen.ENTER
    cross_within_s: float | None = None
    max_speed_mps: float = 70.0
    exit_margin_m: float = 20.0

    @property
    def is_robust(self) -> bool:
        return self.profile is Profile.ROBUST


RAW = PresenceRules()
ROBUST = PresenceRules(profile=Profile.ROBUST, dwell_s=120.0, lateness_s=300.0, gap_s=1800.0)


@value(kw_only=True)
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

    def written(self, visit_id: VisitId, decided_at: datetime | None) -> "Transition":
        """The transition of the visit of that name, found out at that instant."""
        if self.visit_id == visit_id and self.decided_at == decided_at:
            return self
        return Transition(
            kind=self.kind,
            geofence_id=self.geofence_id,
            at=self.at,
            geofence_revision=self.geofence_revision,
            visit_id=visit_id,
            decided_at=decided_at,
            initial=self.initial,
            inferred=self.inferred,
            reason=self.reason,
            duration_s=self.duration_s,
            fix=self.fix,
            may_trigger=self.may_trigger,
        )

    @property
    def _told(self) -> tuple[object, ...]:
        return (self.kind, self.at, self.initial, self.inferred, self.reason, self.duration_s, self.geofence_revision)


@value(kw_only=True)
class Visit:
    """One stay: an enter, at most one dwell, and the exit once it is over. Of a silent one nothing is told.

    `leaving` is the exit that the next fix may confirm; until then it is none.
    """

    enter: Transition
    dwell: Transition | None = None
    exit: Transition | None = None
    is_silent: bool = False
    leaving: Transition | None = None

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
            and (self.leaving is None) == (other.leaving is None)
            and (self.leaving is None or other.leaving is None or self.leaving.says_the_same_as(other.leaving))
        )

    def overlaps(self, other: "Visit") -> bool:
        return self.enter.at <= (other.exit or self.enter).at and other.enter.at <= (self.exit or other.enter).at

    def written(self, visit_id: VisitId, decided_at: Mapping[TransitionKind, datetime | None]) -> "Visit":
        """The visit under its name, with the instants at which its transitions were found out."""
        enter, dwell, leave = self.enter, self.dwell, self.exit
        return Visit(
            enter=enter.written(visit_id, decided_at.get(enter.kind, enter.decided_at)),
            dwell=dwell and dwell.written(visit_id, decided_at.get(dwell.kind, dwell.decided_at)),
            exit=leave and leave.written(visit_id, decided_at.get(leave.kind, leave.decided_at)),
            is_silent=self.is_silent,
            leaving=self.leaving,
        )

    def left(self, leave: Transition) -> "Visit":
        """The visit once it is over."""
        return Visit(enter=self.enter, dwell=self.dwell, exit=leave, is_silent=self.is_silent)

    def about_to_end(self, leaving: Transition | None) -> "Visit":
        """The visit with the exit that the next fix may confirm, or without one."""
        return Visit(enter=self.enter, dwell=self.dwell, exit=self.exit, is_silent=self.is_silent, leaving=leaving)


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

    def distance_m(self, start: Position, end: Position) -> float:
        """The geodesic from place to place."""

    def clearance_m(self, geofence: Geofence, position: Position) -> float:
        """From the position to that revision's boundary: positive outside, negative inside."""

    def depth_m(self, geofence: Geofence) -> float:
        """2·area/perimeter of that revision, a circle's radius: how far into it one can be."""
