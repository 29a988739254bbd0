"""Files out: a tenant's geofences as they are in force, and the pings of the past."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from nearcast.domain.errors import NotFound
from nearcast.domain.ids import TenantId
from nearcast.geo.batch import PingBatch
from nearcast.services.audit_ports import Actor, AuditEntry
from nearcast.services.ports import Store, UnitOfWork
from nearcast.services.retention import located
from nearcast.services.steps import slices


class FenceFileWriter(Protocol):
    def __call__(self, path: Path, features: Sequence[Mapping[str, Any]], note: Callable[[str], None]) -> None: ...


class PingFileWriter(Protocol):
    def __call__(self, path: Path, batches: Iterable[PingBatch]) -> None: ...


class Exporting:
    """Writes files for a tenant."""

    def __init__(self, store: Store, *, write_geofences: FenceFileWriter, write_pings: PingFileWriter) -> None:
        self._store, self._write_geofences, self._write_pings = store, write_geofences, write_pings

    def geofences(self, path: Path, tenant_id: TenantId, note: Callable[[str], None]) -> int:
        """Write the geofences in force, by id; how many. `note` hears what that kind of file cannot hold.

        InvalidInput where nothing of that kind can be written there, NotFound for an unknown tenant.
        """
        if tenant_id not in self._store.tenants():
            raise NotFound(f"there is no tenant {tenant_id!r}")
        with self._store.reading(tenant_id) as uow:
            features = [each.doc for each in uow.catalogue.geofences.all()]
        self._write_geofences(path, features, note)
        return len(features)

    def pings(self, path: Path, tenant_id: TenantId, now: datetime, *, actor: Actor) -> int:
        """Write the pings of the past of those who agree to be located now, by customer and instant; how many. That it
        was done is written down first. InvalidInput where nothing of that kind can be written there.
        """
        written = 0

        def some(uow: UnitOfWork) -> Iterator[PingBatch]:
            nonlocal written
            for customer_ids in slices(uow.past_pings.customers()):
                batch = uow.past_pings.batch(located(uow, customer_ids, now))
                written += len(batch)
                yield batch

        with self._store.writing(tenant_id) as uow:
            uow.audit.append(AuditEntry(actor=actor, action="exported", kind="pings", id=tenant_id, at=now))
            uow.commit()
        with self._store.reading(tenant_id) as uow:
            self._write_pings(path, some(uow))
        return written
