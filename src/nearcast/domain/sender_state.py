"""How a sender stands with its provider: stopped by it, slowed by it, allowed so many people a day.

A stop holds for everything of that sender, or for its marketing alone. While it lasts one message at a time is let
through, to find out whether it is over (messaging reference §10, classes SENDER_STOP and THROTTLE).
"""

from dataclasses import replace
from datetime import datetime, timedelta

from nearcast.domain.reason import Reason
from nearcast.domain.sending import Purpose, Scope
from nearcast.domain.value import value

TRIAL_EVERY = timedelta(minutes=5)
"""How long a stopped sender waits before one message tries whether it still is."""

DAY = timedelta(hours=24)
"""Over how long providers count the people that a sender writes to."""

_RECOVERS_IN, _SLOWEST = timedelta(minutes=1), 1 / 64
_AT_ONCE = timedelta(seconds=1)  # complaints that come together are one


@value(kw_only=True)
class Blocked:
    """A message that may not leave now: it may be asked for again at `until`; None for never."""

    reason: Reason
    until: datetime | None = None


@value(kw_only=True)
class SenderState:
    """One account of one channel. `stopped_at`, with the provider's own code, is when the provider stopped all of its
    `scope`: everything, or MARKETING alone; TOKEN is everything, and a matter between us and the provider. From
    `trial_at` on one message may try. What began before `resumed_at` says nothing of how it stands since. `factor` is
    what a complaint at `slowed_at` left of its rate. It may write to `people_a_day` people in any 24 hours; None for
    any number.
    """

    channel: str
    sender: str
    stopped_at: datetime | None = None
    code: str | None = None
    scope: Scope | None = None
    trial_at: datetime | None = None
    resumed_at: datetime | None = None
    factor: float = 1.0
    slowed_at: datetime | None = None
    people_a_day: int | None = None

    @property
    def is_stopped(self) -> bool:
        return self.stopped_at is not None

    def stops(self, purpose: Purpose) -> bool:
        """Whether it is stopped for messages that are for that."""
        return self.is_stopped and (self.scope is not Scope.MARKETING or purpose is Purpose.MARKETING)

    def stopped(self, code: str, began_at: datetime, now: datetime, *, scope: Scope = Scope.SENDER) -> "SenderState":
        """After a refusal that stops it, of an attempt that began at `began_at`. A stop of everything holds for its
        marketing too.
        """
        if self.resumed_at is not None and began_at < self.resumed_at:
            return self
        if scope is Scope.MARKETING and self.stops(Purpose.SERVICE):
            return self
        first_at = now if self.stopped_at is None else self.stopped_at
        return replace(self, stopped_at=first_at, code=code, scope=scope, trial_at=now + TRIAL_EVERY)

    def tried(self, now: datetime) -> "SenderState":
        """After one message was let through to try: the next one waits."""
        return replace(self, trial_at=now + TRIAL_EVERY)

    def succeeded(self, began_at: datetime, now: datetime, purpose: Purpose = Purpose.MARKETING) -> "SenderState":
        """After an attempt that went well: it ends a stop that it began after, and that it was under."""
        if self.stopped_at is None or began_at <= self.stopped_at or not self.stops(purpose):
            return self
        return self.resumed(now)

    def resumed(self, now: datetime) -> "SenderState":
        """After somebody's word that the cause is gone."""
        return replace(
            self, stopped_at=None, code=None, scope=None, trial_at=None, resumed_at=now, factor=1.0, slowed_at=None
        )

    def blocks(self, now: datetime, purpose: Purpose = Purpose.MARKETING) -> Blocked | None:
        """Whether the next message for that must wait; while it is stopped, one that need not is a trial."""
        if not self.stops(purpose) or self.trial_at is None or now >= self.trial_at:
            return None
        return Blocked(reason=Reason.SENDER_STOPPED, until=self.trial_at)

    def slowed(self, now: datetime) -> "SenderState":
        """After a complaint that it is too fast: half as fast from now on."""
        if self.slowed_at is not None and now - self.slowed_at < _AT_ONCE:
            return self
        return replace(self, factor=max(_SLOWEST, self.rate(now) / 2), slowed_at=now)

    def rate(self, now: datetime) -> float:
        """Which part of its rate it may have, of (0, 1]: twice as much every minute since it was slowed."""
        if self.slowed_at is None or self.factor >= 1:
            return 1.0
        minutes = max(0, (now - self.slowed_at) // _RECOVERS_IN)
        return float(min(1.0, self.factor * 2.0 ** min(minutes, 10)))
