"""A customer's track: the fixes that a late ping may still come between, and the visits that they amount to.

A ping is decided on arrival. A late one within `lateness_s` is sorted in and the visits since are walked through again;
what has been written keeps its visit, may move, or is taken back.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from nearcast.domain.ids import CustomerId, GeofenceId, TenantId, VisitId, visit_id
from nearcast.domain.ping import Fix
from nearcast.domain.reason import Reason
from nearcast.domain.visit import Ground, PresenceRules, Transition, TransitionKind, TransitionReason, Visit, walk


class Change(StrEnum):
    """What became of a transition: written for the first time, rewritten, or taken back."""

    NEW = "new"
    MOVED = "moved"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class TransitionChange:
    """`triggers` says whether the transition may give offers: new, found in order, and justified."""

    change: Change
    transition: Transition
    triggers: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """`fixes` in order, none older than `lateness_s` before the newest; `before` is the last older one, `open_before`
    the visits open then. `visits` and `crossings` are what has been written since.
    """

    tenant_id: TenantId
    customer_id: CustomerId
    fixes: tuple[Fix, ...] = ()
    before: Fix | None = None
    open_before: tuple[Visit, ...] = ()
    visits: tuple[Visit, ...] = ()
    crossings: tuple[Transition, ...] = ()

    @property
    def newest(self) -> Fix | None:
        return self.fixes[-1] if self.fixes else None

    @property
    def open_visits(self) -> tuple[Visit, ...]:
        return tuple(visit for visit in self.visits if visit.exit is None)


@dataclass(frozen=True, slots=True)
class Advance:
    """The track after a step, what was written by it, and why the fix was not taken, if it was not."""

    track: Track
    changes: tuple[TransitionChange, ...] = ()
    refused: Reason | None = None


def advance(track: Track, fix: Fix, *, ground: Ground, rules: PresenceRules, now: datetime) -> Advance:
    """Take a fix in: DUPLICATE_PING and PING_LATE change nothing."""
    newest = track.newest
    if newest is not None and fix.at < newest.at - timedelta(seconds=rules.lateness_s):
        return Advance(track, refused=Reason.PING_LATE)
    rival = next((other for other in track.fixes if other.is_of_one_moment_with(fix)), None)
    if rival is not None and not fix.is_better_than(rival):
        return Advance(track, refused=Reason.DUPLICATE_PING)
    in_order = newest is None or fix.at >= newest.at
    kept = [other for other in track.fixes if other is not rival]
    at_end = not kept or fix.order >= kept[-1].order
    fixes = [*kept, fix] if at_end else sorted([*kept, fix], key=lambda f: f.order)
    return _rewalk(track, fixes, in_order=in_order, ground=ground, rules=rules, now=now)


def pass_time(track: Track, *, ground: Ground, rules: PresenceRules, now: datetime) -> Advance:
    """Find what has ended by `now` without a ping: silence, deleted geofences, active hours."""
    return _rewalk(track, track.fixes, in_order=True, ground=ground, rules=rules, now=now)


def forget(track: Track, *, ground: Ground, now: datetime) -> Advance:
    """End every visit because consent is gone, and keep nothing: the next ping is a first sight."""
    changes = []
    for visit in track.open_visits:
        in_force = ground.at(visit.geofence_id, now)
        leave = Transition(
            kind=TransitionKind.EXIT,
            geofence_id=visit.geofence_id,
            visit_id=visit.enter.visit_id,
            at=now,
            decided_at=now,
            geofence_revision=in_force.revision if in_force else visit.enter.geofence_revision,
            reason=TransitionReason.CONSENT,
            duration_s=(now - visit.enter.at).total_seconds(),
            may_trigger=False,
        )
        if not visit.is_silent:
            changes.append(TransitionChange(Change.NEW, leave))
    return Advance(Track(tenant_id=track.tenant_id, customer_id=track.customer_id), tuple(changes))


def _rewalk(
    track: Track, fixes: Sequence[Fix], *, in_order: bool, ground: Ground, rules: PresenceRules, now: datetime
) -> Advance:
    if not fixes:
        return Advance(track)
    horizon = fixes[-1].at - timedelta(seconds=rules.lateness_s)
    settled = sum(fix.at < horizon for fix in fixes)
    walked = walk(
        fixes,
        before=track.before,
        open_before=track.open_before,
        settled=settled,
        ground=ground,
        rules=rules,
        now=now,
    )
    naming = _Naming(track)
    named: dict[tuple[GeofenceId, datetime], Visit] = {}
    changes: list[TransitionChange] = []
    for visit in (*walked.settled, *walked.visits):
        old = naming.written_before(visit)
        if old is not None and old.says_the_same_as(visit):
            named[visit.key] = old
            continue
        name = old.enter.visit_id if old else naming.fresh(visit)
        named[visit.key], found = _compare(old, visit.named(name), in_order=in_order, now=now)
        changes += found
    changes += [_removed(t) for visit in naming.unmatched for t in visit.told]
    crossings, crossed = _compare_crossings(track, walked.crossings, now=now)
    after = replace(
        track,
        fixes=tuple(fixes[settled:]),
        before=fixes[settled - 1] if settled else track.before,
        open_before=tuple(_as_then(visit, named[visit.key]) for visit in walked.open_then),
        visits=tuple(named[visit.key] for visit in walked.visits),
        crossings=tuple(crossing for crossing in crossings if crossing.fix and crossing.fix.at >= horizon),
    )
    return Advance(after, (*changes, *crossed))


class _Naming:
    """Matches recomputed visits with those written before that they overlap, and names the rest."""

    def __init__(self, track: Track) -> None:
        self._track = track
        self._taken = {visit.enter.visit_id for visit in track.visits}
        self.unmatched = list(track.visits)

    def written_before(self, visit: Visit) -> Visit | None:
        """Each written visit is given once; visits are asked for in time order."""
        for old in self.unmatched:
            if old.geofence_id == visit.geofence_id and old.overlaps(visit):
                self.unmatched.remove(old)
                return old
        return None

    def fresh(self, visit: Visit) -> VisitId:
        # a visit that has moved keeps its name, which may be the one that its old instant would give again
        instants = (visit.enter.at + timedelta(microseconds=n) for n in range(len(self._taken) + 1))
        ids = (visit_id(self._track.tenant_id, self._track.customer_id, visit.geofence_id, at) for at in instants)
        name = next(name for name in ids if name not in self._taken)
        self._taken.add(name)
        return name


def _compare(old: Visit | None, new: Visit, *, in_order: bool, now: datetime) -> tuple[Visit, list[TransitionChange]]:
    """The new visit with the decision instants of what has not changed, and what has."""
    written = {t.kind: t for t in old.told} if old else {}
    settled: dict[str, Transition] = {}
    changes = []
    for transition in new.told:
        before = written.pop(transition.kind, None)
        if before is not None and before.says_the_same_as(transition):
            settled[transition.kind] = replace(transition, decided_at=before.decided_at)
            continue
        decided = replace(transition, decided_at=now)
        settled[transition.kind] = decided
        if before is not None:
            changes.append(TransitionChange(Change.MOVED, decided))
        else:
            changes.append(TransitionChange(Change.NEW, decided, triggers=in_order and decided.may_trigger))
    changes += [_removed(transition) for transition in written.values()]
    if new.is_silent:
        return new, changes
    visit = replace(new, enter=settled["enter"], dwell=settled.get("dwell"), exit=settled.get("exit"))
    return visit, changes


def _as_then(then: Visit, now: Visit) -> Visit:
    """The visit as it stood at an earlier fix, with the name and the decision instants that it has now."""
    unchanged = now.exit is None and (now.dwell is None) == (then.dwell is None)
    return now if unchanged else replace(now, dwell=now.dwell if then.dwell else None, exit=None)


def _compare_crossings(
    track: Track, found: Sequence[Transition], *, now: datetime
) -> tuple[list[Transition], list[TransitionChange]]:
    written = {(crossing.geofence_id, crossing.at): crossing for crossing in track.crossings}
    kept, changes = [], []
    for crossing in found:
        known = written.pop((crossing.geofence_id, crossing.at), None)
        if known is None:
            name = visit_id(track.tenant_id, track.customer_id, crossing.geofence_id, crossing.at)
            known = replace(crossing, visit_id=name, decided_at=now)
            changes.append(TransitionChange(Change.NEW, known))
        kept.append(known)
    return kept, changes + [_removed(crossing) for crossing in written.values()]


def _removed(transition: Transition) -> TransitionChange:
    return TransitionChange(Change.REMOVED, transition)
