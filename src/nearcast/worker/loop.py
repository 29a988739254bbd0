"""A thread that goes round all tenants, again and again, and outlives whatever goes wrong."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Event, Thread
from time import monotonic
from typing import TypeAlias

from nearcast.domain.errors import StoreUnavailable
from nearcast.domain.ids import TenantId
from nearcast.services.ports import Clock
from nearcast.worker.trouble import Outage, Troubles

Step: TypeAlias = Callable[[TenantId, datetime], bool]
"""A bounded piece of work for one tenant at an instant; whether there may be more of it."""

_STORE = "the store"


@dataclass(frozen=True, slots=True)
class LoopStatus:
    """`error` is the type of what fails now, None where nothing does; `last_success_at` the end of the last round in
    which nothing failed.
    """

    last_success_at: datetime | None
    error: str | None

    @property
    def is_failing(self) -> bool:
        return self.error is not None


class Loop:
    """Calls `step` for each of `tenants` when `bell` rings, and every `poll_s` seconds if that is given.

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
        bell: Event,
        poll_s: float | None = None,
    ) -> None:
        self.name = name
        self._step, self._tenants, self._clock = step, tenants, clock
        self._bell, self._poll_s = bell, poll_s
        self._troubles = Troubles(name, outage)
        self._first: TenantId | None = None
        self._last_success_at: datetime | None = None
        self._ring_at_s = math.inf
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
        return LoopStatus(last_success_at=self._last_success_at, error=self._troubles.error)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._bell.clear()
            self._ring_at_s = math.inf
            if not self._stopping.is_set() and not self._round():
                in_s = max(0.0, self._ring_at_s - monotonic()) if self._ring_at_s < math.inf else None
                waits = [wait_s for wait_s in (self._poll_s, self._troubles.wait_s(), in_s) if wait_s is not None]
                self._bell.wait(min(waits, default=None))

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
        try:
            is_more = self._step(tenant, self._clock.now())
        except StoreUnavailable:
            self._first = tenant
            raise
        except Exception as error:
            self._troubles.befall(tenant, error)
            return False
        self._troubles.over(tenant)
        return is_more
