"""A customer's track: the fixes that a late ping may still come between, and the visits that they amount to.

A ping is decided on arrival. A late one within `lateness_s` is sorted in and the visits since are walked through again;
what has been written keeps its visit, may move, or is taken back.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from nearcast.domain.ids import CustomerId, TenantId, VisitId, visit_id
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
    def ended_by_itself(self) -> bool:
        """Whether a visit has ended since the newest fix: the next fix may show that it had not."""
        return any(visit.exit is not None and visit.exit.fix is None for visit in self.visits)

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
    if newest is not None and rival is None and fix.order > newest.order and not track.ended_by_itself:
        return _walk_on(track, newest, fix, ground=ground, rules=rules, now=now)
    in_order = newest is None or fix.at >= newest.at
    fixes = sorted((*(other for other in track.fixes if other is not rival), fix), key=lambda f: f.order)
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


def _walk_on(track: Track, newest: Fix, fix: Fix, *, ground: Ground, rules: PresenceRules, now: datetime) -> Advance:
    """What `_rewalk` would give for a fix after all others, without walking through them again."""
    horizon = fix.at - timedelta(seconds=rules.lateness_s)
    settled = sum(other.at < horizon for other in track.fixes)
    open_visits = track.open_visits
    fixes = (*track.fixes, fix)
    if not open_visits and not fix.inside and rules.cross_within_s is None:
        passed = _with(track, fixes, track.visits, track.crossings)
        return Advance(_settled(passed, settled, ground=ground, rules=rules))
    tip = walk([fix], before=newest, open_before=open_visits, settled=0, ground=ground, rules=rules, now=now)
    naming = _Naming(track, found_late_at=None)
    known = {visit.key: visit for visit in track.visits}
    changes: list[TransitionChange] = []
    for visit in tip.visits:
        old = known.get(visit.key)
        if old is visit:
            continue
        name = old.enter.visit_id if old else naming.fresh(visit)
        known[visit.key], found = _compare(old, visit.named(name), in_order=True, now=now)
        changes += found
    crossings, crossed = _compare_crossings(track, (), tip.crossings, now=now)
    after = _with(track, fixes, tuple(known.values()), (*track.crossings, *crossings))
    return Advance(_settled(after, settled, ground=ground, rules=rules), (*changes, *crossed))


def _settled(track: Track, count: int, *, ground: Ground, rules: PresenceRules) -> Track:
    """The track without its first `count` fixes, which no later ping can come before, and what ended with them."""
    if not count:
        return track
    gone = track.fixes[:count]
    ended: set[object] = set()
    open_then: tuple[Visit, ...] = ()
    if track.open_before or any(fix.inside for fix in gone):
        walked = walk(
            gone,
            before=track.before,
            open_before=track.open_before,
            settled=count,
            ground=ground,
            rules=rules,
            now=gone[-1].at,
        )
        ended = {visit.key for visit in walked.settled}
        named = {visit.key: visit for visit in track.visits}
        open_then = tuple(_as_then(visit, named[visit.key]) for visit in walked.open_then)
    return Track(
        tenant_id=track.tenant_id,
        customer_id=track.customer_id,
        fixes=track.fixes[count:],
        before=gone[-1],
        open_before=open_then,
        visits=tuple(visit for visit in track.visits if visit.key not in ended) if ended else track.visits,
        crossings=tuple(crossing for crossing in track.crossings if crossing.fix not in gone),
    )


def _with(track: Track, fixes: tuple[Fix, ...], visits: tuple[Visit, ...], crossings: tuple[Transition, ...]) -> Track:
    return Track(
        tenant_id=track.tenant_id,
        customer_id=track.customer_id,
        fixes=fixes,
        before=track.before,
        open_before=track.open_before,
        visits=visits,
        crossings=crossings,
    )


def _rewalk(
    track: Track, fixes: Sequence[Fix], *, in_order: bool, ground: Ground, rules: PresenceRules, now: datetime
) -> Advance:
    """Walk through all fixes that are kept, and compare with what has been written."""
    if not fixes:
        return Advance(track)
    walked = walk(
        fixes, before=track.before, open_before=track.open_before, settled=0, ground=ground, rules=rules, now=now
    )
    naming = _Naming(track, found_late_at=None if in_order else now)
    visits: list[Visit] = []
    changes: list[TransitionChange] = []
    for visit in walked.visits:
        old = naming.written_before(visit)
        if old is not None and old.says_the_same_as(visit):
            visits.append(old)
            continue
        name = old.enter.visit_id if old else naming.fresh(visit)
        compared, found = _compare(old, visit.named(name), in_order=in_order, now=now)
        visits.append(compared)
        changes += found
    changes += [_removed(t) for visit in naming.unmatched for t in visit.told]
    crossings, crossed = _compare_crossings(track, track.crossings, walked.crossings, now=now)
    after = _with(track, tuple(fixes), tuple(visits), tuple(crossings))
    horizon = fixes[-1].at - timedelta(seconds=rules.lateness_s)
    settled = sum(fix.at < horizon for fix in fixes)
    return Advance(_settled(after, settled, ground=ground, rules=rules), (*changes, *crossed))


class _Naming:
    """Matches recomputed visits with those written before that they overlap, and names the rest."""

    def __init__(self, track: Track, *, found_late_at: datetime | None) -> None:
        self._track = track
        self._found_late_at = found_late_at
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
        # a visit that has moved keeps the name that its old instant gave it: one found late is named by both instants
        names = (self._name(visit, nth) for nth in range(len(self._taken) + 1))
        name = next(name for name in names if name not in self._taken)
        self._taken.add(name)
        return name

    def _name(self, visit: Visit, nth: int) -> VisitId:
        at = visit.enter.at + timedelta(microseconds=nth)
        return visit_id(
            self._track.tenant_id, self._track.customer_id, visit.geofence_id, at, found_late_at=self._found_late_at
        )


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
    track: Track, written_before: Sequence[Transition], found: Sequence[Transition], *, now: datetime
) -> tuple[list[Transition], list[TransitionChange]]:
    written = {(crossing.geofence_id, crossing.at): crossing for crossing in written_before}
    kept, changes = [], []
    for crossing in found:
        known = written.pop((crossing.geofence_id, crossing.at), None)
        if known is None:
            name = visit_id(track.tenant_id, track.customer_id, crossing.geofence_id, crossing.at)
            known = replace(crossing, visit_id=name, decided_at=now)
            changes.append(TransitionChange(Change.NEW, known))
        kept.append(replace(known, fix=crossing.fix))
    return kept, changes + [_removed(crossing) for crossing in written.values()]


def _removed(transition: Transition) -> TransitionChange:
    return TransitionChange(Change.REMOVED, transition)
