"""Deletion in portions: whoever waits for a long one would take the database for lost."""

from sqlalchemy import ColumnElement, Connection, Table, delete, select, tuple_


def delete_some(connection: Connection, table: Table, *conditions: ColumnElement[bool], limit: int) -> int:
    """Delete rows that meet all conditions, at most `limit` of them; how many."""
    keys = list(table.primary_key)
    some = select(*keys).where(*conditions).limit(limit)
    return connection.execute(delete(table).where(tuple_(*keys).in_(some))).rowcount
