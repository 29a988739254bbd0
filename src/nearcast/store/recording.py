"""What a store says to its database, statement by statement."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, event

from nearcast.store.sql_store import SqlStore


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement with its parameters as the driver gets them: one row's, or a list of many rows'. COMMIT and ROLLBACK
    have none.
    """

    text: str
    parameters: Any = None

    @property
    def is_end(self) -> bool:
        """Whether the transaction ends here."""
        return self.text in (COMMIT, ROLLBACK)


COMMIT, ROLLBACK = "COMMIT", "ROLLBACK"


@contextmanager
def recorded(store: SqlStore) -> Iterator[list[Statement]]:
    """All that is said while this lasts, in order; of one thread at a time."""
    said: list[Statement] = []

    def executed(_c: Any, _cursor: Any, text: str, parameters: Any, _context: Any, _many: bool) -> None:
        said.append(Statement(text, parameters))

    def committed(_connection: Connection) -> None:
        said.append(Statement(COMMIT))

    def rolled_back(_connection: Connection) -> None:
        said.append(Statement(ROLLBACK))

    heard: dict[str, Callable[..., None]] = {
        "before_cursor_execute": executed,
        "commit": committed,
        "rollback": rolled_back,
    }
    for name, listener in heard.items():
        event.listen(store.engine, name, listener)
    try:
        yield said
    finally:
        for name, listener in heard.items():
            event.remove(store.engine, name, listener)
