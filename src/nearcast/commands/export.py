"""`nearcast export`: what the service has, as files."""

from pathlib import Path
from typing import Annotated

import typer

from nearcast.commands.live import Tenant, known_tenant, live_service, note, span
from nearcast.domain.ids import TenantId

export = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Write what the service has into files.")


@export.command("customer")
def export_customer(
    customer: Annotated[str, typer.Argument(help="The customer's id.")],
    out: Annotated[Path, typer.Option(help="A JSON file.")],
    tenant: Tenant = "default",
) -> None:
    """Write everything that is kept about a customer into a file.

    For them to read and to take along (GDPR Art. 15 and 20).
    """
    from nearcast.services.audit_ports import COMMAND_LINE
    from nearcast.services.report import as_json as dumped
    from nearcast.services.report import write_text

    with live_service() as live:
        told = live.personal_data.of(known_tenant(live, tenant), customer, live.clock.now(), actor=COMMAND_LINE)
    write_text(out, dumped(told, indent=2) + "\n")
    print(f"written to {out}")


@export.command("geofences")
def export_geofences(
    out: Annotated[
        Path, typer.Option(help="By its ending: .geojson, .kml, .kmz, .zip (Shapefile), .gpkg, .parquet or .csv.")
    ],
    tenant: Tenant = "default",
) -> None:
    """Write the geofences in force into a file.

    Read again it gives the same ones. What that kind of file cannot hold is said.
    """
    with live_service() as live:
        count = live.exporting.geofences(out, TenantId(tenant), note)
    print(f"{count:,} geofences written to {out}")


@export.command("pings")
def export_pings(
    out: Annotated[Path, typer.Option(help="By its ending: .csv, .ndjson or .parquet (GeoParquet).")],
    tenant: Tenant = "default",
) -> None:
    """Write the pings of the past, as files brought them in, into a file.

    Of customers who agree to be located now, and nobody else. `match` and `replay` read it. It holds positions of
    people: keep it for as long as it is needed.
    """
    from nearcast.services.audit_ports import COMMAND_LINE

    with live_service() as live:
        count = live.exporting.pings(out, known_tenant(live, tenant), live.clock.now(), actor=COMMAND_LINE)
    print(f"{count:,} pings written to {out}")


@export.command("match-log")
def export_match_log(
    out: Annotated[Path, typer.Option(help="By its ending: .csv, .ndjson, .parquet (GeoParquet) or .geojson.")],
    since: Annotated[str | None, typer.Option("--from", help="What was decided from then on, RFC 3339.")] = None,
    until: Annotated[str | None, typer.Option(help="What was decided before then, RFC 3339.")] = None,
    tenant: Tenant = "default",
) -> None:
    """Write why each message was sent or not into a file, the oldest decision first.

    It holds the ids of customers, and the middles of geofences as places: never where anybody was.
    """
    from nearcast.services.audit_ports import COMMAND_LINE
    from nearcast.services.match_log import Wanted

    first, last = span(since, until)
    with live_service() as live:
        wanted = Wanted(since=first, until=last)
        live.decisions.write(out, known_tenant(live, tenant), wanted, live.clock.now(), actor=COMMAND_LINE)
    print(f"written to {out}")


Printed = Annotated[Path, typer.Option(help="By its ending: .json, .md or .html.")]


@export.command("record-of-processing")
def export_record_of_processing(out: Printed, tenant: Tenant = "default") -> None:
    """Write the record of processing activities (Art. 30 GDPR) from the live configuration."""
    _write("record-of-processing", out, tenant)


@export.command("dpia")
def export_dpia(out: Printed, tenant: Tenant = "default") -> None:
    """Write the data protection impact assessment (Art. 35 GDPR), filled in from the live configuration."""
    _write("dpia", out, tenant)


@export.command("usage")
def export_usage(
    shop: Annotated[str, typer.Argument(help="The shop's id.")],
    month: Annotated[str, typer.Argument(help="Like 2026-06, by the clocks of the tenant.")],
    out: Annotated[Path, typer.Option(help="By its ending: .json, .csv or .html.")],
    tenant: Tenant = "default",
) -> None:
    """Write what a shop used in a month, and what it owes for it."""
    with live_service() as live:
        live.usage.write(out, known_tenant(live, tenant), shop, month)
    print(f"written to {out}")


def _write(name: str, out: Path, tenant: str) -> None:
    with live_service() as live:
        live.compliance.write(name, out, known_tenant(live, tenant), live.clock.now())
    print(f"written to {out}")
