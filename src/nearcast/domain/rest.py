"""What the next pings of a customer must be like to change nothing, so that they need not be taken at once."""

from dataclasses import dataclass
from datetime import datetime

from nearcast.domain.calm import calm_until, is_steady
from nearcast.domain.ids import GeofenceId
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
