"""What has changed in the ledger since somebody last asked, whoever commits in which order."""

from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, select

from nearcast.domain.ids import TenantId
from nearcast.services.ledger_ports import LedgerChanges, LedgerMark
from nearcast.store.customer_tables import consent_event
from nearcast.store.dialect import horizon, spoken

_BETWEEN = " "  # stands in no subject
_line = consent_event.c
_EVENT_ID = select(_line.event_id).where(_line.tenant_id == bindparam("tenant"), _line.seq == bindparam("seq")).limit(1)


def changes_since(connection: Connection, tenant: TenantId, mark: LedgerMark | None) -> LedgerChanges:
    """The subjects with lines that were committed since the mark, and perhaps some with lines of shortly before.

    Lines are numbered before they are committed. Those up to the mark's `seen` have all been read as soon as whoever
    was writing at that time has ended; until then they are read again from `read` on. Where the last line seen has been
    purged, its number and those after it may have been given to others.
    """
    if mark is None or mark.read is None:
        begun, to_begin = horizon(spoken(connection))
        last = select(_line.seq).where(_line.tenant_id == tenant).order_by(_line.seq.desc()).limit(1)
        ongoing, next_one, newest = connection.execute(select(begun, to_begin, last.scalar_subquery())).one()
        if mark is not None and ongoing < mark.writers_until:
            return LedgerChanges(None, mark)
        read = None if mark is None else mark.seen
        return LedgerChanges(None, _mark(connection, tenant, read, newest or 0, next_one))
    said = {"tenant": tenant, "read": mark.read, "seen": mark.seen}
    ongoing, next_one, newest, subjects, last = connection.execute(_since(spoken(connection)), said).one()
    if last != mark.last:
        return changes_since(connection, tenant, None)
    if ongoing >= mark.writers_until:
        seen = max(newest or 0, mark.seen)
        end = mark.last if seen == mark.seen else _event_id(connection, tenant, seen)
        mark = LedgerMark(mark.seen, seen, next_one, end)
    return LedgerChanges(frozenset((subjects or "").split()), mark)


@lru_cache
def _since(dialect: str) -> Select[Any]:
    """What is asked at each door's opening: made once."""
    of_tenant = consent_event.alias()
    last = select(of_tenant.c.event_id).where(
        of_tenant.c.tenant_id == bindparam("tenant"), of_tenant.c.seq == bindparam("seen")
    )
    subjects = func.aggregate_strings(_line.subject, _BETWEEN)
    found = select(*horizon(dialect), func.max(_line.seq), subjects, last.limit(1).scalar_subquery())
    return found.where(_line.tenant_id == bindparam("tenant"), _line.seq > bindparam("read"))


def _mark(connection: Connection, tenant: TenantId, read: int | None, seen: int, writers_until: int) -> LedgerMark:
    return LedgerMark(read, seen, writers_until, _event_id(connection, tenant, seen))


def _event_id(connection: Connection, tenant: TenantId, seq: int) -> str | None:
    found: str | None = connection.scalar(_EVENT_ID, {"tenant": tenant, "seq": seq})
    return found
