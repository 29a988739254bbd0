"""When messages begin that throttles let through one after another: each at its turn, or not at all.

Turns are handed out as messages are claimed, a little ahead, so that these are decided and marked when theirs comes.
Whoever is late would leave together with those whose turn it is then, and whoever counts what comes in a second would
count too many: so they go back, and turns are so far apart that a little lateness does no harm.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TypeAlias

from nearcast.domain.throttle import Throttle

Present: TypeAlias = Callable[[], datetime]
"""Tells the present instant."""

AHEAD = timedelta(seconds=0.1)
_AT_MOST_AHEAD = timedelta(seconds=0.25)  # marks do not hold for long
_LATE = timedelta(seconds=0.03)
_ON_THE_WAY = timedelta(seconds=0.02)  # until it is where it is counted
_AT_FIRST = timedelta(seconds=0.05)
_LONGEST = timedelta(seconds=10)
_LONGEST_REST = timedelta(seconds=1)
_NO_TIME = timedelta()


class Turns:
    """The turns of one dispatcher, which learns how long its transactions take. While its clock stands `still`, each
    has its turn at once.
    """

    def __init__(self, *, still: bool = False) -> None:
        self._takes = _NO_TIME if still else _AT_FIRST
        self._ahead = _NO_TIME if still else AHEAD
        self._delays = _NO_TIME if still else _LATE + _ON_THE_WAY

    @property
    def lead(self) -> timedelta:
        """How long it takes to claim a message and to mark it."""
        return 2 * self._takes

    def learn(self, took: timedelta) -> None:
        """A transaction took so long. Longer than any takes is a clock that was set, which says nothing of the next."""
        if took > _LONGEST:
            return
        self._takes = max(took, (self._takes + took) / 2)

    def between(self, now: datetime) -> tuple[datetime, datetime]:
        """The first and the last turn for what is claimed now: enough for as long as the next take to be marked."""
        first = now + self.lead
        return first, first + min(max(self._ahead, self.lead), _AT_MOST_AHEAD)

    def kept_by(self, throttles: Iterable[Throttle]) -> tuple[Throttle, ...]:
        """Throttles whose turns keep the given ones, however late a message is that is let through."""
        return tuple(each.with_delays(self._delays) for each in throttles)


def at_its_turn(begins_at: datetime | None, present: Present, rest: Callable[[float], None]) -> datetime | None:
    """Wait for a turn; the instant at which it is taken, None where it was missed."""
    if begins_at is None:
        return present()
    wait = begins_at - present()
    if wait > _LONGEST_REST:  # a clock was put back
        return None
    if wait > _NO_TIME:
        rest(wait.total_seconds())
    now = max(begins_at, present())  # who has rested for so long has waited, though a clock was put back
    return now if now <= begins_at + _LATE else None
