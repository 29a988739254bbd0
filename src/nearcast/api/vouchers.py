"""/v1/vouchers: what a till asks and says."""

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import JSONResponse

from nearcast.api.pages import answered, shows
from nearcast.api.route import App, Asker, KeyedRoute, open_to, shown_once
from nearcast.services.access import Role

router = APIRouter(prefix="/v1/vouchers", tags=["vouchers"], route_class=KeyedRoute)
_EXAMPLE = {
    "code": "7K3M-9QXT-2B4D-0F6H",
    "state": "issued",
    "title": "One espresso",
    "terms": "Not with other offers.",
    "shop_id": "cafe-central",
    "campaign_id": "coffee-after-four",
    "message_id": "1f0c5a5e-7f0e-5b7e-9a52-1d9c3f6f2b11",
    "issued_at": "2026-06-02T10:00:00Z",
    "expires_at": "2026-06-02T12:00:00Z",
    "redeemed_at": None,
}
_TAKEN = {**_EXAMPLE, "state": "redeemed", "redeemed_at": "2026-06-02T10:20:00Z"}
Code = Annotated[
    str,
    Path(description="As it was typed or scanned: case, spaces and dashes make no difference, O is 0, I and L are 1."),
]


@router.get(
    "/{code}",
    summary="Read a voucher",
    openapi_extra=open_to(Role.OWNER),
    responses=shows("The voucher; `state` is issued, redeemed, expired or void.", _EXAMPLE),
)
def read_voucher(app: App, asker: Asker, code: Code) -> JSONResponse:
    """Of your shops, without whose it is. It is `void` where its message was cancelled, expired or failed."""
    return answered(app.vouchers.get(asker, code, app.clock.now()))


@router.post(
    "/{code}/redeem",
    summary="Redeem a voucher",
    openapi_extra=open_to(Role.OWNER, Role.TILL),
    responses=shows("The voucher, which is taken from now on.", _TAKEN),
)
def redeem_voucher(app: App, asker: Asker, code: Code) -> JSONResponse:
    """Once among all tills; the same key that asks again within ten seconds gets the same answer. 409 with the code
    `voucher_redeemed`, `voucher_expired` or `voucher_void` where it cannot be taken, 404 for one of another shop.
    """
    now = app.clock.now()
    return shown_once(asker, lambda by: app.vouchers.redeem(by, code, now), answered)
