"""A thread that goes round all tenants, again and again, and outlives whatever goes wrong."""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Event, Thread
from time import monotonic
from typing import TypeAlias

from nearcast.domain.errors import StoreUnavailable
from nearcast.domain.ids import TenantId
from nearcast.services.figures import Figure, Figures, Span
from nearcast.services.ports import Clock
from nearcast.worker.trouble import Outage, Troubles

Step: TypeAlias = Callable[[TenantId, datetime], bool]
"""A bounded piece of work for one tenant at an instant; whether there may be more of it."""

_STORE = "the store"
_EAGER_S, _EAGER_POLL_S = 2.0, 0.05
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LoopStatus:
    """`error` is the type of what fails now, None where nothing does; `last_success_at` the end of the last round in
    which nothing failed. `busy_s` is for how long it has been at a round; 0 between rounds.
    """

    last_success_at: datetime | None
    error: str | None
    is_alive: bool = True
    busy_s: float = 0.0

    @property
    def is_failing(self) -> bool:
        return self.error is not None


class Loop:
    """Calls `step` for each of `tenants` when `bell` rings, and every `poll_s` seconds if that is given; more often for
    a while after there was work, which hardly ever comes alone.

    A tenant whose step fails waits a while and the others go on; without a store all wait. The trouble of one that is
    not among `tenants` any more is over: there is nothing to do for it.
    """

    def __init__(
        self,
        name: str,
        step: Step,
        *,
        tenants: Callable[[], Sequence[TenantId]],
        clock: Clock,
        outage: Outage,
        figures: Figures,
        bell: Event,
        poll_s: float | None = None,
    ) -> None:
        self.name = name
        self._step, self._tenants, self._clock = step, tenants, clock
        self._bell, self._poll_s, self._figures = bell, poll_s, figures
        self._troubles = Troubles(name, outage)
        self._first: TenantId | None = None
        self._last_success_at: datetime | None = None
        self._ring_at_s = math.inf
        self._eager_until_s = -math.inf
        self._round_began_s: float | None = None
        self._stopping = Event()
        self._thread = Thread(target=self._run, name=f"nearcast {name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End after the step in hand; does not wait for it."""
        self._stopping.set()
        self._bell.set()

    def join(self, until_s: float) -> bool:
        """Wait for the end until that reading of the monotonic clock; whether it has come."""
        if self._thread.ident is not None:
            self._thread.join(max(0.0, until_s - monotonic()))
        return not self._thread.is_alive()

    def ring(self) -> None:
        self._bell.set()

    def ring_in(self, seconds: float) -> None:
        """Go round again after so long, or before. For the step in hand."""
        self._ring_at_s = min(self._ring_at_s, monotonic() + seconds)

    def status(self) -> LoopStatus:
        began_s = self._round_began_s
        busy_s = 0.0 if began_s is None else monotonic() - began_s
        is_alive = self._thread.is_alive() or self._stopping.is_set()
        return LoopStatus(self._last_success_at, self._troubles.error, is_alive=is_alive, busy_s=busy_s)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._bell.clear()
            self._ring_at_s = math.inf
            self._round_began_s = monotonic()
            is_more = not self._stopping.is_set() and self._round()
            self._round_began_s = None
            if is_more:
                self._eager_until_s = monotonic() + _EAGER_S
            elif not self._stopping.is_set():
                self._bell.wait(self._wait_s(monotonic()))

    def _wait_s(self, now_s: float) -> float | None:
        """For how long nothing is to be done, if no bell rings; None for ever."""
        poll_s = self._poll_s
        if poll_s is not None and now_s < self._eager_until_s:
            poll_s = min(poll_s, _EAGER_POLL_S)
        in_s = max(0.0, self._ring_at_s - now_s) if self._ring_at_s < math.inf else None
        return min((wait_s for wait_s in (poll_s, self._troubles.wait_s(), in_s) if wait_s is not None), default=None)

    def _round(self) -> bool:
        """Once round all tenants; whether there may be more to do at once."""
        if not self._troubles.may_try(_STORE):
            return False
        try:
            tenants = self._in_turn(self._tenants())
            self._troubles.only_of({_STORE, *tenants})
            is_more = any([self._try(tenant) for tenant in tenants])  # noqa: C419 - every tenant has its turn
        except Exception as error:
            self._troubles.befall(_STORE, error)
            return False
        self._troubles.over(_STORE)
        if self._troubles.error is None:
            self._last_success_at = self._clock.now()
        return is_more

    def _in_turn(self, tenants: Sequence[TenantId]) -> list[TenantId]:
        """All tenants, from the one after which the store was lost: none keeps the others from their turn."""
        return sorted(tenants, key=lambda tenant: (self._first is not None and tenant <= self._first, tenant))

    def _try(self, tenant: TenantId) -> bool:
        if self._stopping.is_set() or not self._troubles.may_try(tenant):
            return False
        began_s = monotonic()
        try:
            is_more = self._step(tenant, self._clock.now())
        except StoreUnavailable:
            self._first = tenant
            raise
        except Exception as error:
            self._troubles.befall(tenant, error)
            self._tell("failed", monotonic() - began_s)
            return False
        self._tell("worked" if is_more else "idle", monotonic() - began_s)
        self._troubles.over(tenant)
        return is_more

    def _tell(self, result: str, took_s: float) -> None:
        self._figures.add(Figure.STEPS, self.name, result)
        if result != "idle":
            self._figures.took(Span.STEP, took_s)
            said = {"loop": self.name, "result": result, "duration_ms": round(took_s * 1000, 3)}
            _log.debug("%s %s for %.1f ms", self.name, result, took_s * 1000, extra={"said": said})
