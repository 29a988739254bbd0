"""/v1/shops/{shop_id}/slots: the times at which a shop has places to reserve."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse
from pydantic import Field

from nearcast.api.nameless import Nameless
from nearcast.api.pages import Cursor, InstantInQuery, Limit, answered, example, listed, shows
from nearcast.api.route import App, Asker, KeyedRoute, gone_once, open_to, shown_once
from nearcast.domain.reservation import MOST_PLACES
from nearcast.services.access import Role
from nearcast.services.scalars import Instant
from nearcast.services.scenario import Shape

router = APIRouter(prefix="/v1/shops/{shop_id}/slots", tags=["reservations"], route_class=KeyedRoute)
_SLOT = {"starts_at": "2026-06-05T17:00:00Z", "ends_at": "2026-06-05T19:00:00Z", "capacity": 4}
_EXAMPLE = {"slots": [_SLOT]}
_SHOWN: dict[str, Any] = {
    "items": [{"slot_id": "6f0c9a52-1d9c-5b7e-9a52-1d9c3f6f2b11", "shop_id": "cafe-central", **_SLOT, "taken": 1}],
    "next_cursor": None,
}


class SlotShape(Shape):
    """A time at which so many customers have a place, each with a reservation of their own."""

    starts_at: Instant
    ends_at: Annotated[Instant, Field(description="After `starts_at`, by 31 days at most.")]
    capacity: Annotated[int, Field(ge=1, le=MOST_PLACES)]


class SlotsShape(Nameless):
    """Slots of a shop."""

    slots: Annotated[list[SlotShape], Field(min_length=1, max_length=500)]


@router.get(
    "",
    summary="List a shop's slots",
    openapi_extra=open_to(Role.OWNER),
    responses=shows("Slots by their beginning; `taken` of their places are held or booked.", _SHOWN),
)
def read_slots(
    app: App,
    asker: Asker,
    shop_id: str,
    since: Annotated[InstantInQuery | None, Query(alias="from", description="Ends after; by default now.")] = None,
    until: Annotated[InstantInQuery | None, Query(description="Begins before.")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> JSONResponse:
    """Those that are not over, or of the time that you ask for."""
    page = app.slots.page(asker, shop_id, app.clock.now(), since=since, until=until, cursor=cursor, limit=limit)
    return listed(page, lambda slot: slot)


@router.put(
    "",
    summary="Write slots of a shop",
    openapi_extra={**open_to(Role.OWNER), **example(SlotsShape, _EXAMPLE)},
    responses=shows("The slots that were written.", _SHOWN),
)
def put_slots(app: App, asker: Asker, shop_id: str, slots: SlotsShape) -> JSONResponse:
    """Beside those that the shop has: one that begins at the same instant is changed. 409 where customers have places
    in it, and it is to end at another time or to have fewer. Customers choose among the next ten that are free.
    """
    now, said = app.clock.now(), [each.model_dump() for each in slots.slots]
    return shown_once(
        asker,
        lambda by: app.slots.put(by, shop_id, said, now),
        lambda kept: answered({"items": kept, "next_cursor": None}),
    )


@router.delete(
    "/{slot_id}",
    status_code=204,
    summary="Delete a slot",
    openapi_extra=open_to(Role.OWNER),
    response_class=Response,
)
def delete_slot(app: App, asker: Asker, shop_id: str, slot_id: str) -> Response:
    """409 with the code `in_use` while customers have places in it: write it with no more than these instead."""
    now = app.clock.now()
    return gone_once(asker, lambda by: app.slots.delete(by, shop_id, slot_id, now))
