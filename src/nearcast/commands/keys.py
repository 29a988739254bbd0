"""`nearcast keys`: who may ask the service."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from nearcast.commands.live import AsJson, Tenant, known_tenant, live_service
from nearcast.domain.errors import InvalidInput
from nearcast.domain.ids import ShopId, TenantId
from nearcast.services.audit_ports import COMMAND_LINE

if TYPE_CHECKING:
    from nearcast.services.access import NewKey

keys = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Make, list, rotate and revoke API keys.")


@keys.command("create")
def create_key(
    role: Annotated[str, typer.Option(help="owner, analyst, ingest, till or operator.")],
    name: Annotated[str, typer.Option(help="What it is for, to know it again.")] = "",
    tenant: Tenant = "default",
    shop: Annotated[list[str] | None, typer.Option(help="An owner's shops, all by default; a till's.")] = None,
    timezone: Annotated[str, typer.Option(help="The zone of a tenant that is new.")] = "UTC",
    expires_in_days: Annotated[
        int | None, typer.Option(min=1, max=3650, help="When it ends by itself; never by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make an API key, and its tenant where that is new. The key is shown once."""
    from nearcast.services.access import Role

    if role not in tuple(Role):
        raise InvalidInput(f"{role!r} is none of {', '.join(Role)}", place="--role")
    with live_service() as live:
        tenant_id, now = TenantId(tenant), live.clock.now()
        live.tenants.ensure(tenant_id, now, timezone=timezone)
        shop_ids = [ShopId(each) for each in shop] if shop else None
        expires_in = None if expires_in_days is None else timedelta(days=expires_in_days)
        try:
            made = live.access.create(
                tenant_id, Role(role), name or role, now, by=COMMAND_LINE, shop_ids=shop_ids, expires_in=expires_in
            )
        except InvalidInput as error:
            raise InvalidInput(error.message, place="--shop") from None
    _show(made, as_json=as_json)


@keys.command("list")
def list_keys(tenant: Tenant = "default") -> None:
    """All keys of a tenant, revoked ones too; never the keys themselves."""
    from nearcast.services.report import rfc3339

    with live_service() as live:
        for key in live.access.all(known_tenant(live, tenant)):
            ended = "live" if key.is_live(live.clock.now()) else "expired"
            ended = f"revoked {rfc3339(key.revoked_at)}" if key.revoked_at else ended
            print(f"{key.id}  {key.role:<9} {rfc3339(key.created_at)}  {ended}  {key.name}")


@keys.command("rotate")
def rotate_key(
    key_id: Annotated[str, typer.Argument(help="As `keys list` shows it.")],
    tenant: Tenant = "default",
    overlap_s: Annotated[
        int, typer.Option(min=0, max=2_592_000, help="For how long the secret before goes on.")
    ] = 86_400,
    as_json: AsJson = False,
) -> None:
    """Give a key another secret. It is shown once; the one before goes on for a day, or as long as you say."""
    with live_service() as live:
        tenant_id, overlap = known_tenant(live, tenant), timedelta(seconds=overlap_s)
        made = live.access.rotate(tenant_id, key_id, live.clock.now(), by=COMMAND_LINE, overlap=overlap)
    _show(made, as_json=as_json)


@keys.command("rotate-data")
def rotate_data() -> None:
    """Seal all addresses anew, with the first key of NEARCAST_DATA_KEY.

    Every process must have the new key before: set NEARCAST_DATA_KEY=new,old everywhere, start them anew, run this, and
    then leave the old key out. It may be broken off and run again.
    """
    from nearcast.bootstrap import reseal

    print(f"{reseal():,} addresses sealed anew")


@keys.command("revoke")
def revoke_key(
    key_id: Annotated[str, typer.Argument(help="As `keys list` shows it.")], tenant: Tenant = "default"
) -> None:
    """End a key at once."""
    with live_service() as live:
        live.access.revoke(known_tenant(live, tenant), key_id, live.clock.now(), by=COMMAND_LINE)
    print("revoked")


def _show(made: "NewKey", *, as_json: bool) -> None:
    """A key, this once."""
    from nearcast.services.report import as_json as dumped

    print(dumped({"id": made.id, "key": made.key, "role": made.role.value}) if as_json else made.key)
