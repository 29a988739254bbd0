"""What SQLite and PostgreSQL say differently; with `types` the only place that asks which one it is."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from itertools import accumulate
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Engine,
    Insert,
    Integer,
    LargeBinary,
    Row,
    String,
    Table,
    Text,
    TextClause,
    Update,
    bindparam,
    cast,
    column,
    func,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError, TimeoutError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import ReturningInsert
from sqlalchemy.sql.functions import FunctionElement

from nearcast.store.engine import BEGIN
from nearcast.store.row_security import protect, take_role, unprotected
from nearcast.store.types import JsonText, Listed

_ROWS, _BYTES, _FROM, _FOR, _COUNT = "rows", "all_bytes", "from_byte", "for_bytes", "count"
_ALONE = text("SELECT pg_advisory_xact_lock(key) FROM unnest(CAST(:keys AS bigint[])) AS key")
_BESIDE_OTHERS = text("SELECT pg_advisory_xact_lock_shared(key) FROM unnest(CAST(:keys AS bigint[])) AS key")
_IF_FREE = text("SELECT key FROM unnest(CAST(:keys AS bigint[])) AS key WHERE pg_try_advisory_xact_lock(key)")

# busy, locked, read-only, disk fault, disk full, cannot open; a missing table is none of them
_SQLITE_UNAVAILABLE = frozenset({5, 6, 8, 10, 13, 14})
# connection, deadlock, lack of resources, in use, shutting down, I/O; a value too long for an index is none of them
_POSTGRESQL_UNAVAILABLE = ("08", "40", "53", "55", "57", "58")


def connect(engine: Engine, *, read_only: bool) -> Connection:
    """A connection whose transactions write, one at a time on SQLite; or read, from one snapshot."""
    if not read_only:
        return engine.connect()
    if engine.dialect.name == "postgresql":
        return engine.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return engine.connect().execution_options(**{BEGIN: "BEGIN"})


def narrow(connection: Connection, *, tenant: str = "", key: str = "") -> None:
    """Let this transaction see and write the rows of one tenant alone, or see one key; SQLite has no such thing."""
    if connection.dialect.name == "postgresql":
        take_role(connection, tenant=tenant, key=key)


def protect_rows(connection: Connection) -> None:
    """See to it that `narrow` holds for every table."""
    if connection.dialect.name == "postgresql":
        protect(connection)


@contextmanager
def may_delete(connection: Connection, table: Table) -> Iterator[None]:
    """Give the login the right to delete from a table of its own that it took from itself, for so long."""
    is_postgresql, name = connection.dialect.name == "postgresql", table.name
    if is_postgresql:
        lock_names(connection, [f"the right to delete: {name}"])  # two grants at once would trip over each other
        connection.execute(text(f"GRANT DELETE ON {name} TO CURRENT_USER"))
    yield
    if is_postgresql:
        connection.execute(text(f"REVOKE DELETE ON {name} FROM CURRENT_USER"))


def open_tables(connection: Connection) -> list[str] | None:
    """The tables for which `narrow` does not hold; None where there is no such thing."""
    return unprotected(connection) if connection.dialect.name == "postgresql" else None


def is_shared(engine: Engine) -> bool:
    """Whether other machines may work on the database, too."""
    return engine.dialect.name == "postgresql"


def is_unavailable(error: SQLAlchemyError) -> bool:
    """Whether the database, not the statement, is at fault: the same work may succeed later."""
    if isinstance(error, TimeoutError) or (isinstance(error, DBAPIError) and error.connection_invalidated):
        return True
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    sqlite_code: int | None = getattr(error.orig, "sqlite_errorcode", None)
    if sqlite_code is not None:
        return sqlite_code & 0xFF in _SQLITE_UNAVAILABLE
    sqlstate: str | None = getattr(error.orig, "sqlstate", None)
    return sqlstate is None or sqlstate.startswith(_POSTGRESQL_UNAVAILABLE)


def insert_into(dialect: str, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that can say what happens ON CONFLICT."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


def insert_all(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows of the same columns, in their order."""
    if rows:
        _write(connection, _insertion(connection.dialect.name, table, tuple(rows[0])), table, rows)


def insert_with_bytes(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], name: str) -> None:
    """As `insert_all` of one row or more, which have bytes in the column of that name."""
    if connection.dialect.name != "postgresql":
        insert_all(connection, table, rows)
        return
    starts = accumulate((len(row[name]) for row in rows), initial=1)
    cut = [{**row, name: None, _FROM: start, _FOR: len(row[name])} for row, start in zip(rows, starts, strict=False)]
    said = {_ROWS: msgspec.json.encode(cut).decode(), _BYTES: b"".join([row[name] for row in rows])}
    connection.execute(_insertion_with_bytes(table, tuple(rows[0]), name), said)


