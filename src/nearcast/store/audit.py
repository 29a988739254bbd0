"""The audit trail: entries are added, and never changed or taken out."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, insert, select

from nearcast.domain.ids import TenantId
from nearcast.services.audit_ports import Actor, AuditEntry, AuditFilter
from nearcast.services.ports import Page
from nearcast.store.page import as_seq, page_of
from nearcast.store.tables import audit

ALL = AuditFilter()


class AuditTrail:
    """One tenant's entries in the order in which they were written."""

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        self._connection, self._tenant = connection, tenant

    def append(self, *entries: AuditEntry) -> None:
        """Add entries; they stay if this transaction does."""
        if entries:
            self._connection.execute(insert(audit), [self._row(entry) for entry in entries])

    def page(self, wanted: AuditFilter = ALL, *, cursor: str | None = None, limit: int = 100) -> Page[AuditEntry]:
        """Entries that the filter takes, the last written first; those written while one pages come before."""
        seq = audit.c.seq
        found = select(audit).where(audit.c.tenant_id == self._tenant, *_conditions(wanted))
        if cursor is not None:
            found = found.where(seq < as_seq(cursor))
        rows = self._connection.execute(found.order_by(seq.desc()).limit(limit + 1))
        return page_of([(str(row.seq), _entry(row)) for row in rows], limit)

    def _row(self, entry: AuditEntry) -> dict[str, Any]:
        return {
            "tenant_id": self._tenant,
            "at": entry.at,
            "actor": entry.actor.name,
            "role": entry.actor.role,
            "action": entry.action,
            "kind": entry.kind,
            "object_id": entry.id,
            "before_sha256": entry.before_sha256,
            "after_sha256": entry.after_sha256,
            "detail": entry.detail,
        }


def _conditions(wanted: AuditFilter) -> list[ColumnElement[bool]]:
    c, found = audit.c, list[ColumnElement[bool]]()
    said = ((c.actor, wanted.actor), (c.kind, wanted.kind), (c.object_id, wanted.id))
    found += [column == value for column, value in said if value is not None]
    if wanted.since is not None:
        found.append(c.at >= wanted.since)
    if wanted.until is not None:
        found.append(c.at < wanted.until)
    return found


def _entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry(
        actor=Actor(row.actor, row.role),
        action=row.action,
        kind=row.kind,
        id=row.object_id,
        at=row.at,
        before_sha256=row.before_sha256,
        after_sha256=row.after_sha256,
        detail=row.detail,
    )
