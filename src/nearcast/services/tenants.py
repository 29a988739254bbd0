"""Tenants and the rules that hold for all of one: a new one starts quiet."""

from datetime import datetime
from typing import Any

from nearcast.domain.errors import InvalidInput, NotFound
from nearcast.domain.ids import TenantId
from nearcast.domain.local_time import zone
from nearcast.services.answering import Keep, nobody_asks_again
from nearcast.services.audit_ports import SYSTEM, Actor
from nearcast.services.auditing import edit_entry
from nearcast.services.ports import Revision, Store
from nearcast.services.registers import check_catalogue, check_revision
from nearcast.services.scenario import SettingsShape, placed

_KIND = "settings"
SAFE_DEFAULTS: dict[str, Any] = {
    "presence": {
        "profile": "robust",
        "dwell_s": 120,
        "lateness_s": 300,
        "gap_s": 1800,
        "max_speed_mps": 70,
        "exit_margin_m": 20,
    },
    "policy": {
        "priorities": "within_shop",
        "quiet_hours": [{"from": "21:00", "until": "08:00"}],
        "jurisdictions": True,
        "caps": [
            {"id": "a-day", "scope": "customer", "kind": "calendar", "unit": "day", "limit": 2},
            {"id": "a-week", "scope": "customer", "kind": "rolling", "window_s": 604_800, "limit": 3},
            {"id": "apart", "scope": "customer", "kind": "min_gap", "window_s": 14_400},
        ],
    },
}


class Tenants:
    """Who shares this installation, and the rules of each: zone, presence, ping rules, policy, dispatch."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self) -> list[TenantId]:
        """Every tenant by id."""
        return self._store.tenants()

    def with_pings(self) -> list[TenantId]:
        """Those whose pings are still to be consumed."""
        return self._store.tenants_with_pings()

    def with_messages(self, due_by: datetime) -> list[TenantId]:
        """Those with a message that may leave by that instant."""
        return self._store.tenants_with_messages(due_by)

    def with_events(self, due_by: datetime) -> list[TenantId]:
        """Those with an event for a webhook that may go by that instant."""
        return self._store.tenants_with_events(due_by)

    def with_heard(self, due_by: datetime) -> list[TenantId]:
        """Those with something that came in to be dealt with, or to be answered by that instant."""
        return self._store.tenants_with_heard(due_by)

    def with_payments(self, due_by: datetime) -> list[TenantId]:
        """Those with a payment that has to be dealt with by that instant."""
        return self._store.tenants_with_payments(due_by)

    def ensure(self, tenant_id: TenantId, now: datetime, *, timezone: str = "UTC") -> bool:
        """Make a tenant with safe defaults; False where there is one already, which is left as it is."""
        placed("timezone", lambda: zone(timezone))
        self._store.add_tenant(tenant_id, now)
        with self._store.writing(tenant_id) as uow:
            uow.catalogue.hold()
            if uow.catalogue.settings() is not None:
                return False
            doc = {"tenant": {"timezone": timezone}, **SAFE_DEFAULTS}
            uow.catalogue.put_settings(doc, now)
            uow.audit.append(edit_entry(SYSTEM, _KIND, tenant_id, now, before=None, after=doc))
            uow.commit()
        return True

    def settings(self, tenant_id: TenantId) -> Revision:
        """The rules in force; NotFound where a tenant has none."""
        with self._store.reading(tenant_id) as uow:
            found = uow.catalogue.settings()
        if found is None:
            raise NotFound("there are no settings")
        return found

    def put_settings(
        self,
        tenant_id: TenantId,
        settings: SettingsShape,
        now: datetime,
        *,
        by: Actor,
        expected: int | None = None,
        keep: Keep = nobody_asks_again,
    ) -> Revision:
        """Put other rules into force, whole: what is left out does not hold any more."""
        if "id" in settings.tenant.model_fields_set and settings.tenant.id != tenant_id:
            raise InvalidInput(f"is {settings.tenant.id!r}, and these are the settings of another", place="tenant.id")
        doc = settings.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"tenant": {"id"}})
        with self._store.writing(tenant_id) as uow:
            uow.catalogue.hold()
            standing = uow.catalogue.settings()
            check_revision(standing, expected)
            written = uow.catalogue.put_settings(doc, now)
            before = None if standing is None else standing.doc
            uow.audit.append(edit_entry(by, _KIND, tenant_id, now, before=before, after=doc))
            check_catalogue(uow, tenant_id, "settings", "settings")
            keep(uow, written)
            uow.commit()
        return written
