"""Transitions as they stand: one may move or be taken back while late pings can still come."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection, Row, delete, select

from nearcast.domain.ids import CustomerId, GeofenceId, TenantId, VisitId
from nearcast.domain.visit import Transition, TransitionKind, TransitionReason
from nearcast.store.dialect import among, upsert
from nearcast.store.page import chunks
from nearcast.store.pruning import delete_some
from nearcast.store.tables import transition

TransitionKey: TypeAlias = tuple[VisitId, TransitionKind]


class Transitions:
    """One tenant's transitions. The ping behind one is not kept here: what is read has no `fix`."""

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        self._connection, self._tenant = connection, tenant

    def upsert(self, transitions: Iterable[tuple[CustomerId, Transition]]) -> None:
        """Write transitions, new or moved."""
        rows = {
            (told.visit_id, told.kind): {
                "tenant_id": self._tenant,
                "visit_id": told.visit_id,
                "kind": told.kind.value,
                "customer_id": customer_id,
                "geofence_id": told.geofence_id,
                "at": told.at,
                "decided_at": told.decided_at,
                "initial": told.initial,
                "inferred": told.inferred,
                "reason": told.reason,
                "duration_s": told.duration_s,
                "geofence_revision": told.geofence_revision,
            }
            for customer_id, told in transitions
        }
        upsert(self._connection, transition, list(rows.values()))

    def delete(self, keys: Iterable[TransitionKey]) -> None:
        """Take transitions back."""
        of_kind: dict[TransitionKind, list[VisitId]] = {}
        for visit_id, kind in sorted(keys):
            of_kind.setdefault(kind, []).append(visit_id)
        for kind, visit_ids in of_kind.items():
            mine = (transition.c.tenant_id == self._tenant) & (transition.c.kind == kind.value)
            self._connection.execute(delete(transition).where(mine, among(transition.c.visit_id, visit_ids)))

    def of(self, customer_ids: Iterable[CustomerId]) -> list[tuple[CustomerId, Transition]]:
        """The transitions of customers by event time."""
        found: list[tuple[CustomerId, Transition]] = []
        for ids in chunks(sorted(set(customer_ids))):
            found += self._told(transition.c.customer_id.in_(ids))
        return found

    def every(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        customer_id: CustomerId | None = None,
    ) -> Iterator[tuple[CustomerId, Transition]]:
        """All transitions, or one customer's, with an event time in [since, until), by event time."""
        bounds = [] if customer_id is None else [transition.c.customer_id == customer_id]
        if since is not None:
            bounds.append(transition.c.at >= since)
        if until is not None:
            bounds.append(transition.c.at < until)
        return self._told(*bounds)

    def prune(self, before: datetime, *, limit: int) -> int:
        """Delete transitions from before an instant, at most `limit`; how many."""
        old = transition.c.tenant_id == self._tenant, transition.c.at < before
        return delete_some(self._connection, transition, *old, limit=limit)

    def _told(self, *conditions: Any) -> Iterator[tuple[CustomerId, Transition]]:
        mine = select(transition).where(transition.c.tenant_id == self._tenant, *conditions)
        ordered = mine.order_by(transition.c.at, transition.c.geofence_id, transition.c.kind, transition.c.visit_id)
        return (_told(row) for row in self._connection.execute(ordered))


def _told(row: Row[Any]) -> tuple[CustomerId, Transition]:
    return CustomerId(row.customer_id), Transition(
        kind=TransitionKind(row.kind),
        geofence_id=GeofenceId(row.geofence_id),
        at=row.at,
        geofence_revision=row.geofence_revision,
        visit_id=VisitId(row.visit_id),
        decided_at=row.decided_at,
        initial=row.initial,
        inferred=row.inferred,
        reason=None if row.reason is None else TransitionReason(row.reason),
        duration_s=row.duration_s,
    )
