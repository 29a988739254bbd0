"""How long what is only passing through is kept, and the deletion of what has been kept for long enough."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from nearcast.domain.ids import TenantId
from nearcast.services.catalogue import assembled
from nearcast.services.ports import Store, UnitOfWork

_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """How long each kind is kept. Pings from their arrival, and for ever while no worker has consumed them; the ids of
    pings from when they were consumed; idempotency keys from the first request.
    """

    pings: timedelta = timedelta(hours=24)
    ping_ids: timedelta = timedelta(hours=48)
    idempotency_keys: timedelta = timedelta(hours=24)


class Retention:
    """Prunes a store by `keep`; ids of pings for as long as a late ping may come, if that is longer."""

    def __init__(self, store: Store, keep: Keep | None = None) -> None:
        self._store, self._keep = store, keep or Keep()

    def prune(self, tenant_id: TenantId, now: datetime) -> dict[str, int]:
        """Delete what is older than it is kept; how many of each kind. In portions: writers in between wait less."""
        keep = self._keep
        with self._store.reading(tenant_id) as uow:
            late = timedelta(seconds=assembled(uow.catalogue, tenant_id).tenant.presence.lateness_s)
        pings, ping_ids, keys = now - keep.pings, now - max(keep.ping_ids, late), now - keep.idempotency_keys
        return {
            "pings": self._prune(tenant_id, lambda uow: uow.pings.prune(pings, limit=_AT_ONCE)),
            "ping_ids": self._prune(tenant_id, lambda uow: uow.pings.prune_seen(ping_ids, limit=_AT_ONCE)),
            "idempotency_keys": self._prune(tenant_id, lambda uow: uow.idempotency.prune(keys, limit=_AT_ONCE)),
        }

    def _prune(self, tenant_id: TenantId, prune_some: Callable[[UnitOfWork], int]) -> int:
        pruned = 0
        while True:
            with self._store.writing(tenant_id) as uow:
                some = prune_some(uow)
                uow.commit()
            pruned += some
            if some < _AT_ONCE:
                return pruned
