"""The two sides of a message: the customer who may get it and the shop that it comes from."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from zoneinfo import ZoneInfo

from nearcast.domain.ids import CustomerId, ShopId
from nearcast.domain.local_time import ALL_DAY, LocalHours, LocalWindow
from nearcast.domain.opening_hours import OpeningHours
from nearcast.domain.position import Position
from nearcast.domain.quiet_hours import NO_QUIET_HOURS, QuietHours
from nearcast.domain.value import value


@value(kw_only=True)
class Customer:
    """Who may get messages. `suppressed` holds the channels on whose suppression list the address stands.

    `reachable` holds the channels with an address; None where nobody asks for one, as in a replay. `paused_until` is
    the first local date on which they want to hear something again.
    """

    id: CustomerId
    zone: ZoneInfo | None = None
    tags: frozenset[str] = frozenset()
    attributes: Mapping[str, str] = field(default_factory=dict)
    suppressed: frozenset[str] = frozenset()
    reachable: frozenset[str] | None = None
    quiet_hours: QuietHours = NO_QUIET_HOURS
    paused_until: date | None = None


@dataclass(frozen=True, kw_only=True)
class Shop:
    """Where it stands and when it is open; no opening hours means that they are no rule. `zone` reads all its hours.

    Where its campaigns compete with others of their class, the shop of the higher `rank` comes first.
    """

    id: ShopId
    name: str
    zone: ZoneInfo
    position: Position | None = None
    opening_hours: OpeningHours | None = None
    closed_on: frozenset[date] = frozenset()
    hours_on: Mapping[date, tuple[LocalWindow, ...]] = field(default_factory=dict, hash=False)
    holidays: Container[date] = frozenset()
    rank: int = 0

    @cached_property
    def hours(self) -> LocalHours:
        """When it is open; a shop without opening hours is open all day. Dates in `hours_on` have hours of their own,
        and on those in `closed_on` it is closed.
        """
        windows = self.opening_hours.windows if self.opening_hours else (ALL_DAY,)
        on_holidays = self.opening_hours.on_holidays if self.opening_hours else None
        return LocalHours(windows, self.closed_on, self.holidays, on_holidays, self.hours_on)
