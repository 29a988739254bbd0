"""The schema: one chain of migrations for both databases."""

import sysconfig
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from nearcast.domain.errors import NearcastError
from nearcast.store.dialect import lock_names, protect_rows
from nearcast.store.engine import make_engine
from nearcast.store.transaction import Transaction

_INSTALLED = Path("share/nearcast/migrations")


def migrations_folder() -> Path:
    """Beside `src` in a checkout; where it is installed, in `share/nearcast` of the environment."""
    beside_src = Path(__file__).parents[3] / "migrations"
    folders = (beside_src, Path(sysconfig.get_path("data")) / _INSTALLED)
    for folder in folders:
        if (folder / "env.py").is_file():
            return folder
    raise NearcastError(f"the migrations are missing; they should be in {' or '.join(map(str, folders))}")


def upgrade(url: str, revision: str = "head") -> str | None:
    """Bring a database to that revision, all of it or nothing; the revision that it was at before. NearcastError where
    that is one of a newer nearcast's.
    """
    engine = make_engine(url)
    try:
        with Transaction(engine) as transaction:
            # whoever else is migrating at this moment comes before us, or after
            lock_names(transaction.connection, ["migrations"])
            before = revision_of(transaction.connection)
            refuse_newer(before)
            command.upgrade(_config(transaction.connection), revision)
            protect_rows(transaction.connection)  # whichever migration made a table
            transaction.commit()
    finally:
        engine.dispose()
    return before


def current_revision(url: str) -> str | None:
    """The revision that a database is at; None for an empty one."""
    engine = make_engine(url)
    try:
        with Transaction(engine, read_only=True) as transaction:
            return revision_of(transaction.connection)
    finally:
        engine.dispose()


def head_revision() -> str | None:
    """The revision that this version of nearcast needs."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def refuse_newer(revision: str | None) -> None:
    """NearcastError for a revision of a database that this version does not know."""
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if revision is not None and revision not in known:
        raise NearcastError(f"the database is at revision {revision}, which is of a newer nearcast: use that one")


def revision_of(connection: Connection) -> str | None:
    """The revision of the database behind a connection; None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
