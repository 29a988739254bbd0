"""How fast, and to how many: each limit says whether one more is within it, and counts it if so."""

from collections import deque
from datetime import datetime, timedelta

_DAY = timedelta(hours=24)
_SECOND = timedelta(seconds=1)
_BURST = timedelta(seconds=6)


class Throughput:
    """At most so many in any second, and how many there ever were in one."""

    def __init__(self) -> None:
        self._taken = deque[datetime]()
        self.most_in_a_second = 0

    def takes(self, now: datetime, limit: int | None) -> bool:
        while self._taken and now - self._taken[0] >= _SECOND:
            self._taken.popleft()
        if limit is not None and len(self._taken) >= limit:
            return False
        self._taken.append(now)
        self.most_in_a_second = max(self.most_in_a_second, len(self._taken))
        return True


class Pairs:
    """One message to one person in each interval; some may be borrowed from the future within six seconds."""

    def __init__(self) -> None:
        self._paid_until: dict[str, datetime] = {}
        self._bursts: dict[str, tuple[datetime, int]] = {}

    def takes(self, person: str, now: datetime, interval_s: float, burst: int) -> bool:
        paid_until = self._paid_until.get(person, now)
        began, count = self._bursts.get(person, (now, 0))
        if now >= paid_until:
            began, count = now, 0
        elif now - began >= _BURST or count >= burst:
            return False
        self._paid_until[person] = max(paid_until, now) + timedelta(seconds=interval_s)
        self._bursts[person] = (began, count + 1)
        return True


class Reach:
    """How many different people have been written to first within 24 hours."""

    def __init__(self) -> None:
        self._written: dict[str, datetime] = {}

    def takes(self, person: str, now: datetime, limit: int | None) -> bool:
        while self._written and now - self._written[oldest := next(iter(self._written))] >= _DAY:
            del self._written[oldest]
        if limit is not None and person not in self._written and len(self._written) >= limit:
            return False
        self._written.pop(person, None)
        self._written[person] = now
        return True
