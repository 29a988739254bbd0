"""Whom senders have written to within the time over which their providers count people, and whom they leave alone.

The rows are the senders', whichever tenant wrote: people stand in them by names that say nothing, messages too.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, case, delete, func, or_, select, update

from nearcast.domain.ids import MessageId, TenantId
from nearcast.domain.pair_wait import PairWait
from nearcast.services.sender_ports import Use
from nearcast.store.dialect import among, insert_into, upsert
from nearcast.store.page import chunks
from nearcast.store.pruning import delete_some
from nearcast.store.sender_tables import allowance_use, pair_wait

_OF_NONE = ""  # whoever gives back twice takes nothing from others


class Allowances:
    """A row for each person, with when they were written to last and before; the sender must be held. The messages are
    those of one tenant.
    """

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        self._connection, self._tenant = connection, tenant

    def counted(self, channel: str, sender: str, since: datetime) -> int:
        """How many people were written to after an instant."""
        counted = select(func.count()).where(*_of(channel, sender), allowance_use.c.at > since)
        return self._connection.execute(counted).scalar_one()

    def among(self, channel: str, sender: str, people: Collection[str], since: datetime) -> set[str]:
        """Those of the people who were."""
        c, found = allowance_use.c, set[str]()
        for some in chunks(sorted(people)):
            theirs = select(c.person).where(*_of(channel, sender), c.at > since, among(c.person, some))
            found.update(self._connection.scalars(theirs))
        return found

    def first(self, channel: str, sender: str, since: datetime) -> datetime | None:
        """When the first of those was, who is also the first to count no more."""
        earliest = select(func.min(allowance_use.c.at)).where(*_of(channel, sender), allowance_use.c.at > since)
        found: datetime | None = self._connection.scalar(earliest)
        return found

    def reserve(self, channel: str, sender: str, uses: Iterable[Use]) -> None:
        """Count these people from now on; at most one message to each."""
        rows = [
            {
                "channel": channel,
                "sender": sender,
                "person": use.person,
                "message": self._blind(use.message_id),
                "at": use.at,
            }
            for use in sorted(uses, key=lambda use: use.person)
        ]
        if not rows:
            return
        statement = insert_into(self._connection, allowance_use)
        here, new = allowance_use.c, statement.excluded
        before = case((here.message == new.message, here.before_at), else_=here.at)
        again = {"message": new.message, "at": new.at, "before_at": before}
        keys = ["channel", "sender", "person"]
        self._connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=again), rows)

    def give_back(self, message_ids: Collection[MessageId]) -> None:
        """These will reach nobody: people are counted as if they had not been written."""
        c = allowance_use.c
        for ids in chunks(sorted(map(self._blind, message_ids))):
            mine = (among(c.message, ids),)
            self._connection.execute(delete(allowance_use).where(*mine, c.before_at.is_(None)))
            restored = {"at": c.before_at, "before_at": None, "message": _OF_NONE}
            self._connection.execute(update(allowance_use).where(*mine).values(restored))

    def waits(self, channel: str, sender: str, people: Collection[str]) -> dict[str, PairWait]:
        """How long these have to be left alone; those of whom nothing is known are left out."""
        c, found = pair_wait.c, dict[str, PairWait]()
        for some in chunks(sorted(people)):
            theirs = select(pair_wait).where(c.channel == channel, c.sender == sender, among(c.person, some))
            for row in self._connection.execute(theirs):
                found[row.person] = PairWait(wait_until=row.wait_until, waits=row.waits)
        return found

    def wait(self, channel: str, sender: str, waits: Mapping[str, PairWait], at: datetime) -> None:
        """Write that."""
        here = {"channel": channel, "sender": sender, "changed_at": at}
        upsert(
            self._connection,
            pair_wait,
            [{**here, "person": person, **asdict(each)} for person, each in sorted(waits.items())],
        )

    def prune(self, before: datetime, *, limit: int) -> int:
        """Forget who was last written to before an instant, at most `limit`; how many."""
        over = or_(pair_wait.c.wait_until.is_(None), pair_wait.c.wait_until < before)
        waited = delete_some(self._connection, pair_wait, pair_wait.c.changed_at < before, over, limit=limit)
        used = delete_some(self._connection, allowance_use, allowance_use.c.at < before, limit=limit)
        return max(waited, used)

    def _blind(self, message_id: MessageId) -> str:
        """A message by a name that says nothing, and that no other tenant's has."""
        return hashlib.sha256(f"{len(self._tenant)}:{self._tenant}{message_id}".encode()).hexdigest()[:32]


def _of(channel: str, sender: str) -> tuple[Any, ...]:
    c = allowance_use.c
    return c.channel == channel, c.sender == sender
