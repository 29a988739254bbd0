"""Reading the audit trail, and the accesses that were refused: nobody else writes those down."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from nearcast.domain.errors import OutOfSight
from nearcast.domain.ids import TenantId
from nearcast.services.access import Principal
from nearcast.services.audit_ports import AuditEntry, AuditFilter
from nearcast.services.cursors import Cursors
from nearcast.services.ports import Page, Store

_LONGEST_ID = 200


class Audit:
    """The audit trail of each tenant."""

    def __init__(self, store: Store, cursors: Cursors) -> None:
        self._store, self._cursors = store, cursors

    def page(
        self, tenant_id: TenantId, wanted: AuditFilter, *, cursor: str | None = None, limit: int = 100
    ) -> Page[AuditEntry]:
        """A cursor page, the last written first."""
        with self._store.reading(tenant_id) as uow:
            page = uow.audit.page(wanted, cursor=self._cursors.open(tenant_id, cursor), limit=limit)
        return Page(page.items, self._cursors.seal(tenant_id, page.next_cursor))

    def denied(self, asker: Principal, error: Exception, route: str, now: datetime) -> None:
        """Write down that somebody asked for what is not theirs, by that route."""
        kind, key = (error.kind, error.key) if isinstance(error, OutOfSight) else ("route", route)
        entry = AuditEntry(
            actor=asker.actor, action="denied", kind=kind, id=key[:_LONGEST_ID], at=now, detail={"route": route}
        )
        with self._store.writing(asker.tenant_id) as uow:
            uow.audit.append(entry)
            uow.commit()


def entry_row(entry: AuditEntry) -> dict[str, Any]:
    """An entry as the API and the command line show it."""
    return {
        "at": entry.at,
        "actor": entry.actor.name,
        "role": entry.actor.role,
        **{key: value for key, value in asdict(entry).items() if key not in ("at", "actor")},
    }
