"""The engines of all tenants, for threads that share them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, RLock

from nearcast.domain.ids import TenantId
from nearcast.services.live import Live


class Engines:
    """One engine per tenant, made when it is first asked for. What an engine holds in memory is one thread's at a time;
    threads that must not wait for each other have `Engines` of their own.
    """

    def __init__(self, make: Callable[[TenantId], Live]) -> None:
        self._make = make
        self._lock = Lock()
        self._engines: dict[TenantId, tuple[RLock, Live]] = {}

    @contextmanager
    def of(self, tenant_id: TenantId) -> Iterator[Live]:
        """The tenant's engine, alone with it."""
        with self._lock:
            if tenant_id not in self._engines:
                self._engines[tenant_id] = (RLock(), self._make(tenant_id))
            lock, engine = self._engines[tenant_id]
        with lock:
            yield engine
