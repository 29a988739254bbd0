"""/v1/retention: what is kept for how long."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from nearcast.api.pages import answered, shows
from nearcast.api.route import App, Asker, KeyedRoute, open_to
from nearcast.services.access import Role

router = APIRouter(prefix="/v1/retention", tags=["retention"], route_class=KeyedRoute)
_EXAMPLE: dict[str, Any] = {"kind": "pings", "kept_s": 86_400, "setting": "pings_hours", "why": None}


@router.get(
    "",
    summary="Read what is kept for how long",
    openapi_extra=open_to(Role.ANALYST),
    responses=shows("Every kind, the shortest first.", {"items": [_EXAMPLE], "next_cursor": None}),
)
def read_retention(app: App, asker: Asker) -> JSONResponse:
    """`kept_s` null is for ever, or until the customer is erased; `setting` is the key of `retention` in the settings
    that changes it. What was deleted, and when, is in the audit trail.
    """
    return answered({"items": app.retention.table(asker.tenant_id), "next_cursor": None})
