"""Tables whose rows are added, and never changed or taken out: the databases themselves refuse, whoever asks."""

from collections.abc import Mapping, Sequence

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


_REFUSALS = {"postgresql": _POSTGRESQL, "sqlite": _SQLITE}
# whose chain stands among the purged ones may go; on PostgreSQL the right to delete is still to be given
_PURGED = "EXISTS (SELECT 1 FROM purged_chain p WHERE p.tenant_id = OLD.tenant_id AND p.subject = OLD.subject)"
_PURGEABLE = {
    "postgresql": (
        "CREATE OR REPLACE FUNCTION nearcast_refuse_unless_purged() RETURNS trigger LANGUAGE plpgsql AS $$"
        f" BEGIN IF {_PURGED} THEN RETURN OLD; END IF;"
        " RAISE EXCEPTION USING MESSAGE = TG_TABLE_NAME || ' is insert-only', ERRCODE = 'restrict_violation'; END $$",
        "DROP TRIGGER {name}_stays ON {name}",
        "CREATE TRIGGER {name}_stays BEFORE UPDATE ON {name} FOR EACH ROW EXECUTE FUNCTION nearcast_refuse()",
        "CREATE TRIGGER {name}_stays_until_purged BEFORE DELETE ON {name}"
        " FOR EACH ROW EXECUTE FUNCTION nearcast_refuse_unless_purged()",
    ),
    "sqlite": (
        "DROP TRIGGER {name}_is_not_deleted",
        "CREATE TRIGGER {name}_is_not_deleted BEFORE DELETE ON {name}"
        f" WHEN NOT {_PURGED} BEGIN SELECT RAISE(ABORT, '{{name}} is insert-only'); END",
    ),
}


def keep_rows(table: Table, *, until_purged: bool = False) -> None:
    """Have the table made insert-only when it is created from here, but for the subjects of purged chains where
    `until_purged`.
    """
    for ddl in [*_statements(table.name, _REFUSALS), *(_statements(table.name, _PURGEABLE) if until_purged else ())]:
        event.listen(table, "after_create", ddl)


def keep_rows_of(connection: Connection, name: str) -> None:
    """Make a table insert-only that is there: for migrations. Whoever alters it in batch mode does this again."""
    for ddl in _statements(name, _REFUSALS):
        ddl(None, connection)


def let_purged_go(connection: Connection, name: str) -> None:
    """Let the rows of purged chains be deleted from a table that is insert-only: for migrations."""
    for ddl in _statements(name, _PURGEABLE):
        ddl(None, connection)


def _statements(name: str, said: Mapping[str, Sequence[str]]) -> list[DDL]:
    return [
        DDL(statement.replace("{name}", name)).execute_if(dialect=dialect)  # type: ignore[no-untyped-call]
        for dialect, statements in said.items()
        for statement in statements
    ]
