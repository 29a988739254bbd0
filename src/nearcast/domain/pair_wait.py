"""How long a sender leaves one person alone after a message, and after a complaint that two came too close.

Source: messaging reference §3 and §10, class PAIR_WAIT.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from nearcast.domain.reason import Reason
from nearcast.domain.sender_state import Blocked
from nearcast.domain.value import value

_MOST_DOUBLINGS = 5  # 4 to the power of that is 17 minutes


@value(kw_only=True)
class PairWait:
    """Nothing may go to them before `wait_until`, which `waits` complaints in a row have led to."""

    wait_until: datetime | None = None
    waits: int = 0

    def blocks(self, now: datetime) -> Blocked | None:
        """Whether a message must wait."""
        if self.wait_until is None or now >= self.wait_until:
            return None
        return Blocked(reason=Reason.PAIR_WAIT, until=self.wait_until)

    def leaving(self, now: datetime, interval_s: float | None) -> "PairWait":
        """After a message to them was let through: the next one at the earliest `interval_s` seconds later."""
        if interval_s is None:
            return self
        until = now + timedelta(seconds=interval_s)
        return replace(self, wait_until=until if self.wait_until is None else max(self.wait_until, until))

    def stayed(self) -> "PairWait":
        """After a message that was let through did not leave: nobody is to be left alone for it."""
        return replace(self, wait_until=None) if not self.waits else self

    def complained(self, now: datetime) -> "PairWait":
        """After the provider found two messages too close: 1 s, then 4, then 16 and so on."""
        until = now + timedelta(seconds=4.0 ** min(self.waits, _MOST_DOUBLINGS))
        return replace(self, wait_until=until, waits=self.waits + 1)

    def succeeded(self) -> "PairWait":
        """After a message was taken: who was too fast is not any more."""
        return self if not self.waits else replace(self, waits=0)
