"""What this process counts of its own doing, for whoever watches it; nobody's name, place or number is in it."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from threading import Lock


class Figure(StrEnum):
    """What is counted, by these labels."""

    PINGS = "pings"
    """result, reason: `accepted` and `refused` at the door; of the accepted, what a worker `dropped`, and what it
    `kept` though nothing is sent about it; `repaired` clocks of phones, and what they said `besides`
    """
    DECISIONS = "decisions"
    """outcome, reason"""
    MESSAGES = "messages"
    """channel, status"""
    DELIVERIES = "event_deliveries"
    """outcome"""
    VOUCHERS = "voucher_redemptions"
    """outcome"""
    RESERVATIONS = "reservations"
    """state"""
    PAYMENTS = "payments"
    """result"""
    CHATS = "chat_requests"
    """about"""
    HEARD = "provider_events"
    """channel, kind, what"""
    RECEIPTS = "message_receipts"
    """channel, result"""
    REQUESTS = "http_requests"
    """method, route, status"""
    STEPS = "worker_steps"
    """loop, result"""


class Span(StrEnum):
    """What is measured, in seconds."""

    DECIDED = "ping_decided"
    """from accepted to decided"""
    REQUEST = "http_request"
    STEP = "worker_step"


EDGES_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Upper edges of the histograms' buckets, in seconds."""


class Figures:
    """Counters and histograms; many threads may use them at once."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: dict[Figure, dict[tuple[str, ...], int]] = {figure: {} for figure in Figure}
        self._buckets = {span: [0] * (len(EDGES_S) + 1) for span in Span}
        self._sums_s = dict.fromkeys(Span, 0.0)
        self._indexes: dict[str, tuple[int, int, datetime]] = {}

    def add(self, figure: Figure, *labels: str, by: int = 1) -> None:
        """Count `by` more."""
        if by:
            with self._lock:
                counts = self._counts[figure]
                counts[labels] = counts.get(labels, 0) + by

    def took(self, span: Span, seconds: float, times: int = 1) -> None:
        """Note how long something took, so many times."""
        self.took_each(span, [(seconds, times)])

    def took_each(self, span: Span, measured: Iterable[tuple[float, int]]) -> None:
        """As `took`, of several: seconds and how often."""
        with self._lock:
            for seconds, times in measured:
                self._buckets[span][bisect_left(EDGES_S, seconds)] += times
                self._sums_s[span] += seconds * times

    def keep_index(self, tenant_id: str, size: int, revision: int, now: datetime) -> None:
        """Note how many geofences an index holds, and at which revision of the catalogue."""
        with self._lock:
            known = self._indexes.get(tenant_id)
            since = known[2] if known is not None and known[1] == revision else now
            self._indexes[tenant_id] = size, revision, since

    def indexed(self) -> tuple[int, datetime | None]:
        """How many geofences are in all indexes, and when an edit last reached one; None before the first."""
        with self._lock:
            known = list(self._indexes.values())
        return sum(size for size, _, _ in known), max((since for _, _, since in known), default=None)

    def counts(self, figure: Figure) -> Mapping[tuple[str, ...], int]:
        """What was counted so far, by labels."""
        with self._lock:
            return dict(self._counts[figure])

    def histogram(self, span: Span) -> tuple[list[int], float]:
        """How many fell below each edge but not below the one before, the last above all; and their sum in seconds."""
        with self._lock:
            return list(self._buckets[span]), self._sums_s[span]
