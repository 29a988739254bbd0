"""`nearcast audit`: who did what."""

from typing import Annotated

import typer

from nearcast.commands.live import Tenant, known_tenant, live_service, span


def audit(
    tenant: Tenant = "default",
    actor: Annotated[str | None, typer.Option(help="The id of a key, or who else it was.")] = None,
    kind: Annotated[str | None, typer.Option(help="shop, geofence, campaign, settings, key, customer …")] = None,
    key: Annotated[str | None, typer.Option("--id", help="What it was done to.")] = None,
    since: Annotated[str | None, typer.Option("--from", help="From that instant on.")] = None,
    until: Annotated[str | None, typer.Option(help="Before that instant.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 100,
) -> None:
    """Tell who did what, the last first, one JSON object a line."""
    from nearcast.services.audit import entry_row
    from nearcast.services.audit_ports import AuditFilter
    from nearcast.services.report import as_json

    first, last = span(since, until)
    wanted = AuditFilter(actor=actor, kind=kind, id=key, since=first, until=last)
    with live_service() as live:
        for entry in live.audit.page(known_tenant(live, tenant), wanted, limit=limit).items:
            print(as_json(entry_row(entry)))
