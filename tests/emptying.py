"""Tables without rows: what refuses deletion in service is told to let a test have its way."""

from collections.abc import Collection

from sqlalchemy import Engine, Table, text

from nearcast.store.all_tables import metadata


def empty(engine: Engine, *, but: Collection[Table] = ()) -> None:
    """Delete every row of every table but some."""
    deleting = [str(table.delete()) for table in reversed(metadata.sorted_tables) if table not in but]
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            # no triggers; all in one message
            connection.exec_driver_sql(";".join(["SET LOCAL session_replication_role = replica", *deleting]))
            return
        triggers = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")).all()
        dropping, making = [f"DROP TRIGGER {name}" for name, _ in triggers], [sql for _, sql in triggers]
        for each in (*dropping, *deleting, *making):
            connection.exec_driver_sql(each)
