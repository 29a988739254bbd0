"""/v1/audit: who changed what, and who was refused."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from nearcast.api.pages import Cursor, InstantInQuery, Limit, listed, shows
from nearcast.api.route import App, Asker, KeyedRoute, open_to
from nearcast.services.audit import entry_row
from nearcast.services.audit_ports import AuditFilter

router = APIRouter(prefix="/v1/audit", tags=["audit"], route_class=KeyedRoute)
_EXAMPLE = {
    "at": "2026-06-02T10:00:00Z",
    "actor": "6d1f0c9a2b3e4d5f",
    "role": "owner",
    "action": "changed",
    "kind": "shop",
    "id": "cafe-central",
    "before_sha256": "9f" * 32,
    "after_sha256": "5f" * 32,
    "detail": None,
}


@router.get(
    "",
    summary="List who did what",
    openapi_extra=open_to(),
    responses=shows("Entries, the last written first.", {"items": [_EXAMPLE], "next_cursor": None}),
)
def list_entries(
    app: App,
    asker: Asker,
    actor: Annotated[str | None, Query(description="The id of a key, or who else it was.", max_length=200)] = None,
    kind: Annotated[str | None, Query(description="shop, geofence, campaign, settings, key …", max_length=200)] = None,
    key: Annotated[str | None, Query(alias="id", description="What it was done to.", max_length=200)] = None,
    since: Annotated[InstantInQuery | None, Query(alias="from", description="`at` from then on.")] = None,
    until: Annotated[InstantInQuery | None, Query(description="`at` before then.")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> JSONResponse:
    """Edits with the SHA-256 of the whole document before and after, changes of customers by subject and without
    personal data, and accesses that were `denied`. Entries are never changed or taken out.
    """
    wanted = AuditFilter(actor=actor, kind=kind, id=key, since=since, until=until)
    return listed(app.audit.page(asker.tenant_id, wanted, cursor=cursor, limit=limit), entry_row)
