"""/v1/shops/{shop_id}/staff: the numbers that speak for a shop in a chat."""

from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import Field

from nearcast.api.nameless import Nameless
from nearcast.api.pages import answered, example, shows
from nearcast.api.route import App, Asker, KeyedRoute, open_to, shown_once
from nearcast.services.access import Role
from nearcast.services.scenario import Shape
from nearcast.services.texts import ChannelName, ShortText

router = APIRouter(prefix="/v1/shops/{shop_id}/staff", tags=["shops"], route_class=KeyedRoute)
_ADDRESSED = {"name": "Ada at the counter", "channel": "whatsapp", "address": "+4915112345678"}
_EXAMPLE = {"staff": [_ADDRESSED]}
_SHOWN = {"items": [{**_ADDRESSED, "verified_at": None, "code": "7K3M9QXT"}], "next_cursor": None}


class MemberShape(Shape):
    """Somebody who works in a shop, by their address on a channel."""

    name: ShortText
    channel: ChannelName
    address: Annotated[ShortText, Field(description="A number in E.164, with +, where the channel has numbers.")]


class StaffShape(Nameless):
    """All staff of a shop."""

    staff: Annotated[list[MemberShape], Field(max_length=50)]


@router.get(
    "",
    summary="List a shop's staff",
    openapi_extra=open_to(Role.OWNER),
    responses=shows("Who speaks for the shop; `code` until the number was shown to be theirs.", _SHOWN),
)
def read_staff(app: App, asker: Asker, shop_id: str) -> JSONResponse:
    """Each confirms their number by sending the code from it to yours."""
    return answered({"items": app.staff.of(asker, shop_id), "next_cursor": None})


@router.put(
    "",
    summary="Say who speaks for a shop",
    openapi_extra={**open_to(Role.OWNER), **example(StaffShape, _EXAMPLE)},
    responses=shows("The staff as they are kept.", _SHOWN),
)
def put_staff(app: App, asker: Asker, shop_id: str, staff: StaffShape) -> JSONResponse:
    """All of them; who is left out speaks for it no more. From these numbers, "sold out" or "pause" stops the shop's
    campaigns at once. Once a number is confirmed, "go on" lets them run again, and tests of campaigns go there.
    """
    now, said = app.clock.now(), [each.model_dump() for each in staff.staff]
    return shown_once(
        asker,
        lambda by: app.staff.put(by, shop_id, said, now),
        lambda kept: answered({"items": kept, "next_cursor": None}),
    )
