"""Databases to measure on: made once, and copied for each run, so that all runs begin alike."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

import psycopg
from psycopg import sql

from nearcast.bench.servers import postgis_server
from nearcast.domain.errors import InvalidInput


class Databases:
    """Those on one server; each goes with the `with` that made it."""

    def __init__(self, server: str) -> None:
        """`server` is the URL of a database in which nothing is changed; its user may make others."""
        self._server = server.replace("+psycopg", "", 1)

    @contextmanager
    def made(self, build: Callable[[str], None]) -> Iterator[str]:
        """The URL of a database with PostGIS on which `build` was called."""
        with self._database(None) as url:
            with psycopg.connect(url.replace("+psycopg", "", 1), autocommit=True) as connection:
                connection.execute("CREATE EXTENSION IF NOT EXISTS postgis")
            build(url)
            yield url

    @contextmanager
    def copied(self, template: str) -> Iterator[str]:
        """The URL of a copy of a database that nobody is connected to."""
        with self._database(_name_in(template)) as url:
            yield url

    @contextmanager
    def _database(self, template: str | None) -> Iterator[str]:
        name = f"nearcast_bench_{uuid4().hex}"
        make = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template is not None:
            make += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
        self._do(make)
        try:
            yield _with_name(self._server, name)
        finally:
            self._do(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _do(self, statement: sql.SQL | sql.Composed) -> None:
        try:
            with psycopg.connect(self._server, autocommit=True, connect_timeout=10) as connection:
                connection.execute(statement)
                connection.execute("CHECKPOINT")  # what came before is written, and burdens no run
        except psycopg.OperationalError as error:  # its text may hold a password
            raise InvalidInput("no PostgreSQL answers there", place="--url") from error
        except psycopg.Error as error:
            raise InvalidInput(f"{error.diag.message_primary or type(error).__name__}", place="--url") from error


@contextmanager
def databases(url: str | None) -> Iterator[Databases]:
    """On the server at `url`, else on one that is thrown away afterwards."""
    if url is not None:
        yield Databases(url)
        return
    with postgis_server(is_durable=True) as server:
        yield Databases(server)


def _with_name(server: str, name: str) -> str:
    address, question, options = server.partition("?")
    return f"{address.rpartition('/')[0]}/{name}{question}{options}".replace("postgresql:", "postgresql+psycopg:", 1)


def _name_in(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]
