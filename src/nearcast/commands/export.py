"""`nearcast export`: what the service has, as files."""

from pathlib import Path
from typing import Annotated

import typer

from nearcast.commands.live import Tenant, live_service, note
from nearcast.domain.ids import TenantId

export = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Write what the service has into files.")


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
