"""What the next pings of a customer must be like to change nothing, so that they need not be taken at once."""

from dataclasses import dataclass
from datetime import datetime

from nearcast.domain.calm import calm_until, is_steady
from nearcast.domain.ids import GeofenceId
from nearcast.domain.motion import is_too_far
from nearcast.domain.ping import Fix
from nearcast.domain.position import Position
from nearcast.domain.track import Track
from nearcast.domain.visit import BEGINNING, END, Ground, PresenceRules


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing is under way. A fix later than `after`, inside exactly `inside`, before `until` (None: for ever) and no
    faster than the speed limit from `position` (None: however fast) changes nothing but the track, so it may be taken
    later, at the `now` of its arrival, with the same result.

    Of several such fixes each is measured from the one before it. It holds until the next edit of a geofence inside.
    """

    after: datetime
    inside: frozenset[GeofenceId]
    until: datetime | None
    position: Position | None

    def holds_for(self, fix: Fix, *, arrived_at: datetime, ground: Ground, rules: PresenceRules) -> bool:
        """Whether a fix that comes in then changes nothing."""
        if fix.at <= self.after or fix.inside != self.inside:
            return False
        if self.until is not None and max(fix.at, arrived_at) >= self.until:
            return False
        if self.position is None:
            return True
        apart_s = (fix.at - self.after).total_seconds()
        return not is_too_far(self.position, fix.position, ground=ground, reach_m=rules.max_speed_mps * apart_s)

    def then(self, fix: Fix) -> "Rest":
        """How they rest after such a fix."""
        return Rest(fix.at, self.inside, self.until, fix.position)


def rest_of(track: Track, *, ground: Ground, rules: PresenceRules) -> Rest | None:
    """None where every next fix must be taken at once. Before the first fix, one outside every geofence is calm."""
    if rules.cross_within_s is not None or track.ended_by_itself:
        return None
    last, open_visits = track.stance.last, track.open_visits
    if last is None:
        return Rest(BEGINNING, frozenset(), None, None)
    if not is_steady(track.stance, open_visits):
        return None
    until = calm_until(last, open_visits, ground=ground, rules=rules)
    if until <= last.at:
        return None
    position = last.position if rules.is_robust else None
    inside = frozenset(visit.geofence_id for visit in open_visits)
    return Rest(last.at, inside, until if until < END else None, position)
