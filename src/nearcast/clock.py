"""Clocks: the only place that asks the machine for the time."""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from threading import Lock


class SystemClock:
    """The machine's time in UTC."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class PacedClock:
    """Starts at an instant and runs `speed` times as fast as the machine's, whatever that one is set to."""

    def __init__(self, start: datetime, speed: float) -> None:
        self._start, self._speed = start, speed
        self._began_s = time.monotonic()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=(time.monotonic() - self._began_s) * self._speed)


class FollowingClock:
    """Another machine's time: asked for every `every_s` seconds and kept up in between, never going back.

    While it cannot be asked, the clock goes on as it was. `read` tells the other machine's time.
    """

    def __init__(
        self,
        read: Callable[[], datetime],
        *,
        every_s: float = 5.0,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read, self._every_s, self._monotonic_s = read, every_s, monotonic_s
        self._asking, self._telling = Lock(), Lock()
        self._at_zero = self._latest = datetime.min.replace(tzinfo=UTC)
        self._asked_s = monotonic_s()
        self._ask()

    def now(self) -> datetime:
        if self._monotonic_s() - self._asked_s >= self._every_s and self._asking.acquire(blocking=False):
            try:
                with suppress(Exception):  # whoever needs the other machine for more than its time will find out
                    self._ask()
            finally:
                self._asking.release()
        with self._telling:
            self._latest = max(self._latest, self._at_zero + timedelta(seconds=self._monotonic_s()))
            return self._latest

    def _ask(self) -> None:
        self._asked_s = before_s = self._monotonic_s()
        theirs = self._read()
        self._at_zero = theirs - timedelta(seconds=(before_s + self._monotonic_s()) / 2)
