"""A tenant that files are taken in for, and what the files say."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from nearcast.bootstrap import application
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.services.access import Principal, Role
from nearcast.services.application import Application
from nearcast.services.import_report import Taken
from nearcast.settings import Settings
from nearcast.store.migrate import upgrade
from nearcast.store.sql_store import SqlStore

NOW = datetime(2026, 6, 2, 10, 0, tzinfo=UTC)
YESTERDAY = NOW - timedelta(days=1)
NOTICE = {"version": "2026-04", "language": "de", "text_sha256": "9f" * 32}
LOCATED = {
    "purpose": "location.matching",
    "action": "granted",
    "at": "2026-05-01T09:00:00Z",
    "notice": NOTICE,
    "source": "paper form",
}
NEARBY = {**LOCATED, "purpose": "marketing.nearby", "channel": "sms", "action": "confirmed"}
PHONE = {"channel": "sms", "address": "+4915112345678"}
LAT, LON = 52.52, 13.405
AT_SEA = (-30.0, -140.0)
OFFER = {
    "id": "offer",
    "trigger": {"on": "enter"},
    "channel": "sms",
    "offer": {"text": "Coffee", "expires_after_s": 86400},
    "state": "active",
}


class Town:
    """A tenant on a store, and its application."""

    def __init__(self, store: SqlStore, tenant: str, folder: Path) -> None:
        self.store, self.tenant, self.folder = store, TenantId(tenant), folder
        self.app: Application = application(Settings(), store)
        self.app.tenants.ensure(self.tenant, NOW, timezone="Europe/Berlin")
        self.operator = Principal(tenant_id=self.tenant, key_id="", role=Role.OPERATOR)

    @property
    def url(self) -> str:
        return self.store.engine.url.render_as_string(hide_password=False)

    def take(self, kind: str, path: Path, **options: Any) -> Taken:
        return self.app.importing.take(kind, path, self.tenant, NOW, **options)

    def ids(self, kind: str) -> list[str]:
        register: Any = {"shops": self.app.shops, "geofences": self.app.fences, "customers": self.app.customers}[kind]
        return [each.id for each in register.page(self.operator, cursor=None, limit=1000).items]

    def customer(self, key: str) -> dict[str, Any]:
        return self.app.customers.get(self.operator, key).shown()

    def revision(self) -> int:
        with self.store.reading(self.tenant) as uow:
            return uow.catalogue.revision

    def lines(self, key: str) -> int:
        return len(self.app.consents.ledger(self.operator, key, NOW).lines)

    def written_at(self, key: str) -> datetime | None:
        with self.store.reading(self.tenant) as uow:
            return uow.customers.changed_at(CustomerId(key))


def opened(url: str) -> Iterator[SqlStore]:
    upgrade(url)
    store = SqlStore(url)
    yield store
    store.close()


def report_of(taken: Taken) -> list[dict[str, Any]]:
    assert taken.report is not None
    return [json.loads(line) for line in taken.report.read_text().splitlines()]


def feature(key: str, lat: float = LAT, lon: float = LON, **properties: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "id": key,
        "geometry": {"type": "Point", "coordinates": [lon, lat]},
        "properties": {"radius_m": 60, **properties},
    }


def collection(*features: Any, **members: Any) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features), **members}
