"""Requests that may come twice: what was answered the first time."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select, update

from nearcast.domain.ids import CustomerId, TenantId
from nearcast.services.ports import Remembered
from nearcast.store.dialect import insert_new
from nearcast.store.pruning import delete_some
from nearcast.store.tables import idempotency


class Idempotency:
    """One tenant's idempotency keys. Whoever took a key is known by the instant at which it was taken."""

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        self._connection, self._tenant = connection, tenant

    def begin(
        self, key: str, *, route: str, body_sha256: str, now: datetime, customer_id: CustomerId | None = None
    ) -> Remembered | None:
        """Take a key for a request that starts; what came under it before, where something did."""
        named = {"tenant_id": self._tenant, "key": key, "route": route, "body_sha256": body_sha256}
        row = {**named, "created_at": now, "customer_id": customer_id}
        while not insert_new(self._connection, idempotency, row):
            if (before := self.get(key)) is not None:  # else it was let go in between
                return before
        return None

    def finish(
        self, key: str, *, taken_at: datetime, status: int, response: str, customer_id: CustomerId | None = None
    ) -> bool:
        """Keep the answer, and whom it is about where that was not known before; False where the key is no longer that
        of a request which took it then and runs.
        """
        whom = {} if customer_id is None else {"customer_id": customer_id}
        kept = update(idempotency).where(*self._runs(key, taken_at)).values(status=status, response=response, **whom)
        return self._connection.execute(kept).rowcount > 0

    def forget(self, key: str, *, taken_at: datetime) -> None:
        """Let a key go, for a request that took it then and has come to nothing."""
        self._connection.execute(delete(idempotency).where(*self._runs(key, taken_at)))

    def get(self, key: str) -> Remembered | None:
        row = self._connection.execute(select(idempotency).where(*self._is(key))).one_or_none()
        if row is None:
            return None
        return Remembered(
            route=row.route,
            body_sha256=row.body_sha256,
            status=row.status,
            response=row.response,
            created_at=row.created_at,
        )

    def prune(self, before: datetime, *, limit: int) -> int:
        """Forget keys taken before an instant, at most `limit`; how many."""
        old = idempotency.c.tenant_id == self._tenant, idempotency.c.created_at < before
        return delete_some(self._connection, idempotency, *old, limit=limit)

    def _is(self, key: str) -> tuple[Any, ...]:
        return idempotency.c.tenant_id == self._tenant, idempotency.c.key == key

    def _runs(self, key: str, taken_at: datetime) -> tuple[Any, ...]:
        return *self._is(key), idempotency.c.created_at == taken_at, idempotency.c.status.is_(None)
