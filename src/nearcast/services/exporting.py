"""Files out: a tenant's geofences as they are in force."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from nearcast.domain.errors import NotFound
from nearcast.domain.ids import TenantId
from nearcast.services.ports import Store


class FenceFileWriter(Protocol):
    def __call__(self, path: Path, features: Sequence[Mapping[str, Any]], note: Callable[[str], None]) -> None: ...


class Exporting:
    """Writes files for a tenant."""

    def __init__(self, store: Store, *, write_geofences: FenceFileWriter) -> None:
        self._store, self._write_geofences = store, write_geofences

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
