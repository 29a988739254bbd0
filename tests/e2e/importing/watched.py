"""A store that tells how far whoever works on it has come, and lets something happen there."""

from collections.abc import Callable, Iterable
from threading import Event
from typing import Self

from sqlalchemy import Connection

from nearcast.domain.ids import CustomerId, TenantId
from nearcast.store.customers import Customers
from nearcast.store.past_pings import PastPings
from nearcast.store.sql_store import SqlStore
from nearcast.store.unit_of_work import SqlUnitOfWork


class WatchedStore(SqlStore):
    """`is_coming` is set before customers are held. `meanwhile` happens once, between looking whose pasts there are and
    the next change.
    """

    def __init__(self, url: str, meanwhile: Callable[[], object] = lambda: None) -> None:
        super().__init__(url)
        self.is_coming, self.has_looked = Event(), Event()
        self._meanwhile = meanwhile

    def writing(self, tenant_id: TenantId) -> SqlUnitOfWork:
        if self.has_looked.is_set():
            meanwhile, self._meanwhile = self._meanwhile, lambda: None
            meanwhile()
        return _WatchedUnitOfWork(self, tenant_id)

    def reading(self, tenant_id: TenantId) -> SqlUnitOfWork:
        return _WatchedUnitOfWork(self, tenant_id, read_only=True)


class _WatchedUnitOfWork(SqlUnitOfWork):
    def __init__(self, store: WatchedStore, tenant_id: TenantId, *, read_only: bool = False) -> None:
        super().__init__(store.engine, tenant_id, read_only=read_only)
        self._store = store

    def __enter__(self) -> Self:
        super().__enter__()
        self.customers = _WatchedCustomers(self.connection, self.tenant_id, self._store.is_coming)
        self.past_pings = _WatchedPast(self.connection, self.tenant_id, self._store.has_looked)
        return self


class _WatchedCustomers(Customers):
    def __init__(self, connection: Connection, tenant: TenantId, is_coming: Event) -> None:
        super().__init__(connection, tenant)
        self._is_coming = is_coming

    def lock(self, customer_ids: Iterable[CustomerId], *, waits: bool = True) -> list[CustomerId]:
        self._is_coming.set()
        return super().lock(customer_ids, waits=waits)


class _WatchedPast(PastPings):
    def __init__(self, connection: Connection, tenant: TenantId, has_looked: Event) -> None:
        super().__init__(connection, tenant)
        self._has_looked = has_looked

    def customers(self) -> list[CustomerId]:
        found = super().customers()
        self._has_looked.set()
        return found
