"""Runs the migrations over a connection from `nearcast.store.migrate`; from Alembic's own command line, where they are
written, over one to the URL in `-x url=…`.
"""

from alembic import context
from sqlalchemy import Connection

from nearcast.store.all_tables import metadata
from nearcast.store.engine import make_engine

_OF_POSTGIS = ("spatial_ref_sys",)


def include_name(name: str | None, kind: str, _parents: object) -> bool:
    """Whether autogenerate should look at it: not at what the extension brings."""
    return not (kind == "table" and name in _OF_POSTGIS)


def run(connection: Connection) -> None:
    """One transaction for all, which whoever opened the connection commits."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        include_name=include_name,
        render_as_batch=True,  # SQLite alters a table by copying it; PostgreSQL does without either way
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    engine = make_engine(context.get_x_argument(as_dictionary=True).get("url", "sqlite:///nearcast.db"))
    with engine.begin() as own:
        run(own)
    engine.dispose()
