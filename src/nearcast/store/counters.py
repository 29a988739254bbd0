"""Counts by name and reason, of what leaves no row of its own."""

from collections import Counter
from collections.abc import Mapping

from sqlalchemy import Connection, select

from nearcast.domain.ids import TenantId
from nearcast.store.dialect import upsert
from nearcast.store.tables import counter


class Counters:
    """One tenant's counters, as `{name: {reason: count}}`."""

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        self._connection, self._tenant = connection, tenant
        self._added: Counter[tuple[str, str]] = Counter()

    def add(self, name: str, counts: Mapping[str, int]) -> None:
        """Add to the counts of one name, when the transaction is committed."""
        self._added.update({(name, str(reason)): count for reason, count in counts.items()})

    def settle(self) -> None:
        """Write what was added, as the very last before the commit: others wait for it, and it waits for nobody who
        waits for this transaction.
        """
        rows = [
            {"tenant_id": self._tenant, "name": name, "reason": reason, "count": count}
            for (name, reason), count in sorted(self._added.items())
            if count
        ]
        self._added.clear()
        upsert(self._connection, counter, rows, add_up=["count"])

    def get(self, name: str) -> Counter[str]:
        """The counts of one name by reason, with what this transaction adds."""
        mine = select(counter.c.reason, counter.c.count).where(
            counter.c.tenant_id == self._tenant, counter.c.name == name
        )
        found = Counter({row.reason: row[1] for row in self._connection.execute(mine)})
        found.update({reason: count for (of, reason), count in self._added.items() if of == name and count})
        return found
