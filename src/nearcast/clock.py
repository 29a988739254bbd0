"""Clocks: the only place that asks the machine for the time."""

import time
from datetime import UTC, datetime, timedelta


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
