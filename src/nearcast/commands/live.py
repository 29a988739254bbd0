"""What commands that work on the live service have in common."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from nearcast.domain.errors import InvalidInput, NotFound
from nearcast.domain.ids import TenantId

if TYPE_CHECKING:
    from nearcast.services.application import Application

Tenant = Annotated[str, typer.Option(help="Whose: every row belongs to a tenant.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")]


@contextmanager
def live_service() -> Iterator["Application"]:
    """The live service on the database of the settings, for one command."""
    from nearcast.bootstrap import live  # the libraries it needs take a second to load; --help need not wait

    with live() as application:
        yield application


def known_tenant(live: "Application", tenant: str) -> TenantId:
    """NotFound where there is no such tenant."""
    if tenant not in live.tenants.all():
        raise NotFound(f"there is no tenant {tenant!r}")
    return TenantId(tenant)


def span(since: str | None, until: str | None) -> tuple[datetime | None, datetime | None]:
    """The bounds that `--from` and `--until` say; InvalidInput for what is no instant."""
    from nearcast.services.scalars import parse_instant

    try:
        first, last = (None if said is None else parse_instant(said) for said in (since, until))
    except ValueError as error:
        raise InvalidInput(str(error), place="--from or --until") from None
    return first, last


def note(said: str) -> None:
    """Something worth knowing, beside what the command prints."""
    print(said, file=sys.stderr)
