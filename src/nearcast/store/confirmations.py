"""Requests to confirm a consent: the token itself is nowhere, only its hash."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from nearcast.domain.ids import TenantId
from nearcast.services.ledger_ports import Confirmation
from nearcast.store.customer_tables import confirmation
from nearcast.store.pruning import delete_some


class Confirmations:
    """One tenant's requests, answered or not."""

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        self._connection, self._tenant = connection, tenant

    def insert(self, asked: Confirmation) -> None:
        """Add a request."""
        self._connection.execute(insert(confirmation), {"tenant_id": self._tenant, **asdict(asked)})

    def get(self, token_sha256: str) -> Confirmation | None:
        """A request by the hash of its token."""
        mine = (confirmation.c.tenant_id == self._tenant) & (confirmation.c.token_sha256 == token_sha256)
        row = self._connection.execute(select(confirmation).where(mine)).one_or_none()
        return None if row is None else _asked(row)

    def waiting(self, subject: str, now: datetime) -> list[Confirmation]:
        """The requests to somebody that can be answered at `now` and were not, the last one first."""
        c = confirmation.c
        mine = c.tenant_id == self._tenant, c.subject == subject, c.expires_at > now, c.clicked_at.is_(None)
        found = select(confirmation).where(*mine).order_by(c.sent_at.desc(), c.token_sha256)
        return [_asked(row) for row in self._connection.execute(found)]

    def click(self, token_sha256: str, at: datetime) -> None:
        """Write when a request was answered, unless it was before."""
        mine = (confirmation.c.tenant_id == self._tenant) & (confirmation.c.token_sha256 == token_sha256)
        first = update(confirmation).where(mine, confirmation.c.clicked_at.is_(None))
        self._connection.execute(first.values(clicked_at=at))

    def prune(self, before: datetime, *, limit: int) -> int:
        """Delete requests that were too late to answer before an instant, at most `limit`; how many."""
        over = confirmation.c.tenant_id == self._tenant, confirmation.c.expires_at < before
        return delete_some(self._connection, confirmation, *over, limit=limit)


def _asked(row: Row[Any]) -> Confirmation:
    return Confirmation(
        token_sha256=row.token_sha256,
        subject=row.subject,
        event_id=row.event_id,
        sent_at=row.sent_at,
        expires_at=row.expires_at,
        clicked_at=row.clicked_at,
    )
