"""Limits that hold whatever a campaign wishes: frequency caps, quiet hours, hold-outs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from nearcast.domain.errors import InvalidInput
from nearcast.domain.experiment import bucket
from nearcast.domain.local_time import instant, local_day
from nearcast.domain.quiet_hours import NO_QUIET_HOURS, QuietHours


class CapScope(StrEnum):
    """Whose messages a cap counts: all of a customer's, or those with the candidate's shop, campaign, …"""

    CUSTOMER = "customer"
    SHOP = "shop"
    CAMPAIGN = "campaign"
    GEOFENCE = "geofence"
    CHANNEL = "channel"


class PriorityScope(StrEnum):
    """Whom a campaign's priority is compared with: every campaign, or those of its own shop alone."""

    ACROSS_SHOPS = "across_shops"
    WITHIN_SHOP = "within_shop"


class CapKind(StrEnum):
    ROLLING = "rolling"
    CALENDAR = "calendar"
    MIN_GAP = "min_gap"


class CalendarUnit(StrEnum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True, kw_only=True)
class FrequencyCap:
    """At most `limit` messages in the last `window_s` seconds (rolling) or in the customer's local day, week or month
    (calendar); or at least `window_s` seconds between two (min_gap, which is rolling with a limit of one).

    A week starts on `week_starts`, 0 for Monday to 6 for Sunday; None is Monday, as in ISO 8601.
    """

    id: str
    scope: CapScope
    kind: CapKind
    limit: int = 1
    window_s: float | None = None
    unit: CalendarUnit | None = None
    week_starts: int | None = None

    def __post_init__(self) -> None:
        if self.week_starts is not None and self.unit is not CalendarUnit.WEEK:
            raise InvalidInput(f"cap {self.id}: week_starts is of a calendar cap by the week")
        if self.kind is CapKind.CALENDAR and (self.unit is None or self.window_s is not None):
            raise InvalidInput(f"cap {self.id}: a calendar cap needs a unit and no window_s")
        if self.kind is not CapKind.CALENDAR and (self.window_s is None or self.window_s <= 0 or self.unit is not None):
            raise InvalidInput(f"cap {self.id}: a {self.kind.value} cap needs a window_s above 0 and no unit")
        if self.limit < 0 or (self.kind is CapKind.MIN_GAP and self.limit != 1):
            raise InvalidInput(f"cap {self.id}: limit {self.limit} is not allowed for {self.kind.value}")

    def counted(self, sent_at: Sequence[datetime], now: datetime, zone: ZoneInfo) -> list[datetime]:
        """Those of `sent_at` that take up a slot at `now`, oldest first.

        Rolling: later than `now - window_s`, so exactly at the boundary a message has aged out.
        """
        if self.kind is CapKind.CALENDAR:
            start, end = self._period(now, zone)
            return sorted(at for at in sent_at if start <= at < end)
        return sorted(at for at in sent_at if at > now - self._window)

    def free_at(self, counted: Sequence[datetime], now: datetime, zone: ZoneInfo) -> datetime | None:
        """When a slot is free again, given that `counted` fill the cap; None where it never is."""
        if self.limit == 0:
            return None
        if self.kind is CapKind.CALENDAR:
            return self._period(now, zone)[1]
        return counted[len(counted) - self.limit] + self._window

    @property
    def _window(self) -> timedelta:
        return timedelta(seconds=self.window_s or 0)

    def _period(self, now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
        today = local_day(now, zone)
        first, after = _calendar_days(today, self.unit or CalendarUnit.DAY, self.week_starts or 0)
        return instant(first, 0, zone), instant(after, 0, zone)


def _calendar_days(day: date, unit: CalendarUnit, week_starts: int) -> tuple[date, date]:
    match unit:
        case CalendarUnit.DAY:
            return day, day + timedelta(days=1)
        case CalendarUnit.WEEK:
            first = day - timedelta(days=(day.weekday() - week_starts) % 7)
            return first, first + timedelta(days=7)
        case CalendarUnit.MONTH:
            first = day.replace(day=1)
            return first, (first + timedelta(days=31)).replace(day=1)


@dataclass(frozen=True, slots=True)
class Holdout:
    """`percent` of the customers get nothing, so that the rest can be compared with them.

    Held out is whoever's bucket is below percent * 100: raising the percentage under one salt only adds people.
    """

    percent: float
    salt: str

    def __post_init__(self) -> None:
        if not 0 <= self.percent <= 100:
            raise InvalidInput(f"holdout percent {self.percent} is not in 0…100")

    def bucket(self, customer_id: str) -> int:
        return bucket(self.salt, customer_id)

    def holds_out(self, customer_id: str) -> bool:
        return self.bucket(customer_id) < round(self.percent * 100, 6)  # 1.1 * 100 is a little more than 110


@dataclass(frozen=True, slots=True, kw_only=True)
class PingRules:
    """When a ping is too old or too coarse to send on, and how far its clock may run ahead of ours."""

    max_age_s: float = 300.0
    max_accuracy_m: float = 75.0
    max_future_s: float = 60.0


@dataclass(frozen=True, slots=True)
class ConsentReminder:
    """How long after a customer gave, confirmed or was reminded of a consent they have to be reminded of it again, and
    whether nothing is sent until then. Source: WP29 Opinion 13/2011, at least once a year.
    """

    every: timedelta
    blocks: bool = False

    def __post_init__(self) -> None:
        if self.every <= timedelta(0):
            raise InvalidInput("a reminder needs more than 0 days between two")

    def due_at(self, told_at: datetime) -> datetime:
        """The first instant at which the customer should have been reminded."""
        return told_at + self.every


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What an operator sets for all campaigns; the empty policy limits nothing."""

    quiet_hours: QuietHours = NO_QUIET_HOURS
    caps: tuple[FrequencyCap, ...] = ()
    holdout: Holdout | None = None
    priorities: PriorityScope = PriorityScope.ACROSS_SHOPS
    ping_rules: PingRules = field(default_factory=PingRules)
    consent_reminder: ConsentReminder | None = None
