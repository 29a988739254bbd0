"""When a fix changes nothing but the track: asked of every fix, so that only the few that may change something are
walked through.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from nearcast.domain.ids import GeofenceId
from nearcast.domain.motion import is_jump
from nearcast.domain.ping import Fix
from nearcast.domain.visit import END, Ground, PresenceRules, Visit
from nearcast.domain.walk import Stance, dwell_due_at, is_clear


def is_calm(
    fix: Fix, *, stance: Stance, open_visits: Sequence[Visit], ground: Ground, rules: PresenceRules, now: datetime
) -> bool:
    """Whether a walk from there to the fix and on to `now` leaves every visit as it is; False where it is not certain.

    The fix is after the last one in order.
    """
    last = stance.last
    if last is None:
        return not fix.inside
    if rules.cross_within_s is not None or not is_steady(stance, open_visits):
        return False
    here = [visit.enter.geofence_id for visit in open_visits]
    if not enters_nothing(last, fix, here, ground=ground, rules=rules):
        return False
    if any(_leaves(geofence_id, fix, ground=ground, rules=rules) for geofence_id in here):
        return False
    if not open_visits:
        return True
    if fix.at >= dwells_from(open_visits, ground=ground, rules=rules):
        return False
    return now < calm_until(last, open_visits, ground=ground, rules=rules)


def is_steady(stance: Stance, open_visits: Sequence[Visit]) -> bool:
    """Whether no fix is in doubt, and nobody arrives or leaves."""
    is_sure = stance.last is not None and stance.quarantined is None and not stance.arriving
    return is_sure and all(visit.leaving is None for visit in open_visits)


def _leaves(geofence_id: GeofenceId, fix: Fix, *, ground: Ground, rules: PresenceRules) -> bool:
    if geofence_id in fix.inside:
        return False
    geofence = ground.at(geofence_id, fix.at) if rules.is_robust else None
    return geofence is None or is_clear(geofence, fix, ground=ground, rules=rules)


def enters_nothing(last: Fix, fix: Fix, here: Collection[GeofenceId], *, ground: Ground, rules: PresenceRules) -> bool:
    """Whether the fix is believed and inside nothing else than that."""
    if not fix.inside.issubset(here):
        return False
    return not (rules.is_robust and is_jump(last, fix, ground=ground, max_speed_mps=rules.max_speed_mps))


def dwells_from(open_visits: Sequence[Visit], *, ground: Ground, rules: PresenceRules) -> datetime:
    """The first instant of which a fix inside would prove that one of the visits is a long one; however late it comes
    in, no earlier one does.
    """
    first = END
    for visit in open_visits:
        geofence = ground.at(visit.enter.geofence_id, END)
        due_at = None if geofence is None else dwell_due_at(visit, geofence, rules)
        if due_at is not None and due_at < first:
            first = due_at
    return first


def calm_until(last: Fix, open_visits: Sequence[Visit], *, ground: Ground, rules: PresenceRules) -> datetime:
    """The first instant at which one of the visits may end although the customer stays: silence since the last fix, the
    end of the geofence; that fix's own where a geofence was edited since.
    """
    first = END
    for visit in open_visits:
        geofence_id = visit.enter.geofence_id
        geofence = ground.at(geofence_id, END)
        if geofence is None or geofence is not ground.at(geofence_id, last.at):
            return last.at
        ended = ground.ended(geofence_id, last.at, END)
        if ended is not None and ended[0] < first:
            first = ended[0]
    if open_visits and rules.gap_s is not None:
        return min(first, last.at + timedelta(seconds=rules.gap_s))
    return first
