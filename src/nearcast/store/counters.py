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

    def add(self, name: str, counts: Mapping[str, int]) -> None:
        """Add to the counts of one name."""
        rows = [
            {"tenant_id": self._tenant, "name": name, "reason": str(reason), "count": count}
            for reason, count in sorted(counts.items())
            if count
        ]
        upsert(self._connection, counter, rows, add_up=["count"])

    def get(self, name: str) -> Counter[str]:
        """The counts of one name by reason."""
        mine = select(counter.c.reason, counter.c.count).where(
            counter.c.tenant_id == self._tenant, counter.c.name == name
        )
        return Counter({row.reason: row[1] for row in self._connection.execute(mine)})
