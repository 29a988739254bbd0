"""Counts what is refused before anybody knows whose it is."""

from nearcast.domain.ids import TenantId
from nearcast.services.figures import Figure
from nearcast.services.ports import Store


class Refusals:
    """Refused pings of each tenant by reason, beside those that the door turned away."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def count(self, tenant_id: TenantId, reason: str, number: int) -> None:
        """Add to the count of a reason."""
        if number:
            with self._store.writing(tenant_id) as uow:
                uow.counters.add("refused", {reason: number})
                uow.commit()
            self._store.figures.add(Figure.PINGS, "refused", reason, by=number)
