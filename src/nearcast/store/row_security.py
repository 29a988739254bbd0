"""Row-level security on PostgreSQL: under the role of the API nobody sees or writes a row of another tenant, whatever
the statement says.

A transaction of the API takes the role and names its tenant when it begins; both end with it. Workers, commands and
migrations work as the login itself, which owns the tables and is not under these policies.
"""

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from nearcast.domain.errors import NearcastError

API_ROLE = "nearcast_api"

_POLICY, _KEY_POLICY = "of_tenant", "of_key"
_ASKED_BY_KEY = ("api_key", "device", "voucher", "payment")
_IS_THERE = text("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = :role)")
_IS_MEMBER = text("SELECT pg_has_role(current_user, :role, 'MEMBER')")
# a setting that was named once in a session is empty afterwards, not null
_TENANT = "nullif(current_setting('nearcast.tenant', true), '')"
_KEY = "nullif(current_setting('nearcast.key', true), '')"
_TABLES = text(
    "SELECT t.relname, t.relrowsecurity, coalesce(a.attname, 'id') AS by_column,"
    " ARRAY(SELECT polname::text FROM pg_policy WHERE polrelid = t.oid) AS policies,"
    " EXISTS (SELECT FROM pg_trigger g JOIN pg_proc f ON f.oid = g.tgfoid"
    " WHERE g.tgrelid = t.oid AND f.proname = 'nearcast_refuse') AS is_insert_only"
    " FROM pg_class t LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped"
    " WHERE t.relkind IN ('r', 'p') AND t.relnamespace = current_schema()::regnamespace"
    " AND (a.attname IS NOT NULL OR t.relname = 'tenant') ORDER BY t.relname"
)
_BEGIN = text(
    "SELECT set_config('nearcast.tenant', :tenant, true), set_config('nearcast.key', :key, true),"
    " set_config('role', :role, true)"
)


def take_role(connection: Connection, *, tenant: str = "", key: str = "") -> None:
    """Be the API until the transaction ends: of that tenant, or before that is known of one key or device alone."""
    connection.execute(_BEGIN, {"tenant": tenant, "key": key, "role": API_ROLE})


def protect(connection: Connection) -> None:
    """Make the role where it is missing, and put every table that has tenants under its policies. NearcastError says
    what an administrator has to do where this login may not make roles.
    """
    _make_role(connection)
    connection.execute(text(f"GRANT USAGE ON SCHEMA {_schema(connection)} TO {API_ROLE}"))
    connection.execute(text(f"GRANT SELECT ON alembic_version TO {API_ROLE}"))
    for table in connection.execute(_TABLES).all():
        if _POLICY not in table.policies:
            _add_policy(connection, _POLICY, table.relname, f"{table.by_column} = {_TENANT}")
        if table.relname in _ASKED_BY_KEY and _KEY_POLICY not in table.policies:
            _add_policy(connection, _KEY_POLICY, table.relname, f"id = {_KEY}", "FOR SELECT")
        if not table.relrowsecurity:
            connection.execute(text(f'ALTER TABLE "{table.relname}" ENABLE ROW LEVEL SECURITY'))
        if table.is_insert_only:
            connection.execute(text(f'REVOKE UPDATE, DELETE ON "{table.relname}" FROM {API_ROLE}'))
        may = "SELECT, INSERT" if table.is_insert_only else "SELECT, INSERT, UPDATE, DELETE"
        connection.execute(text(f'GRANT {may} ON "{table.relname}" TO {API_ROLE}'))


def unprotected(connection: Connection) -> list[str]:
    """The tables that have tenants and no policy in force, by name; all of them where the role cannot be taken."""
    tables = connection.execute(_TABLES).all()
    if not connection.scalar(_IS_THERE, {"role": API_ROLE}) or not connection.scalar(_IS_MEMBER, {"role": API_ROLE}):
        return [table.relname for table in tables]
    return [table.relname for table in tables if not table.relrowsecurity or _POLICY not in table.policies]


def _make_role(connection: Connection) -> None:
    login = connection.scalar(text("SELECT quote_ident(current_user)"))
    try:
        if not connection.scalar(_IS_THERE, {"role": API_ROLE}):
            with connection.begin_nested():
                connection.execute(text(f"CREATE ROLE {API_ROLE} NOLOGIN"))
        if not connection.scalar(_IS_MEMBER, {"role": API_ROLE}):
            with connection.begin_nested():
                connection.execute(text(f"GRANT {API_ROLE} TO {login}"))
    except DBAPIError as error:
        raise NearcastError(
            f"{login} may not make the database role {API_ROLE}: have an administrator run CREATE ROLE {API_ROLE}"
            f" NOLOGIN; GRANT {API_ROLE} TO {login}; and then nearcast migrate"
        ) from error


def _add_policy(connection: Connection, name: str, table: str, condition: str, kind: str = "") -> None:
    connection.execute(text(f'CREATE POLICY {name} ON "{table}" {kind} TO {API_ROLE} USING ({condition})'))


def _schema(connection: Connection) -> str:
    found: str = connection.scalar(text("SELECT quote_ident(current_schema())")) or "public"
    return found
