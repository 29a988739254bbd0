"""/v1/devices: what speaks for a customer, each with a password and a token of its own."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from nearcast.api.keys import NoOnce, refuse_once
from nearcast.api.pages import Cursor, Limit, answered, example, listed, shows
from nearcast.api.route import App, Asker, KeyedRoute, gone_once, open_to
from nearcast.services.device_ports import Device
from nearcast.services.devices import FeedName
from nearcast.services.scalars import Id
from nearcast.services.scenario import Shape

router = APIRouter(prefix="/v1/devices", tags=["devices"], route_class=KeyedRoute)
_EXAMPLE: dict[str, Any] = {"customer_id": "cust-0001", "feed": "owntracks"}
_NEW = {
    "device_id": "dev-6d1f0c9a2b3e4d5f",
    "username": "dev-6d1f0c9a2b3e4d5f",
    "password": "…",
    "token": "dev-6d1f0c9a2b3e4d5f.…",
    "onboarding_url": "https://nearcast.example/onboarding/…",
}
_SHOWN = {
    "device_id": "dev-6d1f0c9a2b3e4d5f",
    "customer_id": "cust-0001",
    "feed": "owntracks",
    "created_at": "2026-06-02T10:00:00Z",
    "revoked_at": None,
    "last_seen_at": "2026-06-02T10:05:00Z",
}
OfCustomer = Annotated[str | None, Query(alias="customer_id", description="Only this customer's, oldest first.")]


class NewDeviceShape(Shape):
    """A device of this customer, for the protocol that its app speaks."""

    customer_id: Id
    feed: FeedName


@router.get(
    "",
    summary="List devices",
    openapi_extra=open_to(),
    responses=shows("Devices by id, without their secrets.", {"items": [_SHOWN], "next_cursor": None}),
)
def list_devices(
    app: App, asker: Asker, customer_id: OfCustomer = None, cursor: Cursor = None, limit: Limit = 100
) -> JSONResponse:
    """All devices, revoked ones too. `last_seen_at` is right to five minutes."""
    page = app.devices.page(asker, customer_id=customer_id, cursor=cursor, limit=limit)
    return listed(page, _shown)


@router.post(
    "",
    status_code=201,
    summary="Create a device",
    openapi_extra={**open_to(), **example(NewDeviceShape, _EXAMPLE)},
    responses=shows("The device and its secrets, shown this once.", _NEW, status=201),
)
def create_device(app: App, asker: Asker, request: Request, new: NewDeviceShape, once: NoOnce = None) -> JSONResponse:
    """Its secrets are kept as hashes and name the customer: whoever has one sends this customer's pings to
    `/v1/feeds/…`, as Basic user and password, as Bearer token or as `?token=`. Clients of `traccar` and `osmand` send
    their `username` as their id. Send `onboarding_url` to the customer: there they agree, and set their phone up. What
    comes without a live consent to location is refused; a withdrawal revokes all devices of the customer at once.
    """
    refuse_once(once)
    now = app.clock.now()
    made = app.devices.create(asker, new.customer_id, new.feed, now)
    link = app.onboarding.link(asker.tenant_id, made, now)
    return answered(
        {
            "device_id": made.device_id,
            "username": made.username,
            "password": made.password,
            "token": made.token,
            "onboarding_url": f"{_public_url(request)}/onboarding/{link}",
        },
        201,
    )


@router.delete(
    "/{device_id}", status_code=204, summary="Revoke a device", openapi_extra=open_to(), response_class=Response
)
def revoke_device(app: App, asker: Asker, device_id: str) -> Response:
    """From its next request on it is refused. 404 where there is none that has not been revoked."""
    now = app.clock.now()
    return gone_once(asker, lambda by: app.devices.revoke(by, device_id, now))


def _public_url(request: Request) -> str:
    """Where this service is found from outside, without a slash at the end: as it is set, else as it was asked."""
    said: str | None = request.app.state.public_url
    return (said or str(request.base_url)).rstrip("/")


def _shown(device: Device) -> dict[str, Any]:
    return {"device_id": device.id, **{name: getattr(device, name) for name in _SHOWN if name != "device_id"}}