@lru_cache
def _insertion_with_bytes(table: Table, names: tuple[str, ...], cut: str) -> Insert:
    # JSON holds no bytes: those of all rows are one parameter, of which each row has a part
    new = _given_rows(table, (name for name in names if name != cut), _FROM, _FOR)
    part = func.substring(bindparam(_BYTES, type_=LargeBinary), new.c[_FROM], new.c[_FOR])
    found = select(*[part if name == cut else new.c[name] for name in names])
    return postgresql.insert(table).from_select(names, found, include_defaults=False)


def upsert(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    keep: Iterable[str] = (),
    add_up: Iterable[str] = (),
) -> None:
    """Insert rows of the same columns, or overwrite those with the same primary key: the columns `keep` stay, `add_up`
    are summed. No two of the rows have the same key.
    """
    if rows:
        statement = _upsertion(connection.dialect.name, table, tuple(rows[0]), frozenset(keep), frozenset(add_up))
        _write(connection, statement, table, rows)


def _write(connection: Connection, statement: Insert, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    connection.execute(statement, _given(connection, table, rows))


def _given(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> Any:
    """Rows as the parameters of an `_insertion`."""
    if connection.dialect.name != "postgresql":
        return list(rows)
    types = ((name, table.c[name].type) for name in rows[0])
    spelling = [(name, kind.text) for name, kind in types if isinstance(kind, JsonText)]
    spelt = [{**row, **{name: text(row[name]) for name, text in spelling}} for row in rows] if spelling else rows
    return {_ROWS: msgspec.json.encode(spelt).decode()}


def add_up(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], names: Iterable[str], *told: Column[Any]
) -> list[Row[Any]]:
    """As `upsert` of one or more rows, which adds up the columns of those names; what stands in `told` after it."""
    statement = _summing(connection.dialect.name, table, tuple(rows[0]), frozenset(names), told)
    return list(connection.execute(statement, _given(connection, table, rows)).all())


@lru_cache
def _summing(
    dialect: str, table: Table, names: tuple[str, ...], sums: frozenset[str], told: tuple[Column[Any], ...]
) -> ReturningInsert[Any]:
    return _upsertion(dialect, table, names, frozenset(), sums).returning(*told)


@lru_cache(maxsize=256)
def _insertion(dialect: str, table: Table, names: tuple[str, ...]) -> postgresql.Insert | sqlite.Insert:
    if dialect != "postgresql":
        return sqlite.insert(table)
    new = _given_rows(table, names)
    return postgresql.insert(table).from_select(names, select(*[new.c[name] for name in names]), include_defaults=False)


def _given_rows(table: Table, names: Iterable[str], *numbers: str) -> Any:
    """Rows in one parameter: a row each would cost a message each, and more than twice the time."""
    columns = [column(name, table.c[name].type) for name in names] + [column(name, Integer) for name in numbers]
    given = func.json_to_recordset(cast(bindparam(_ROWS, type_=Text), postgresql.JSON)).table_valued(*columns)
    return given.render_derived(name="new", with_types=True)


@lru_cache(maxsize=256)
def _upsertion(
    dialect: str, table: Table, names: tuple[str, ...], keep: frozenset[str], add_up: frozenset[str]
) -> postgresql.Insert | sqlite.Insert:
    statement = _insertion(dialect, table, names)
    keys = [key.name for key in table.primary_key]
    changes: dict[str, ColumnElement[Any]] = {
        name: table.c[name] + statement.excluded[name] if name in add_up else statement.excluded[name]
        for name in names
        if name not in keep.union(keys)
    }
    if changes:
        return statement.on_conflict_do_update(index_elements=keys, set_=changes)
    return statement.on_conflict_do_nothing()


def update_all(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *, by: tuple[str, ...]) -> None:
    """Change those that have the same in the columns `by` as one of the rows, of equal columns, to what that says."""
    if not rows:
        return
    statement = _change(connection.dialect.name, table, tuple(rows[0]), by)
    if connection.dialect.name == "postgresql":
        connection.execute(statement, {**_given(connection, table, rows), _COUNT: len(rows)})
    else:
        connection.execute(statement, [{**row, **{f"same_{name}": row[name] for name in by}} for row in rows])


@lru_cache
def _change(dialect: str, table: Table, names: tuple[str, ...], by: tuple[str, ...]) -> Update:
    if dialect != "postgresql":
        return update(table).where(*(table.c[name] == bindparam(f"same_{name}") for name in by))
    given = _given_rows(table, names)
    # it would take them for a hundred, and read all that a tenant has rather than look for each
    new = select(*[given.c[name] for name in names]).limit(bindparam(_COUNT)).subquery("counted")
    changes = {name: new.c[name] for name in names if name not in by}
    return update(table).where(*(table.c[name] == new.c[name] for name in by)).values(changes)


def insert_new(connection: Connection, table: Table, row: Mapping[str, Any]) -> bool:
    """Insert a row unless one with its key is there; whether it was new. Waits for whoever is inserting it too."""
    return connection.execute(_newcomer(connection.dialect.name, table), dict(row)).first() is not None


def insert_missing(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert those of the rows, of the same columns, that break no unique constraint. Waits as `insert_new`."""
    if rows:
        connection.execute(_unless_there(connection.dialect.name, table), list(rows))


@lru_cache
def _unless_there(dialect: str, table: Table) -> postgresql.Insert | sqlite.Insert:
    return insert_into(dialect, table).on_conflict_do_nothing()


@lru_cache
def _newcomer(dialect: str, table: Table) -> ReturningInsert[Any]:
    return _unless_there(dialect, table).returning(*table.primary_key)


def insert_unseen(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], column_name: str
) -> set[str]:
    """Insert those of the rows, of the same columns, that break no unique constraint; what stands in one column of
    these. Waits for whoever is inserting the same: all in one order, or two wait for each other.
    """
    if not rows:
        return set()
    statement = _arrival(connection.dialect.name, table, tuple(rows[0]), column_name)
    return set(connection.scalars(statement, _given(connection, table, rows)))


@lru_cache
def _arrival(dialect: str, table: Table, names: tuple[str, ...], told: str) -> ReturningInsert[Any]:
    return _insertion(dialect, table, names).on_conflict_do_nothing().returning(table.c[told])


def lock_names(connection: Connection, names: Iterable[str], *, shared: bool = False) -> None:
    """Hold names until the transaction ends, alone or beside others who share them; on SQLite a writer holds
    everything.
    """
    keys = sorted(_key(name) for name in set(names))
    if connection.dialect.name == "postgresql" and keys:
        _of_keys(connection, _BESIDE_OTHERS if shared else _ALONE, keys)


def has_in_it(connection: Connection, column: ColumnElement[bytes], part: bytes) -> ColumnElement[bool]:
    """Whether those bytes stand anywhere in a column."""
    if connection.dialect.name == "postgresql":
        return func.position(literal(part, LargeBinary).op("IN")(column)) > 0
    return func.instr(column, literal(part, LargeBinary)) > 0


def free_names(connection: Connection, names: Iterable[str]) -> list[str]:
    """Those of the names that nobody else holds, held until the transaction ends; waits for none of them."""
    if connection.dialect.name != "postgresql":
        return list(names)
    named = {_key(name): name for name in names}
    return [named[key] for (key,) in _of_keys(connection, _IF_FREE, list(named))]


def _of_keys(connection: Connection, statement: TextClause, keys: list[int]) -> Any:
    return connection.execute(statement, {"keys": keys}).all()


def _key(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), signed=True)


def product(connection: Connection) -> str:
    """What answers, with its version."""
    if connection.dialect.name == "postgresql":
        postgis: str = connection.scalar(text("SELECT postgis_lib_version()")) or ""
        return f"PostgreSQL {connection.scalar(text('SHOW server_version'))}, PostGIS {postgis}"
    mode = connection.scalar(text("PRAGMA journal_mode"))
    return f"SQLite {connection.scalar(text('SELECT sqlite_version()'))}, journal {mode}"


def spoken(connection: Connection) -> str:
    """The name of the database's dialect, for what is made once for each."""
    return connection.dialect.name


def horizon(dialect: str) -> tuple[ColumnElement[int], ColumnElement[int]]:
    """Up to which number every transaction that writes has ended for whoever asks for this, and the number that the
    next one to begin will have; on SQLite there is one at a time.
    """
    if dialect != "postgresql":
        return literal(0), literal(0)
    snapshot = func.pg_current_snapshot()
    ends = func.pg_snapshot_xmin(snapshot), func.pg_snapshot_xmax(snapshot)
    ongoing, next_one = (cast(cast(end, String), BigInteger) for end in ends)
    return ongoing, next_one


def its_now(connection: Connection) -> datetime:
    """The database's own clock; SQLite has the machine's."""
    if connection.dialect.name == "postgresql":
        found: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        return found.astimezone(UTC)
    said = connection.execute(text("SELECT strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')")).scalar_one()
    return datetime.fromisoformat(said)


class _Among(FunctionElement[bool]):
    name = "among"
    inherit_cache = True
    type = Boolean()

    def self_group(self, against: object = None) -> "_Among":
        """As it is: what says `= 1` after it on SQLite is found through no index."""
        return self


@compiles(_Among)
def _in_array(element: _Among, compiler: SQLCompiler, **said: Any) -> str:
    column, values = (compiler.process(clause, **said) for clause in element.clauses)
    return f"{column} = ANY ({values})"


@compiles(_Among, "sqlite")
def _in_json(element: _Among, compiler: SQLCompiler, **said: Any) -> str:
    column, values = (compiler.process(clause, **said) for clause in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - names alone


def among(column: ColumnElement[Any], values: Iterable[Any]) -> ColumnElement[bool]:
    """Whether a column is one of the values. As IN, but the statement is the same however many there are: it is
    compiled, parsed and planned once.
    """
    return _Among(column, bindparam("listed", list(values), _listed(column), unique=True))


def listed(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """As `among`, in a statement that is made once: a list of the values is given by that name when it is carried
    out.
    """
    return _Among(column, bindparam(name, type_=_listed(column)))


def _listed(column: ColumnElement[Any]) -> Listed:
    return Listed(are_numbers=isinstance(column.type, BigInteger))
