"""A transaction that ends in a visible commit, or in nothing."""

import re
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from nearcast.domain.errors import StoreUnavailable
from nearcast.store.dialect import connect, is_unavailable


class Transaction:
    """Rolled back unless `commit()` was called; nothing can be done after that.

    A writer on SQLite waits for all other writers before it begins; on PostgreSQL for those whose customers, fences or
    partitions it touches. A reader sees one snapshot and waits for nobody. StoreUnavailable where the database is.
    `first` is done on its connection before anything else.
    """

    def __init__(
        self, engine: Engine, *, read_only: bool = False, first: Callable[[Connection], None] | None = None
    ) -> None:
        self._engine, self._read_only, self._first = engine, read_only, first
        self._connection: Connection | None = None

    @property
    def connection(self) -> Connection:
        if self._connection is None:
            raise RuntimeError("this transaction is closed: it has ended, or not begun")
        return self._connection

    def __enter__(self) -> Self:
        try:
            self._connection = connect(self._engine, read_only=self._read_only)
            self._connection.begin()
            if self._first is not None:
                self._first(self._connection)
        except SQLAlchemyError as error:
            self._close()
            raise _translated(error) from error
        return self

    def commit(self) -> None:
        """Make everything so far durable, and end."""
        if self._read_only:
            raise RuntimeError("a reader has nothing to commit")
        try:
            self.connection.commit()
        except SQLAlchemyError as error:
            raise _translated(error) from error
        finally:
            self._close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        if isinstance(error, SQLAlchemyError) and is_unavailable(error):
            raise _translated(error) from error

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(SQLAlchemyError):  # closing rolls back; a connection that is lost has done so already
                connection.close()


def _translated(error: SQLAlchemyError) -> Exception:
    return StoreUnavailable(f"the database is unavailable: {_said(error)}") if is_unavailable(error) else error


def _said(error: SQLAlchemyError) -> str:
    """What the driver says, in one line: without the statement and its values, without where the database is and who
    asked for it.
    """
    line = str(getattr(error, "orig", None) or error.args[0]).partition("\n")[0]
    return re.sub(r'"[^"]*"', "…", line.rpartition("failed: ")[2])
