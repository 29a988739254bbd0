"""Files in: shops, geofences, customers and pings. Good rows are kept whole, bad ones are listed in a report.

The same file again changes nothing: a document that stands as it is gets no new revision, a consent no second line.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from nearcast.domain.errors import InvalidInput, NotFound
from nearcast.domain.ids import TenantId
from nearcast.services.engines import Engines
from nearcast.services.import_catalogue import import_geofences, import_shops
from nearcast.services.import_customers import import_customers
from nearcast.services.import_report import Taken
from nearcast.services.import_rows import rows_of
from nearcast.services.instants import as_us
from nearcast.services.intake import Intake
from nearcast.services.ports import Store
from nearcast.services.rows import PingRowReader, Row, RowReader

FeatureReader: TypeAlias = Callable[[Path], Sequence[Any]]
KINDS = ("shops", "geofences", "customers", "pings")
_PINGS_AT_ONCE = 10_000


class Importing:
    """Takes files in for a tenant."""

    def __init__(
        self,
        store: Store,
        engines: Engines,
        intake: Intake,
        *,
        read_rows: RowReader,
        read_features: FeatureReader,
        read_pings: PingRowReader,
    ) -> None:
        self._store, self._engines, self._intake = store, engines, intake
        self._read_rows, self._read_features, self._read_pings = read_rows, read_features, read_pings

    def take(self, kind: str, path: Path, tenant_id: TenantId, now: datetime, *, report: Path | None = None) -> Taken:
        """Take in a file of one of `KINDS`. Bad rows are listed in `report`, by default FILE.report.ndjson beside it.

        InvalidInput where the file cannot be read at all, NotFound for an unknown tenant.
        """
        if kind not in KINDS:
            raise InvalidInput(f"{kind!r} is none of {', '.join(KINDS)}")
        if tenant_id not in self._store.tenants():
            raise NotFound(f"there is no tenant {tenant_id!r}")
        report = report or path.with_name(f"{path.name}.report.ndjson")
        if report.resolve() == path.resolve():
            raise InvalidInput("is the file that is taken in", place=str(report))
        taken = self._take_pings(path, tenant_id, now) if kind == "pings" else self._take(kind, path, tenant_id, now)
        taken.write_report(report)
        return taken

    def _take(self, kind: str, path: Path, tenant_id: TenantId, now: datetime) -> Taken:
        if kind == "geofences":
            rows = [Row(number, feature) for number, feature in enumerate(self._read_features(path), 1)]
        else:
            rows = rows_of(path, kind, self._read_rows)
        taken = Taken(kind=kind, rows=len(rows))
        if kind == "shops":
            import_shops(self._store, tenant_id, taken, rows, now)
        elif kind == "geofences":
            import_geofences(self._engines, tenant_id, taken, rows, now)
        else:
            is_csv = path.suffix.lower() == ".csv"
            import_customers(self._engines, tenant_id, taken, rows, now, is_csv=is_csv)
        return taken

    def _take_pings(self, path: Path, tenant_id: TenantId, now: datetime) -> Taken:
        """They arrive now, whatever the file says of it: old ones move visits and are too stale to send anything."""
        found = self._read_pings(path)
        pings, numbers = found.batch, found.numbers
        taken = Taken(kind="pings", rows=len(pings) + len(found.bad))
        for row, fault in found.bad:
            taken.refuse(Row(row.number, _by_customer(row.value)), fault)
        for start in range(0, len(pings), _PINGS_AT_ONCE):
            batch = pings.take(range(start, min(start + _PINGS_AT_ONCE, len(pings))))
            batch = replace(batch, received_at_us=np.full(len(batch), as_us(now), dtype=np.int64))
            turned_away = self._intake.accept(tenant_id, batch, now)
            taken.counts["accepted"] += len(batch) - len(turned_away)
            for n, reason in turned_away:
                taken.refuse(Row(numbers[start + n], {"id": batch.customer_id[n]}), InvalidInput(reason.value))
        return taken


def _by_customer(ping: object) -> dict[str, object]:
    """A report names a ping by its customer."""
    return {"id": ping.get("customer_id") if isinstance(ping, dict) else None}
