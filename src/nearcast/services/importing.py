"""Files in: shops, geofences, customers and pings. Good rows are kept whole, bad ones are listed in a report.

The same file again changes nothing: a document that stands as it is gets no new revision, a consent no second line.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Protocol

from nearcast.domain.errors import InvalidInput, NotFound
from nearcast.domain.ids import TenantId
from nearcast.geo.fence_file import AS_IT_COMES, Choice, FenceFile
from nearcast.services.contacts import Contacts
from nearcast.services.engines import Engines
from nearcast.services.import_catalogue import import_geofences, import_shops
from nearcast.services.import_customers import import_customers
from nearcast.services.import_pings import import_pings
from nearcast.services.import_report import Taken
from nearcast.services.import_rows import rows_of
from nearcast.services.ping_files import SPEAKS_FOR_ITSELF, PingFile, PingRowReader
from nearcast.services.ports import Store
from nearcast.services.rows import Row, RowReader
from nearcast.services.sensitive_places import import_sensitive_places

KINDS = ("shops", "geofences", "customers", "pings", "sensitive-places")


class FeatureReader(Protocol):
    def __call__(self, path: Path, choice: Choice, *, note: Callable[[str], None]) -> FenceFile: ...


def unheard(note: str) -> None:
    """Notes that nobody reads."""


class Importing:
    """Takes files in for a tenant."""

    def __init__(
        self,
        store: Store,
        engines: Engines,
        contacts: Contacts,
        *,
        read_rows: RowReader,
        read_features: FeatureReader,
        read_pings: PingRowReader,
    ) -> None:
        self._store, self._engines, self._contacts = store, engines, contacts
        self._read_rows, self._read_features, self._read_pings = read_rows, read_features, read_pings

    def take(
        self,
        kind: str,
        path: Path,
        tenant_id: TenantId,
        now: datetime,
        *,
        report: Path | None = None,
        choice: Choice = AS_IT_COMES,
        said: PingFile = SPEAKS_FOR_ITSELF,
        note: Callable[[str], None] = unheard,
    ) -> Taken:
        """Take in a file of one of `KINDS`. Bad rows are listed in `report`, by default FILE.report.ndjson beside it.

        A file of geofences is taken by `choice`, one of pings by what is `said` of it, and `note` hears what was done
        to it. InvalidInput where the file
        cannot be read at all, NotFound for an unknown tenant.
        """
        if kind not in KINDS:
            raise InvalidInput(f"{kind!r} is none of {', '.join(KINDS)}")
        if kind != "geofences" and choice != AS_IT_COMES:
            raise InvalidInput(f"columns, layers and ids are chosen for geofences, not for {kind}")
        if kind != "pings" and said != SPEAKS_FOR_ITSELF:
            raise InvalidInput(f"a customer, a format and a time zone are said of pings, not of {kind}")
        if tenant_id not in self._store.tenants():
            raise NotFound(f"there is no tenant {tenant_id!r}")
        report = report or path.with_name(f"{path.name}.report.ndjson")
        if report.resolve() == path.resolve():
            raise InvalidInput("is the file that is taken in", place=str(report))
        if kind == "pings":
            taken = self._take_pings(path, tenant_id, now, said)
        elif kind in ("geofences", "sensitive-places"):
            taken = self._take_features(kind, path, tenant_id, now, choice, note)
        else:
            taken = self._take(kind, path, tenant_id, now)
        taken.write_report(report)
        return taken

    def _take_features(
        self, kind: str, path: Path, tenant_id: TenantId, now: datetime, choice: Choice, note: Callable[[str], None]
    ) -> Taken:
        file = self._read_features(path, choice, note=note)
        rows = [Row(n + 1, feature, file.faults.get(n)) for n, feature in enumerate(file.features)]
        taken = Taken(kind=kind, rows=len(rows))
        if kind == "geofences":
            import_geofences(self._engines, tenant_id, taken, rows, now, note)
        else:
            import_sensitive_places(self._store, tenant_id, taken, rows, now)
        return taken

    def _take(self, kind: str, path: Path, tenant_id: TenantId, now: datetime) -> Taken:
        rows = rows_of(path, kind, self._read_rows)
        taken = Taken(kind=kind, rows=len(rows))
        if kind == "shops":
            import_shops(self._store, tenant_id, taken, rows, now)
        else:
            is_csv = path.suffix.lower() == ".csv"
            import_customers(self._engines, self._contacts, tenant_id, taken, rows, now, is_csv=is_csv)
        return taken

    def _take_pings(self, path: Path, tenant_id: TenantId, now: datetime, said: PingFile) -> Taken:
        found = self._read_pings(path, said)
        if found.guesses and not said.is_confirmed:
            guessed = "; ".join(found.guesses)
            raise InvalidInput(
                f"it looks as if {guessed}: --preview shows it, --yes takes it so, --columns says otherwise",
                place=str(path),
            )
        taken = Taken(kind="pings", rows=len(found.batch) + len(found.bad))
        import_pings(self._store, tenant_id, taken, found, now)
        return taken
