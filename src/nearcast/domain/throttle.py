"""How fast messages may leave through a channel: what a provider, or a tenant, allows.

The generic cell rate algorithm: one instant says how full a throttle is, and no number is ever rounded in its favour.
Source: ITU-T I.371, Annex A.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from nearcast.domain.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttle:
    """`burst` messages at once, and from then on `per_s` a second: in any n seconds, their end excluded, at most
    n · per_s + burst - 1. Without a `sender` all senders of the channel share it, and where it `is_providers` those of
    all tenants do.
    """

    channel: str
    sender: str | None = None
    per_s: float
    burst: int = 1
    is_providers: bool = False

    def __post_init__(self) -> None:
        if not (self.per_s > 0 and math.isfinite(self.per_s)):
            raise InvalidInput(f"{self.per_s} messages a second are not above 0")
        if self.burst < 1:
            raise InvalidInput(f"burst {self.burst} lets nothing through")

    @property
    def apart(self) -> timedelta:
        """How far messages are apart in the long run."""
        return timedelta(microseconds=math.ceil(1_000_000 / self.per_s))

    def with_delays(self, longest: timedelta) -> "Throttle":
        """One whose instants are so far apart that messages which leave up to `longest` after theirs keep this one: as
        many as in a second may leave are taken in a second and that.
        """
        return replace(self, per_s=self.per_s / (1 + longest.total_seconds()))

    def covers(self, channel: str, sender: str | None) -> bool:
        return self.channel == channel and self.sender in (None, sender)

    def free_at(self, full_until: datetime | None, now: datetime) -> datetime:
        """When the next message may leave, not before `now`. `full_until` is when all that left will have been made
        up for; None before the first.
        """
        return now if full_until is None else max(now, full_until - (self.burst - 1) * self.apart)

    def after_one(self, full_until: datetime | None, now: datetime) -> datetime:
        """`full_until` after one more has left at `now`."""
        return (now if full_until is None else max(now, full_until)) + self.apart


@dataclass(slots=True)
class Quota:
    """What all throttles together let through from `now` until `latest`, that instant included; `full_until` is kept up
    to date as messages are let through.
    """

    throttles: Iterable[Throttle]
    now: datetime
    full_until: Mapping[Throttle, datetime]
    latest: datetime
    taken: dict[Throttle, datetime] = field(default_factory=dict)

    @property
    def exhausted(self) -> list[Throttle]:
        """Those that let nothing more through."""
        return [throttle for throttle in self.throttles if throttle.free_at(self._of(throttle), self.now) > self.latest]

    def take(self, channel: str, sender: str | None) -> datetime | None:
        """When one more message may leave; None where a throttle holds it back, and nothing is taken from any."""
        covering = self._covering(channel, sender)
        at = max((throttle.free_at(self._of(throttle), self.now) for throttle in covering), default=self.now)
        if at > self.latest:
            return None
        for throttle in covering:
            self.taken[throttle] = throttle.after_one(self._of(throttle), at)
        return at

    def is_open(self, channel: str, sender: str | None) -> bool:
        """Whether such messages leave at any time: no throttle covers them."""
        return not self._covering(channel, sender)

    def _covering(self, channel: str, sender: str | None) -> list[Throttle]:
        return [throttle for throttle in self.throttles if throttle.covers(channel, sender)]

    def _of(self, throttle: Throttle) -> datetime | None:
        return self.taken.get(throttle) or self.full_until.get(throttle)
