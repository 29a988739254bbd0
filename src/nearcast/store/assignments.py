"""Which arm of which experiment a customer was first in, and since when. Nothing here is ever changed."""

from collections.abc import Iterable

from sqlalchemy import Connection, select

from nearcast.domain.experiment import Assignment
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.store.dialect import insert_all
from nearcast.store.tables import assignment
from nearcast.store.theirs import rows_of, theirs

_here = assignment.c
_ARMS = (
    select(_here.customer_id, _here.experiment, _here.arm, _here.percent, _here.at)
    .where(theirs(assignment))
    .order_by(_here.at, _here.experiment, _here.arm)
)


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
        for key, experiment, arm, percent, at in rows_of(self._connection, _ARMS, self._tenant, customer_ids):
            each = Assignment(experiment=experiment, arm=arm, percent=percent, at=at)
            found.setdefault(key, []).append(each)
        return found
