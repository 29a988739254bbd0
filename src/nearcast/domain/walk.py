"""Fixes in time order become visits. It knows nothing of arrival order, so any order of the same fixes gives the same.

Both profiles walk the same way and differ in thresholds. RAW believes every fix and the side on which it lies. ROBUST
knows three sides (inside, outside, undecided), and an undecided fix leaves things as they are:

- A fix after a jump is quarantined: the next one accepts both, or drops it as if it had never been.
- A fix inside whose accuracy is at most the geofence's depth enters. A coarser one, at most twice the depth, enters
  where another such fix inside came at most 120 s before; the enter is then at the second, with which it was certain.
- A fix that is clear of the geofence by its accuracy and a margin leaves, if the next fix is clear too, or is not
  inside and comes 20 s later or more; the exit is at the first. A fix inside, however coarse, keeps a visit open.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from nearcast.domain.geofence import Geofence
from nearcast.domain.ids import GeofenceId
from nearcast.domain.motion import agrees, is_jump
from nearcast.domain.ping import Fix
from nearcast.domain.value import value
from nearcast.domain.visit import FirstSeen, Ground, PresenceRules, Transition, TransitionKind, TransitionReason, Visit

CORROBORATED_WITHIN_S = 120.0
COARSEST_IN_DEPTHS = 2.0
CONFIRMED_AFTER_S = 20.0
MARGIN_IN_DEPTHS = 0.1
_RESOLUTION = timedelta(microseconds=1)


@value
class Stance:
    """What a walk knows between two fixes, besides its open visits.

    `last` is the last accepted fix. `arriving` are enters that are not certain yet: the `fix` of each is the one inside
    that another may corroborate, if there is one. `quarantined` came after `last` and a jump.
    """

    last: Fix | None = None
    arriving: tuple[Transition, ...] = ()
    quarantined: Fix | None = None


@value
class Walked:
    """What fixes amount to: what ended with the settled fixes, and what may still change.

    `open_then` and `stance_then` are the visits open and the stance after the settled fixes, as they stood.
    """

    settled: tuple[Visit, ...]
    visits: tuple[Visit, ...]
    crossings: tuple[Transition, ...]
    stance: Stance
    open_then: tuple[Visit, ...]
    stance_then: Stance


def walk(
    fixes: Sequence[Fix],
    *,
    before: Stance,
    open_before: Sequence[Visit],
    settled: int,
    ground: Ground,
    rules: PresenceRules,
    now: datetime,
) -> Walked:
    """Walk through fixes in time order, from where an earlier walk stood and the visits open then, and on to `now`.

    The first `settled` fixes are those that no later ping can come before.
    """
    walker = _Walk(ground, rules, before, open_before)
    ended_then, open_then, stance_then = 0, tuple(open_before), before
    for n, fix in enumerate(fixes, start=1):
        walker.take(fix)
        if n == settled:
            ended_then, open_then, stance_then = len(walker.closed), tuple(walker.open.values()), walker.stance
    walker.wait(now)
    visits = sorted((*walker.closed[ended_then:], *walker.open.values()), key=lambda visit: visit.key)
    return Walked(
        settled=tuple(walker.closed[:ended_then]),
        visits=tuple(visits),
        crossings=tuple(walker.crossings),
        stance=walker.stance,
        open_then=open_then,
        stance_then=stance_then,
    )


class _Walk:
    """Visits while fixes are walked through."""

    def __init__(self, ground: Ground, rules: PresenceRules, before: Stance, open_before: Sequence[Visit]) -> None:
        self.ground, self.rules = ground, rules
        self.last, self.quarantined = before.last, before.quarantined
        self.arriving = {enter.geofence_id: enter for enter in before.arriving}
        self.open = {visit.geofence_id: visit for visit in open_before}
        self.closed: list[Visit] = []
        self.crossings: list[Transition] = []

    @property
    def stance(self) -> Stance:
        arriving = tuple(self.arriving[geofence_id] for geofence_id in sorted(self.arriving))
        return Stance(self.last, arriving, self.quarantined)

    def take(self, fix: Fix) -> None:
        last, quarantined = self.last, self.quarantined
        self.quarantined = None
        if quarantined is not None and last is not None and self.is_confirmed(quarantined, last, fix):
            self.accept(quarantined)
            self.pass_time(quarantined, quarantined.at, fix.at)
            self.accept(fix)
            return
        if last is not None:
            self.pass_time(last, (quarantined or last).at, fix.at)
            if self.rules.is_robust and is_jump(last, fix, ground=self.ground, max_speed_mps=self.rules.max_speed_mps):
                self.quarantined = fix
                return
        self.accept(fix, across_a_jump=quarantined is not None)

    def is_confirmed(self, quarantined: Fix, last: Fix, fix: Fix) -> bool:
        """After a silence that ends visits it is too late: what that ended stays ended."""
        gap_s, between_s = self.rules.gap_s, (fix.at - quarantined.at).total_seconds()
        if gap_s is not None and between_s >= gap_s:
            return False
        speed_mps = self.rules.max_speed_mps
        return agrees(quarantined, fix, accepted=last, ground=self.ground, max_speed_mps=speed_mps)

    def accept(self, fix: Fix, *, across_a_jump: bool = False) -> None:
        last, self.last = self.last, fix
        if last is not None:
            if not across_a_jump:
                self.cross(last, fix)
            for geofence_id in sorted(self.open.keys() - fix.inside):
                self.outside(geofence_id, last, fix)
        for geofence_id in sorted(fix.inside):
            geofence = self.ground.at(geofence_id, fix.at)
            if geofence is None:  # deleted since the fix was judged, by an edit dated before the device's clock
                continue
            if geofence_id in self.open:
                self.stay(geofence_id)
            else:
                self.arrive(geofence, last, fix)
            if geofence_id in self.open:
                self.dwell(geofence, fix)
        if self.arriving:
            self.forget_arrivals(fix)

    def wait(self, until: datetime) -> None:
        """Nothing is heard until then. Whoever sent a quarantined fix was not silent, wherever it was sent from."""
        if self.last is not None:
            self.pass_time(self.last, (self.quarantined or self.last).at, until)

    def pass_time(self, last: Fix, heard_at: datetime, until: datetime) -> None:
        """Ends visits that end without a fix between `last` and `until`: by silence, or with their geofence."""
        if not self.open:
            return
        silent_at = heard_at + timedelta(seconds=self.rules.gap_s) if self.rules.gap_s is not None else None
        falls_silent = silent_at is not None and until >= silent_at
        for geofence_id in sorted(self.open):
            ended = self.ground.ended(geofence_id, last.at, silent_at if silent_at and falls_silent else until)
            if ended is not None:
                at, reason = ended
                self.close(self.exit(geofence_id, at, reason, may_trigger=False))
            elif falls_silent:
                self.close(self.exit(geofence_id, last.at, TransitionReason.GAP, inferred=True))

    def exit(
        self,
        geofence_id: GeofenceId,
        at: datetime,
        reason: TransitionReason | None,
        *,
        inferred: bool = False,
        may_trigger: bool = True,
        fix: Fix | None = None,
    ) -> Transition:
        enter = self.open[geofence_id].enter
        # what was deleted was in force until then, whatever has been put in its place at that instant
        then = at - _RESOLUTION if reason is TransitionReason.FENCE_DELETED else at
        in_force = self.ground.at(geofence_id, then)
        return Transition(
            kind=TransitionKind.EXIT,
            geofence_id=geofence_id,
            at=at,
            geofence_revision=in_force.revision if in_force else enter.geofence_revision,
            inferred=inferred,
            reason=reason,
            duration_s=(at - enter.at).total_seconds(),
            fix=fix,
            may_trigger=may_trigger,
        )

    def close(self, leave: Transition) -> None:
        self.closed.append(self.open.pop(leave.geofence_id).left(leave))

    def stay(self, geofence_id: GeofenceId) -> None:
        visit = self.open[geofence_id]
        if visit.leaving is not None:
            self.open[geofence_id] = visit.about_to_end(None)

    def outside(self, geofence_id: GeofenceId, last: Fix, fix: Fix) -> None:
        before, now = self.ground.at(geofence_id, last.at), self.ground.at(geofence_id, fix.at)
        edited = before if before is not None and now is not None and before.boundary != now.boundary else None
        if edited is not None and self.ground.covers(edited, fix.position):
            changed = TransitionReason.FENCE_CHANGED
            self.close(self.exit(geofence_id, fix.at, changed, may_trigger=False, fix=fix))
        elif now is None or not self.rules.is_robust:
            self.close(self.exit(geofence_id, fix.at, None, fix=fix))
        else:
            self.move_off(geofence_id, fix, off=self.is_clear(now, fix), edited=edited)

    def move_off(self, geofence_id: GeofenceId, fix: Fix, *, off: bool, edited: Geofence | None) -> None:
        """Confirm the exit that the fix before gave rise to, give rise to one, or stay undecided."""
        visit = self.open[geofence_id]
        leaving = visit.leaving
        if leaving is not None and (off or (fix.at - leaving.at).total_seconds() >= CONFIRMED_AFTER_S):
            self.close(leaving)
        elif off:
            need_not_have_moved = edited is not None and not self.is_clear(edited, fix)
            reason = TransitionReason.FENCE_CHANGED if need_not_have_moved else None
            leave = self.exit(geofence_id, fix.at, reason, may_trigger=not need_not_have_moved, fix=fix)
            self.open[geofence_id] = visit.about_to_end(leave)
        elif leaving is not None:
            self.open[geofence_id] = visit.about_to_end(None)

    def is_clear(self, geofence: Geofence, fix: Fix) -> bool:
        return is_clear(geofence, fix, ground=self.ground, rules=self.rules)

    def arrive(self, now: Geofence, last: Fix | None, fix: Fix) -> None:
        """Enter, or note that one more fix inside may make it an enter."""
        enter = self.enter(now, last, fix)
        waiting = self.arriving.pop(now.id, None)
        if self.rules.is_robust:
            if waiting is not None and last is not None and now.id in last.inside:  # has stood there since
                enter = replace(enter, initial=waiting.initial, reason=waiting.reason, may_trigger=waiting.may_trigger)
            depth_m = self.ground.depth_m(now)
            is_coarse = fix.accuracy_m > depth_m
            is_evidence = fix.accuracy_m <= COARSEST_IN_DEPTHS * depth_m
            earlier = waiting.fix if waiting is not None else None
            if is_coarse and not (is_evidence and self.is_corroborated(now, earlier, fix)):
                self.arriving[now.id] = replace(enter, fix=fix if is_evidence else earlier)
                return
        silent = enter.initial and self.rules.first_seen is FirstSeen.SUPPRESS
        self.open[now.id] = Visit(enter=enter, is_silent=silent)

    def is_corroborated(self, now: Geofence, earlier: Fix | None, fix: Fix) -> bool:
        if earlier is None or (fix.at - earlier.at).total_seconds() > CORROBORATED_WITHIN_S:
            return False
        then = self.ground.at(now.id, earlier.at)
        return then is not None and then.boundary == now.boundary

    def forget_arrivals(self, fix: Fix) -> None:
        """Keep those of whoever stands there, and those that the next fix inside may still make certain."""
        for geofence_id, enter in list(self.arriving.items()):
            is_past = enter.fix is None or (fix.at - enter.fix.at).total_seconds() > CORROBORATED_WITHIN_S
            if is_past and geofence_id not in fix.inside:
                del self.arriving[geofence_id]

    def enter(self, now: Geofence, last: Fix | None, fix: Fix) -> Transition:
        geofence_id = now.id
        initial, reason, may_trigger = last is None, None, True
        if last is not None:
            before = self.ground.at(geofence_id, last.at)
            ended = self.ground.ended(geofence_id, last.at, fix.at)
            if ended is not None and ended[1] is TransitionReason.FENCE_DELETED:
                before = None
            drawn_since = before is None or before.boundary != now.boundary
            was_there = drawn_since and self.ground.covers(now, last.position)
            if was_there and not (before is not None and self.ground.covers(before, fix.position)):
                initial, may_trigger = before is None, False
                reason = None if initial else TransitionReason.FENCE_CHANGED
        return Transition(
            kind=TransitionKind.ENTER,
            geofence_id=geofence_id,
            at=fix.at,
            geofence_revision=now.revision,
            initial=initial,
            reason=reason,
            fix=fix,
            may_trigger=may_trigger,
        )

    def dwell(self, geofence: Geofence, fix: Fix) -> None:
        visit = self.open[geofence.id]
        reached_at = dwell_due_at(visit, geofence, self.rules)
        if reached_at is not None and fix.at >= reached_at:
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
        limit_s, gap_s = self.rules.cross_within_s, self.rules.gap_s
        if limit_s is None or not 0 < between_s <= limit_s or (gap_s is not None and between_s >= gap_s):
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


def is_clear(geofence: Geofence, fix: Fix, *, ground: Ground, rules: PresenceRules) -> bool:
    """Whether the fix is so far off that its accuracy does not excuse it."""
    margin_m = max(rules.exit_margin_m, MARGIN_IN_DEPTHS * ground.depth_m(geofence))
    return ground.clearance_m(geofence, fix.position) >= fix.accuracy_m + margin_m


def dwell_due_at(visit: Visit, geofence: Geofence, rules: PresenceRules) -> datetime | None:
    """The instant that a ping inside proves, if none has yet; None where dwelling means nothing."""
    dwell_s = geofence.dwell_s if geofence.dwell_s is not None else rules.dwell_s
    if visit.dwell is not None or dwell_s is None:
        return None
    return visit.enter.at + timedelta(seconds=dwell_s)
