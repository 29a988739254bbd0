"""When a fix changes nothing but the track: asked of every fix, so that only the few that may change something are
walked through.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from nearcast.domain.motion import is_jump
from nearcast.domain.ping import Fix
from nearcast.domain.visit import Ground, PresenceRules, Visit
from nearcast.domain.walk import Stance, dwell_due_at

_FOR_EVER = datetime.max.replace(tzinfo=UTC)


def is_calm(
    fix: Fix, *, stance: Stance, open_visits: Sequence[Visit], ground: Ground, rules: PresenceRules, now: datetime
) -> bool:
    """Whether a walk from there to the fix and on to `now` leaves every visit as it is; False where it is not certain.

    The fix is after the last one in order.
    """
    last = stance.last
    if last is None:
        return not fix.inside
    if rules.cross_within_s is not None or not is_settled(stance, open_visits):
        return False
    if not keeps_its_place(last, fix, ground=ground, rules=rules):
        return False
    return not open_visits or now < calm_until(last, open_visits, ground=ground, rules=rules)


def keeps_its_place(last: Fix, fix: Fix, *, ground: Ground, rules: PresenceRules) -> bool:
    """Whether the fix is believed and inside the same geofences."""
    if fix.inside != last.inside:
        return False
    return not (rules.is_robust and is_jump(last, fix, ground=ground, max_speed_mps=rules.max_speed_mps))


def is_settled(stance: Stance, open_visits: Sequence[Visit]) -> bool:
    """Whether no fix is in doubt, and nobody arrives or leaves: the open visits are those where the last fix is."""
    if stance.quarantined is not None or stance.arriving or stance.last is None:
        return False
    inside = stance.last.inside
    if len(open_visits) != len(inside):
        return False
    return all(visit.enter.geofence_id in inside for visit in open_visits)


def calm_until(last: Fix, open_visits: Sequence[Visit], *, ground: Ground, rules: PresenceRules) -> datetime:
    """The first instant at which one of the visits may change although the customer stays: dwelling, silence since the
    last fix, the end of the geofence; that fix's own where a geofence was edited since.
    """
    first = _FOR_EVER
    for visit in open_visits:
        geofence_id = visit.enter.geofence_id
        geofence = ground.at(geofence_id, _FOR_EVER)
        if geofence is None or geofence is not ground.at(geofence_id, last.at):
            return last.at
        ended = ground.ended(geofence_id, last.at, _FOR_EVER)
        due_at = dwell_due_at(visit, geofence, rules) if visit.dwell is None else None
        if ended is not None and ended[0] < first:
            first = ended[0]
        if due_at is not None and due_at < first:
            first = due_at
    if open_visits and rules.gap_s is not None:
        return min(first, last.at + timedelta(seconds=rules.gap_s))
    return first
