"""What goes wrong in a loop: how long it then waits, and what is said of it.

An exception's text is never said, but for what the database says of its absence: it may hold a position, an address or
the text of a message.
"""

import logging
from collections.abc import Collection, Hashable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from time import monotonic
from traceback import extract_tb

from nearcast.domain.errors import StoreUnavailable

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
_log = logging.getLogger(__name__)


class Outage:
    """Whether the database is away, as all loops of a process know it together: said once when it begins and ends."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._without: set[str] = set()

    def began(self, loop: str, error: StoreUnavailable) -> None:
        with self._lock:
            if not self._without:
                _log.warning("%s: nothing is decided or sent until it is back", error)
            self._without.add(loop)

    def ended(self, loop: str) -> None:
        """For one loop; it is over when it is for all of them."""
        with self._lock:
            if loop not in self._without:
                return
            self._without.discard(loop)
            if not self._without:
                _log.info("the database is back")


@dataclass(slots=True)
class _Pause:
    error: str
    place: str
    length_s: float
    over_at_s: float


class Troubles:
    """The troubles of one loop, by what they befall: each waits on its own, longer every time."""

    def __init__(self, loop: str, outage: Outage) -> None:
        self._loop, self._outage = loop, outage
        self._pauses: dict[Hashable, _Pause] = {}

    def befall(self, subject: Hashable, error: Exception) -> None:
        """Wait before that is tried again. Told at first, and when it becomes another one."""
        kind, place = type(error).__name__, _place(error)
        before = self._pauses.get(subject)
        length_s = min(before.length_s * 2, LONGEST_PAUSE_S) if before else FIRST_PAUSE_S
        self._pauses[subject] = _Pause(kind, place, length_s, monotonic() + length_s)
        if isinstance(error, StoreUnavailable):
            self._outage.began(self._loop, error)
        elif before is None or (before.error, before.place) != (kind, place):
            _log.error("%s of %s failed and will be tried again: %s at %s", self._loop, subject, kind, place)

    def over(self, subject: Hashable) -> None:
        """That has gone well."""
        self._pauses.pop(subject, None)
        if all(pause.error != StoreUnavailable.__name__ for pause in self._pauses.values()):
            self._outage.ended(self._loop)

    def only_of(self, subjects: Collection[Hashable]) -> None:
        """The troubles of all others are over."""
        for subject in self._pauses.keys() - set(subjects):
            self.over(subject)

    def may_try(self, subject: Hashable) -> bool:
        pause = self._pauses.get(subject)
        return pause is None or monotonic() >= pause.over_at_s

    def wait_s(self) -> float | None:
        """How long until the first may be tried again; None without any."""
        ends = [pause.over_at_s for pause in self._pauses.values()]
        return max(0.0, min(ends) - monotonic()) if ends else None

    @property
    def error(self) -> str | None:
        """The type of the oldest trouble there is; None without any."""
        return next((pause.error for pause in list(self._pauses.values())), None)


def _place(error: Exception) -> str:
    """The frames that it came through, the innermost first."""
    frames = extract_tb(error.__traceback__)
    return " < ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames))
