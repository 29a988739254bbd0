"""Which arm of which experiment a customer was first in, and since when. Nothing here is ever changed."""

from collections.abc import Iterable

from sqlalchemy import Connection, select

from nearcast.domain.experiment import Assignment
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.store.dialect import among, insert_all
from nearcast.store.page import chunks
from nearcast.store.tables import assignment


class Assignments:
    """One tenant's assignments. Whoever adds some has locked the customers, so that nobody adds the same."""

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        self._connection, self._tenant = connection, tenant

    def append(self, assignments: Iterable[tuple[CustomerId, Assignment]]) -> None:
        """Add arms that these customers were not in before."""
        rows = [
            {
                "tenant_id": self._tenant,
                "customer_id": customer_id,
                "experiment": each.experiment,
                "arm": each.arm,
                "percent": each.percent,
                "at": each.at,
            }
            for customer_id, each in assignments
        ]
        insert_all(self._connection, assignment, rows)

    def of(self, customer_ids: Iterable[CustomerId]) -> dict[CustomerId, list[Assignment]]:
        """The arms of customers, oldest first; those who are in none are left out."""
        found: dict[CustomerId, list[Assignment]] = {}
        c = assignment.c
        for ids in chunks(sorted(set(customer_ids))):
            mine = select(assignment).where(c.tenant_id == self._tenant, among(c.customer_id, ids))
            for row in self._connection.execute(mine.order_by(c.at, c.experiment, c.arm)).all():
                each = Assignment(experiment=row.experiment, arm=row.arm, percent=row.percent, at=row.at)
                found.setdefault(CustomerId(row.customer_id), []).append(each)
        return found
