"""/v1/reservations: who comes when."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from nearcast.api.pages import Cursor, InstantInQuery, Limit, listed, shows
from nearcast.api.route import App, Asker, KeyedRoute, open_to
from nearcast.domain.ids import ShopId
from nearcast.domain.reservation import ReservationState
from nearcast.services.access import Role

router = APIRouter(prefix="/v1/reservations", tags=["reservations"], route_class=KeyedRoute)
_EXAMPLE: dict[str, Any] = {
    "reservation_id": "0b4e0bfa-3f0e-5a7c-9d0e-2f6a0f3f1c11",
    "reference": "3F1C11",
    "slot_id": "6f0c9a52-1d9c-5b7e-9a52-1d9c3f6f2b11",
    "shop_id": "cafe-central",
    "customer_id": "p-5f0c1f6d2e9a7b34",
    "channel": "whatsapp",
    "starts_at": "2026-06-05T17:00:00Z",
    "ends_at": "2026-06-05T19:00:00Z",
    "state": "booked",
    "made_at": "2026-06-02T10:00:00Z",
    "held_until": "2026-06-02T10:05:00Z",
    "booked_at": "2026-06-02T10:01:00Z",
    "ended_at": None,
}


@router.get(
    "",
    summary="List reservations",
    openapi_extra=open_to(Role.OWNER),
    responses=shows("Reservations, the last made first.", {"items": [_EXAMPLE], "next_cursor": None}),
)
def list_reservations(
    app: App,
    asker: Asker,
    shop_id: ShopId | None = None,
    state: ReservationState | None = None,
    since: Annotated[InstantInQuery | None, Query(alias="from", description="Slots that begin then or after.")] = None,
    until: Annotated[InstantInQuery | None, Query(description="Slots that begin before.")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> JSONResponse:
    """Of your shops. Owners see customers by the pseudonyms of the match log: who comes shows the `reference`. What is
    `held` and not confirmed is `expired` after five minutes.
    """
    page = app.reservations.page(
        asker,
        app.clock.now(),
        shop_id=shop_id,
        state=state,
        since=since,
        until=until,
        cursor=cursor,
        limit=limit,
    )
    return listed(page, lambda reservation: reservation)
