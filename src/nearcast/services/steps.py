"""The transactions of one tenant's engine, and what it remembers between them."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from nearcast.domain.ids import CustomerId, TenantId
from nearcast.services.catalogue import CatalogueCache
from nearcast.services.ports import Store, UnitOfWork

_CUSTOMERS_AT_ONCE = 500


class Steps:
    """Each step is one unit of work. If it fails, what this process has read of the catalogue is read again."""

    def __init__(self, store: Store, tenant_id: TenantId) -> None:
        self.store, self.tenant_id = store, tenant_id
        self.catalogue = CatalogueCache(tenant_id)

    def writing(self) -> AbstractContextManager[UnitOfWork]:
        return self._step(self.store.writing(self.tenant_id))

    def reading(self) -> AbstractContextManager[UnitOfWork]:
        return self._step(self.store.reading(self.tenant_id))

    @contextmanager
    def _step(self, begun: UnitOfWork) -> Iterator[UnitOfWork]:
        try:
            with begun as uow:
                yield uow
        except BaseException:
            self.catalogue = CatalogueCache(self.tenant_id)
            raise


def slices(customer_ids: Sequence[CustomerId]) -> Iterable[Sequence[CustomerId]]:
    """As many customers at a time as are held in memory together."""
    return (customer_ids[n : n + _CUSTOMERS_AT_ONCE] for n in range(0, len(customer_ids), _CUSTOMERS_AT_ONCE))
