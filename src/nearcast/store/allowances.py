"""Whom senders have written to within the time over which their providers count people, and whom they leave alone.

The rows are the senders', whichever tenant wrote: people stand in them by names that say nothing, messages too.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from functools import lru_cache

from sqlalchemy import ColumnElement, Connection, Insert, Table, bindparam, case, delete, func, or_, select, update

from nearcast.domain.ids import MessageId, TenantId
from nearcast.domain.pair_wait import PairWait
from nearcast.services.sender_ports import Use
from nearcast.store.dialect import insert_into, listed, spoken, upsert
from nearcast.store.page import chunks
from nearcast.store.pruning import delete_some
from nearcast.store.sender_tables import allowance_use, pair_wait

_OF_NONE = ""  # whoever gives back twice takes nothing from others


def _of(table: Table) -> ColumnElement[bool]:
    return (table.c.channel == bindparam("channel")) & (table.c.sender == bindparam("sender"))


_use = allowance_use.c
_SINCE = _of(allowance_use) & (_use.at > bindparam("since"))
_COUNT, _FIRST = select(func.count()).where(_SINCE), select(func.min(_use.at)).where(_SINCE)
_AMONG = select(_use.person).where(_SINCE, listed(_use.person, "people"))
_FORGET = delete(allowance_use).where(listed(_use.message, "messages"), _use.before_at.is_(None))
_RESTORE = (
    update(allowance_use)
    .where(listed(_use.message, "messages"))
    .values(at=_use.before_at, before_at=None, message=_OF_NONE)
)
_WAITS = select(pair_wait.c.person, pair_wait.c.wait_until, pair_wait.c.waits).where(
    _of(pair_wait), listed(pair_wait.c.person, "people")
)


class Allowances:
    """A row for each person, with when they were written to last and before; the sender must be held. The messages are
    those of one tenant.
    """

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        self._connection, self._tenant = connection, tenant

    def counted(self, channel: str, sender: str, since: datetime) -> int:
        """How many people were written to after an instant."""
        said = {"channel": channel, "sender": sender, "since": since}
        return self._connection.execute(_COUNT, said).scalar_one()

    def among(self, channel: str, sender: str, people: Collection[str], since: datetime) -> set[str]:
        """Those of the people who were."""
        found: set[str] = set()
        for some in chunks(sorted(people)):
            said = {"channel": channel, "sender": sender, "since": since, "people": some}
            found.update(self._connection.scalars(_AMONG, said))
        return found

    def first(self, channel: str, sender: str, since: datetime) -> datetime | None:
        """When the first of those was, who is also the first to count no more."""
        said = {"channel": channel, "sender": sender, "since": since}
        found: datetime | None = self._connection.scalar(_FIRST, said)
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
        if rows:
            self._connection.execute(_reservation(spoken(self._connection)), rows)

    def give_back(self, message_ids: Collection[MessageId]) -> None:
        """These will reach nobody: people are counted as if they had not been written."""
        for ids in chunks(sorted(map(self._blind, message_ids))):
            self._connection.execute(_FORGET, {"messages": ids})
            self._connection.execute(_RESTORE, {"messages": ids})

    def waits(self, channel: str, sender: str, people: Collection[str]) -> dict[str, PairWait]:
        """How long these have to be left alone; those of whom nothing is known are left out."""
        found: dict[str, PairWait] = {}
        for some in chunks(sorted(people)):
            said = {"channel": channel, "sender": sender, "people": some}
            for person, wait_until, waits in self._connection.execute(_WAITS, said):
                found[person] = PairWait(wait_until=wait_until, waits=waits)
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


@lru_cache
def _reservation(dialect: str) -> Insert:
    statement = insert_into(dialect, allowance_use)
    new = statement.excluded
    before = case((_use.message == new.message, _use.before_at), else_=_use.at)
    again = {"message": new.message, "at": new.at, "before_at": before}
    return statement.on_conflict_do_update(index_elements=["channel", "sender", "person"], set_=again)
