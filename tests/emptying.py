"""Tables without rows: what refuses deletion in service is told to let a test have its way."""

from collections.abc import Collection

from sqlalchemy import Connection, Engine, Table, text

from nearcast.store.all_tables import metadata


def empty(engine: Engine, *, but: Collection[Table] = ()) -> None:
    """Delete every row of every table but some."""
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL session_replication_role = replica"))  # no triggers
            _delete(connection, but)
            return
        triggers = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")).all()
        for name, _ in triggers:
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        _delete(connection, but)
        for _, sql in triggers:
            connection.exec_driver_sql(sql)


def _delete(connection: Connection, but: Collection[Table]) -> None:
    for table in reversed(metadata.sorted_tables):
        if table not in but:
            connection.execute(table.delete())
