"""The rows of customers, by statements that are made once: to make one takes longer than to carry it out."""

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, Executable, FromClause, Row, bindparam, literal_column

from nearcast.domain.ids import CustomerId, TenantId
from nearcast.store.dialect import listed
from nearcast.store.page import chunks


def mine(table: FromClause) -> ColumnElement[bool]:
    """Whether a row is of the tenant that is named when the statement is carried out."""
    return table.c.tenant_id == bindparam("tenant")


def theirs(table: FromClause, column: str = "customer_id") -> ColumnElement[bool]:
    """Whether a row is of the tenant, and of one of the customers, that `rows_of` is asked for."""
    return mine(table) & listed(table.c[column], "customers")


def is_in(column: ColumnElement[Any], *names: str) -> ColumnElement[bool]:
    """Whether a column is one of a few names of ours. They stand in the statement as they are, so that it is made once,
    and an index of which they are the condition is found whatever else is asked.
    """
    spelt: list[ColumnElement[Any]] = [literal_column(f"'{name}'") for name in names]
    return column == spelt[0] if len(spelt) == 1 else column.in_(spelt)


def rows_of(
    connection: Connection,
    statement: Executable,
    tenant: TenantId,
    customer_ids: Iterable[CustomerId],
    **said: Any,
) -> Iterator[Row[*tuple[Any, ...]]]:
    """What is found of `theirs`, in the order of the customers' ids from one portion of them to the next. What else the
    statement asks for is `said`.
    """
    for ids in chunks(sorted(set(customer_ids))):
        yield from connection.execute(statement, {"tenant": tenant, "customers": ids, **said}).all()
