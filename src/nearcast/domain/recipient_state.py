"""What a provider told of one person on one channel: leave them alone for a day, they are not there.

Source: messaging reference §3 and §10, classes USER_COOLDOWN and USER_UNREACHABLE.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from nearcast.domain.reason import Reason
from nearcast.domain.sender_state import Blocked
from nearcast.domain.sending import Purpose
from nearcast.domain.value import value

COOLDOWN = timedelta(hours=24)
"""For how long at least nobody is sent marketing whom the provider did not want to bring it."""

UNREACHABLE_WITHIN = timedelta(days=7)
"""Twice unreachable within so long, and the channel is given up for this person until they write."""


@value(kw_only=True)
class RecipientState:
    """No marketing may go to them before `cooldown_until`. `unreachable_at` is when they were last found unreachable;
    since `given_up_at` nothing is tried.
    """

    cooldown_until: datetime | None = None
    unreachable_at: datetime | None = None
    given_up_at: datetime | None = None

    def blocks(self, purpose: Purpose, now: datetime) -> Blocked | None:
        """Whether a message must wait, or may never go."""
        if self.given_up_at is not None and purpose is not Purpose.SERVICE:
            return Blocked(reason=Reason.USER_UNREACHABLE)
        if purpose is Purpose.MARKETING and self.cooldown_until is not None and now < self.cooldown_until:
            return Blocked(reason=Reason.USER_COOLDOWN, until=self.cooldown_until)
        return None

    def cooled(self, now: datetime, retry_after_s: float | None = None) -> "RecipientState":
        """After the provider chose not to deliver: no marketing for a day, or longer where it says so."""
        until = now + max(COOLDOWN, timedelta(seconds=retry_after_s or 0))
        return replace(self, cooldown_until=until if self.cooldown_until is None else max(self.cooldown_until, until))

    def unreachable(self, now: datetime) -> "RecipientState":
        """After they could not be reached; the second time within a week gives the channel up."""
        last = self.unreachable_at
        is_again = last is not None and now - last < UNREACHABLE_WITHIN
        return replace(self, unreachable_at=now, given_up_at=now if is_again else self.given_up_at)

    def heard_from(self) -> "RecipientState":
        """After they wrote: they are there."""
        return replace(self, unreachable_at=None, given_up_at=None)
