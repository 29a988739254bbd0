"""A customer's track: the fixes that a late ping may still come between, and the visits that they amount to.

A ping is decided on arrival. A late one within `lateness_s` is sorted in and the visits since are walked through again;
what has been written keeps its visit, may move, or is taken back.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from nearcast.domain.calm import enters_nothing, is_calm, is_steady
from nearcast.domain.ids import CustomerId, TenantId, VisitId, visit_id
from nearcast.domain.ping import Fix
from nearcast.domain.reason import Reason
from nearcast.domain.value import value
from nearcast.domain.visit import Ground, PresenceRules, Transition, TransitionKind, TransitionReason, Visit
from nearcast.domain.walk import Stance, walk


class Change(StrEnum):
    """What became of a transition: written for the first time, rewritten, or taken back."""

    NEW = "new"
    MOVED = "moved"
    REMOVED = "removed"


@value
class TransitionChange:
    """`triggers` says whether the transition may give offers: new, found in order, and justified."""

    change: Change
    transition: Transition
    triggers: bool = False


@value(kw_only=True)
class Track:
    """`fixes` in order, none older than `lateness_s` before the newest, quarantined and dropped ones included. `before`
    is where the walk stood after the older ones, `open_before` the visits open then; `stance` is where it stands now.
    `visits` and `crossings` are what has been written since.
    """

    tenant_id: TenantId
    customer_id: CustomerId
    fixes: tuple[Fix, ...] = ()
    before: Stance = Stance()
    open_before: tuple[Visit, ...] = ()
    stance: Stance = Stance()
    visits: tuple[Visit, ...] = ()
    crossings: tuple[Transition, ...] = ()

    @property
    def newest(self) -> Fix | None:
        """The last that was heard, believed or not; `stance.last` is the last that was believed."""
        return self.fixes[-1] if self.fixes else None

    @property
    def ended_by_itself(self) -> bool:
        """Whether a visit has ended since the newest fix: the next fix may show that it had not."""
        return any(visit.exit is not None and visit.exit.fix is None for visit in self.visits)

    @property
    def open_visits(self) -> tuple[Visit, ...]:
        return tuple(visit for visit in self.visits if visit.exit is None)


@value
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
    if newest is None or fix.at > newest.at:
        rival = None
    else:
        rival = next((other for other in track.fixes if other.is_of_one_moment_with(fix)), None)
    if rival is not None and not fix.is_better_than(rival):
        return Advance(track, refused=Reason.DUPLICATE_PING)
    if newest is not None and rival is None and fix.order > newest.order and not track.ended_by_itself:
        return _walk_on(track, fix, ground=ground, rules=rules, now=now)
    in_order = newest is None or fix.at >= newest.at
    fixes = sorted((*(other for other in track.fixes if other is not rival), fix), key=lambda f: f.order)
    return _rewalk(track, fixes, in_order=in_order, ground=ground, rules=rules, now=now)


def stay(track: Track, fixes: Sequence[Fix], *, ground: Ground, rules: PresenceRules) -> Track:
    """Take fixes in, in order, of which `rest_of` says that they change nothing."""
    all_fixes, stance = (*track.fixes, *fixes), Stance(fixes[-1])
    return _with(track, all_fixes, track.visits, track.crossings, stance, ground=ground, rules=rules)


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


def _walk_on(track: Track, fix: Fix, *, ground: Ground, rules: PresenceRules, now: datetime) -> Advance:
    """What `_rewalk` would give for a fix after all others, without walking through them again."""
    open_visits, fixes = track.open_visits, (*track.fixes, fix)
    if is_calm(fix, stance=track.stance, open_visits=open_visits, ground=ground, rules=rules, now=now):
        return Advance(_with(track, fixes, track.visits, track.crossings, Stance(fix), ground=ground, rules=rules))
    tip = walk([fix], before=track.stance, open_before=open_visits, settled=0, ground=ground, rules=rules, now=now)
    naming = _Naming(track, found_late_at=None)
    known = {visit.key: visit for visit in track.visits}
    changes: list[TransitionChange] = []
    for visit in tip.visits:
        old = known.get(visit.key)
        if old is visit:
            continue
        name = old.enter.visit_id if old else naming.fresh(visit)
        known[visit.key], found = _compare(old, visit, name, in_order=True, now=now)
        changes += found
    crossings, crossed = _compare_crossings(track, (), tip.crossings, now=now)
    visits, all_crossings = tuple(known.values()), (*track.crossings, *crossings)
    after = _with(track, fixes, visits, all_crossings, tip.stance, ground=ground, rules=rules)
    return Advance(after, (*changes, *crossed))


def _with(
    track: Track,
    fixes: tuple[Fix, ...],
    visits: tuple[Visit, ...],
    crossings: tuple[Transition, ...],
    stance: Stance,
    *,
    ground: Ground,
    rules: PresenceRules,
) -> Track:
    """The track with these in place of its own, without the first fixes, which no later ping can come before, and what
    ended with them.
    """
    horizon = fixes[-1].at - timedelta(seconds=rules.lateness_s)
    before, open_then, gone = track.before, track.open_before, 0
    if fixes[0].at < horizon:
        passed = _passed_by(fixes, horizon, before, open_then, visits, ground=ground, rules=rules)
        gone = next(n for n in range(passed, len(fixes)) if fixes[n].at >= horizon)
        before = Stance(fixes[passed - 1]) if passed else before
    else:
        passed = 0
    if gone > passed:
        last_at, count = fixes[gone - 1].at, gone - passed
        settling = fixes[passed:gone]
        walked = walk(
            settling, before=before, open_before=open_then, settled=count, ground=ground, rules=rules, now=last_at
        )
        before, ended = walked.stance_then, {visit.key for visit in walked.settled}
        named = {visit.key: visit for visit in visits}
        open_then = tuple(_as_then(visit, named[visit.key]) for visit in walked.open_then)
        visits = tuple(visit for visit in visits if visit.key not in ended)
    if gone and crossings:
        crossings = tuple(crossing for crossing in crossings if crossing.fix not in fixes[:gone])
    return Track(
        tenant_id=track.tenant_id,
        customer_id=track.customer_id,
        fixes=fixes[gone:],
        before=before,
        open_before=open_then,
        stance=stance,
        visits=visits,
        crossings=crossings,
    )


def _passed_by(
    fixes: Sequence[Fix],
    horizon: datetime,
    before: Stance,
    open_before: Sequence[Visit],
    visits: Sequence[Visit],
    *,
    ground: Ground,
    rules: PresenceRules,
) -> int:
    """How many of the fixes before the horizon, from the first on, changed nothing: the visits are as they were."""
    last, count = before.last, 0
    if last is None or not is_steady(before, open_before):
        return 0
    if not all(any(visit is other for other in visits) for visit in open_before):
        return 0
    here = [visit.enter.geofence_id for visit in open_before]
    while fixes[count].at < horizon and enters_nothing(last, fixes[count], here, ground=ground, rules=rules):
        last = fixes[count]
        count += 1
    return count


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
        compared, found = _compare(old, visit, name, in_order=in_order, now=now)
        visits.append(compared)
        changes += found
    changes += [_removed(t) for visit in naming.unmatched for t in visit.told]
    crossings, crossed = _compare_crossings(track, track.crossings, walked.crossings, now=now)
    after = _with(track, tuple(fixes), tuple(visits), tuple(crossings), walked.stance, ground=ground, rules=rules)
    return Advance(after, (*changes, *crossed))


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


def _compare(
    old: Visit | None, new: Visit, name: VisitId, *, in_order: bool, now: datetime
) -> tuple[Visit, list[TransitionChange]]:
    """The new visit under its name, with the decision instants of what has not changed; and what has."""
    written = {t.kind: t for t in old.told} if old else {}
    told = new.told
    unchanged = {t.kind: written[t.kind] for t in told if t.kind in written and written[t.kind].says_the_same_as(t)}
    decided_at = {t.kind: unchanged[t.kind].decided_at if t.kind in unchanged else now for t in told}
    visit = new.written(name, decided_at)
    changes = [
        TransitionChange(Change.MOVED, transition)
        if transition.kind in written
        else TransitionChange(Change.NEW, transition, triggers=in_order and transition.may_trigger)
        for transition in visit.told
        if transition.kind not in unchanged
    ]
    return visit, changes + [_removed(t) for kind, t in written.items() if kind not in decided_at]


def _as_then(then: Visit, now: Visit) -> Visit:
    """The visit as it stood at an earlier fix, with the name and the decision instants that it has now."""
    if now.exit is None and (now.dwell is None) == (then.dwell is None) and now.leaving == then.leaving:
        return now
    return replace(now, dwell=now.dwell if then.dwell else None, exit=None, leaving=then.leaving)


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
