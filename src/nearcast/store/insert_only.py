"""Tables whose rows are added, and never changed or taken out: the databases themselves refuse, whoever asks."""

from sqlalchemy import DDL, Connection, Table, event

_FUNCTION = """
CREATE OR REPLACE FUNCTION nearcast_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION USING MESSAGE = TG_TABLE_NAME || ' is insert-only', ERRCODE = 'restrict_violation'; END $$
"""
_POSTGRESQL = (
    _FUNCTION,
    "CREATE TRIGGER {name}_stays BEFORE UPDATE OR DELETE ON {name} FOR EACH ROW EXECUTE FUNCTION nearcast_refuse()",
    "CREATE TRIGGER {name}_stays_whole BEFORE TRUNCATE ON {name} FOR EACH STATEMENT EXECUTE FUNCTION nearcast_refuse()",
    "REVOKE UPDATE, DELETE, TRUNCATE ON {name} FROM PUBLIC, CURRENT_USER",
)
_SQLITE = (
    "CREATE TRIGGER {name}_is_not_changed BEFORE UPDATE ON {name}"
    " BEGIN SELECT RAISE(ABORT, '{name} is insert-only'); END",
    "CREATE TRIGGER {name}_is_not_deleted BEFORE DELETE ON {name}"
    " BEGIN SELECT RAISE(ABORT, '{name} is insert-only'); END",
)


def keep_rows(table: Table) -> None:
    """Have the table made insert-only when it is created from here."""
    for ddl in _refusals(table.name):
        event.listen(table, "after_create", ddl)


def keep_rows_of(connection: Connection, name: str) -> None:
    """Make a table insert-only that is there: for migrations. Whoever alters it in batch mode does this again."""
    for ddl in _refusals(name):
        ddl(None, connection)


def _refusals(name: str) -> list[DDL]:
    said = {"postgresql": _POSTGRESQL, "sqlite": _SQLITE}
    return [
        DDL(statement.replace("{name}", name)).execute_if(dialect=dialect)  # type: ignore[no-untyped-call]
        for dialect, statements in said.items()
        for statement in statements
    ]
