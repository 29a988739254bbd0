"""Work that is one process's at a time: a row each, which belongs to no tenant."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, case, literal, select, update

from nearcast.store.dialect import insert_missing, insert_new
from nearcast.store.sender_tables import shared_duty


class Duties:
    """Everybody's, by name."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def is_due(self, name: str, now: datetime) -> bool:
        """Whether somebody may take it, as far as can be told without waiting for anybody."""
        due_at = self._connection.scalar(select(shared_duty.c.due_at).where(shared_duty.c.name == name))
        return due_at is None or due_at <= now

    def begin(self, name: str, now: datetime, until: datetime) -> bool:
        """Take a piece of work that is due, which it is at first, until somebody else may; False where it is not."""
        if insert_new(self._connection, shared_duty, {"name": name, "due_at": until, "began_at": now, "failures": 0}):
            return True
        due = update(shared_duty).where(shared_duty.c.name == name, shared_duty.c.due_at <= now)
        return self._connection.execute(due.values(due_at=until, began_at=now)).rowcount == 1

    def end(self, name: str, due_at: datetime, *, failed: bool) -> None:
        """It is done, or has `failed` once more; due again at `due_at`."""
        failures = shared_duty.c.failures + 1 if failed else literal(0)
        ended = update(shared_duty).where(shared_duty.c.name == name)
        self._connection.execute(ended.values(due_at=due_at, failures=failures))

    def failures(self, name: str) -> int:
        """How often in a row it has failed."""
        return self._connection.scalar(select(shared_duty.c.failures).where(shared_duty.c.name == name)) or 0

    def hurry(self, name: str, at: datetime, *, apart_s: float) -> None:
        """It is due at that instant, but not within `apart_s` of when it began last."""
        new = {"name": name, "due_at": at, "failures": 0}
        insert_missing(self._connection, shared_duty, [new])
        c = shared_duty.c
        began = self._connection.scalar(select(c.began_at).where(c.name == name))
        wanted = at if began is None else max(at, began + timedelta(seconds=apart_s))
        sooner = case((c.due_at > wanted, literal(wanted, c.due_at.type)), else_=c.due_at)
        self._connection.execute(update(shared_duty).where(c.name == name).values(due_at=sooner))
