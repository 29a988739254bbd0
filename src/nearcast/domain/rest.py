"""What the next pings of a customer must be like to change nothing, so that they need not be taken at once."""

from dataclasses import dataclass, replace
from datetime import datetime

from nearcast.domain.calm import calm_until, dwells_from, is_steady
from nearcast.domain.ids import GeofenceId
from nearcast.domain.motion import is_too_far
from nearcast.domain.ping import Fix
from nearcast.domain.position import Position
from nearcast.domain.track import Track
from nearcast.domain.visit import BEGINNING, END, Ground, PresenceRules


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing is under way. A fix later than `after` and before `dwells_from`, inside exactly `inside`, that comes in
    before `until` (None: at any time), and is no faster than the speed limit from `position` (None: however fast),
    changes nothing but the track, so it may be taken later, at the `now` of its arrival, with the same result.

    Of several such fixes each is measured from the one before it. It holds until the next edit of a geofence inside.
    """

    after: datetime
    dwells_from: datetime | None
    inside: frozenset[GeofenceId]
    until: datetime | None
    position: Position | None

    def holds_for(self, fix: Fix, *, arrived_at: datetime, ground: Ground, rules: PresenceRules) -> bool:
        """Whether a fix that comes in then changes nothing."""
        if fix.at <= self.after or fix.inside != self.inside:
            return False
        if self.dwells_from is not None and fix.at >= self.dwells_from:
            return False
        if self.until is not None and max(fix.at, arrived_at) >= self.until:
            return False
        if self.position is None:
            return True
        apart_s = (fix.at - self.after).total_seconds()
        return not is_too_far(self.position, fix.position, ground=ground, reach_m=rules.max_speed_mps * apart_s)

    def then(self, fix: Fix) -> "Rest":
        """How they rest after such a fix."""
        return replace(self, after=fix.at, position=fix.position)


def rest_of(track: Track, *, ground: Ground, rules: PresenceRules) -> Rest | None:
    """None where every next fix must be taken at once. Before the first fix, one outside every geofence is calm."""
    if rules.cross_within_s is not None or track.ended_by_itself:
        return None
    last, open_visits = track.stance.last, track.open_visits
    if last is None:
        return Rest(BEGINNING, None, frozenset(), None, None)
    if not is_steady(track.stance, open_visits):
        return None
    dwells_at = dwells_from(open_visits, ground=ground, rules=rules)
    until = calm_until(last, open_visits, ground=ground, rules=rules)
    if min(dwells_at, until) <= last.at:
        return None
    position = last.position if rules.is_robust else None
    inside = frozenset(visit.geofence_id for visit in open_visits)
    return Rest(last.at, _unless_never(dwells_at), inside, _unless_never(until), position)


def _unless_never(at: datetime) -> datetime | None:
    return at if at < END else None
