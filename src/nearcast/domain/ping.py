"""A ping once it has passed the door: where a customer was, when, and which geofences hold that place."""

from datetime import datetime

from nearcast.domain.ids import GeofenceId
from nearcast.domain.position import Position
from nearcast.domain.value import value


@value(kw_only=True)
class Fix:
    """`at` is the device's time. `inside` are the geofences in force at that time whose ground covers the position.

    Missing accuracy counts as 0 m.
    """

    at: datetime
    position: Position
    accuracy_m: float = 0.0
    inside: frozenset[GeofenceId] = frozenset()
    device_id: str | None = None

    @property
    def order(self) -> tuple[datetime, str, float, float]:
        """Sorts a customer's fixes the same way whatever order they arrived in."""
        return (self.at, self.device_id or "", self.position.lat_deg, self.position.lon_deg)

    def is_of_one_moment_with(self, other: "Fix") -> bool:
        """Whether one device claims both: it cannot have been in two places at once."""
        return self.at == other.at and self.device_id == other.device_id

    def is_better_than(self, other: "Fix") -> bool:
        """The one to believe of two claims for one moment: the more accurate, then the one first in `order`."""
        return (self.accuracy_m, self.order) < (other.accuracy_m, other.order)
