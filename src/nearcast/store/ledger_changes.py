"""What has changed in the ledger since somebody last asked, whoever commits in which order."""

from sqlalchemy import Connection, func, select

from nearcast.domain.ids import TenantId
from nearcast.services.ledger_ports import LedgerChanges, LedgerMark
from nearcast.store.customer_tables import consent_event
from nearcast.store.dialect import horizon

_BETWEEN = " "  # stands in no subject


def changes_since(connection: Connection, tenant: TenantId, mark: LedgerMark | None) -> LedgerChanges:
    """The subjects with lines that were committed since the mark, and perhaps some with lines of shortly before.

    Lines are numbered before they are committed. Those up to the mark's `seen` have all been read as soon as whoever
    was writing at that time has ended; until then they are read again from `read` on.
    """
    line = consent_event.c
    begun, to_begin = horizon(connection)
    if mark is None or mark.read is None:
        last = select(line.seq).where(line.tenant_id == tenant).order_by(line.seq.desc()).limit(1)
        ongoing, next_one, newest = connection.execute(select(begun, to_begin, last.scalar_subquery())).one()
        if mark is None or ongoing < mark.writers_until:
            return LedgerChanges(None, mark or LedgerMark(None, newest or 0, next_one))
        return LedgerChanges(None, LedgerMark(mark.seen, newest or 0, next_one))
    found = select(begun, to_begin, func.max(line.seq), func.aggregate_strings(line.subject, _BETWEEN))
    since = found.where(line.tenant_id == tenant, line.seq > mark.read)
    ongoing, next_one, newest, subjects = connection.execute(since).one()
    if ongoing >= mark.writers_until:
        mark = LedgerMark(mark.seen, max(newest or 0, mark.seen), next_one)
    return LedgerChanges(frozenset((subjects or "").split()), mark)
