"""How long what is only passing through is kept, and the deletion of what has been kept for long enough."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from nearcast.domain.ids import TenantId
from nearcast.services.ports import Store, UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """How long each kind is kept. Pings from their arrival, and for ever while no worker has consumed them; the ids of
    pings from when they were consumed; idempotency keys from the first request.
    """

    pings: timedelta = timedelta(hours=24)
    ping_ids: timedelta = timedelta(hours=48)
    idempotency_keys: timedelta = timedelta(hours=24)


class Retention:
    """Prunes a store by `keep`."""

    def __init__(self, store: Store, keep: Keep | None = None) -> None:
        self._store, self._keep = store, keep or Keep()

    def prune(self, tenant_id: TenantId, now: datetime) -> dict[str, int]:
        """Delete what is older than it is kept; how many of each kind. One transaction each: writers wait less."""
        keep = self._keep
        return {
            "pings": self._prune(tenant_id, lambda uow: uow.pings.prune(now - keep.pings)),
            "ping_ids": self._prune(tenant_id, lambda uow: uow.pings.prune_seen(now - keep.ping_ids)),
            "idempotency_keys": self._prune(tenant_id, lambda uow: uow.idempotency.prune(now - keep.idempotency_keys)),
        }

    def _prune(self, tenant_id: TenantId, prune: Callable[[UnitOfWork], int]) -> int:
        with self._store.writing(tenant_id) as uow:
            pruned = prune(uow)
            uow.commit()
        return pruned
