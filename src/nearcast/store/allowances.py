"""Whom senders have written to within the time over which their providers count people."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, case, delete, func, select, update

from nearcast.domain.ids import CustomerId, MessageId, TenantId
from nearcast.services.sender_ports import Use
from nearcast.store.dialect import among, insert_into
from nearcast.store.page import chunks
from nearcast.store.pruning import delete_some
from nearcast.store.sender_tables import allowance_use

_OF_NONE = ""  # whoever gives back twice takes nothing from others


class Allowances:
    """One tenant's. A row for each person, with when they were written to last and before; the sender must be held."""

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        self._connection, self._tenant = connection, tenant

    def counted(self, channel: str, sender: str, since: datetime) -> int:
        """How many people were written to after an instant."""
        counted = select(func.count()).where(*self._of(channel, sender), allowance_use.c.at > since)
        return self._connection.execute(counted).scalar_one()

    def among(
        self, channel: str, sender: str, customer_ids: Collection[CustomerId], since: datetime
    ) -> set[CustomerId]:
        """Those of the customers who were."""
        c, found = allowance_use.c, set[CustomerId]()
        for ids in chunks(sorted(customer_ids)):
            theirs = select(c.customer_id).where(*self._of(channel, sender), c.at > since, among(c.customer_id, ids))
            found.update(map(CustomerId, self._connection.scalars(theirs)))
        return found

    def first(self, channel: str, sender: str, since: datetime) -> datetime | None:
        """When the first of those was, who is also the first to count no more."""
        earliest = select(func.min(allowance_use.c.at)).where(*self._of(channel, sender), allowance_use.c.at > since)
        found: datetime | None = self._connection.scalar(earliest)
        return found

    def reserve(self, channel: str, sender: str, uses: Iterable[Use]) -> None:
        """Count these people from now on; at most one message to each."""
        rows = [
            {
                "tenant_id": self._tenant,
                "channel": channel,
                "sender": sender,
                "customer_id": use.customer_id,
                "message_id": use.message_id,
                "at": use.at,
            }
            for use in uses
        ]
        if not rows:
            return
        statement = insert_into(self._connection, allowance_use)
        here, new = allowance_use.c, statement.excluded
        before = case((here.message_id == new.message_id, here.before_at), else_=here.at)
        again = {"message_id": new.message_id, "at": new.at, "before_at": before}
        keys = ["tenant_id", "channel", "sender", "customer_id"]
        self._connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=again), rows)

    def give_back(self, message_ids: Collection[MessageId]) -> None:
        """These will reach nobody: people are counted as if they had not been written."""
        c = allowance_use.c
        for ids in chunks(sorted(message_ids)):
            mine = c.tenant_id == self._tenant, among(c.message_id, ids)
            self._connection.execute(delete(allowance_use).where(*mine, c.before_at.is_(None)))
            restored = {"at": c.before_at, "before_at": None, "message_id": _OF_NONE}
            self._connection.execute(update(allowance_use).where(*mine).values(restored))

    def prune(self, before: datetime, *, limit: int) -> int:
        """Forget who was last written to before an instant, at most `limit`; how many."""
        old = allowance_use.c.tenant_id == self._tenant, allowance_use.c.at < before
        return delete_some(self._connection, allowance_use, *old, limit=limit)

    def _of(self, channel: str, sender: str) -> tuple[Any, ...]:
        c = allowance_use.c
        return c.tenant_id == self._tenant, c.channel == channel, c.sender == sender
