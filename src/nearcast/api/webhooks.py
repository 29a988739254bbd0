"""/v1/webhooks: who outside hears of transitions."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from pydantic import Field

from nearcast.api.keys import NoOnce, refuse_once
from nearcast.api.pages import Cursor, IfMatch, Limit, answered, etag, example, expected_revision, listed, shows
from nearcast.api.route import App, Asker, KeyedRoute, gone_once, open_to, shown_once
from nearcast.api.shops import same_id
from nearcast.domain.webhook import DeliveryStatus
from nearcast.services.event_ports import Delivery
from nearcast.services.ports import Revision
from nearcast.services.scalars import Id
from nearcast.services.scenario import Shape
from nearcast.services.webhook_shape import WebhookShape
from nearcast.services.webhooks import Opened

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"], route_class=KeyedRoute)
_ID = "wh_6d1f0c9a2b3e4d5f"
_EXAMPLE: dict[str, Any] = {
    "url": "https://example.com/visits",
    "events": ["enter", "dwell", "exit"],
    "shop_ids": ["cafe-central"],
    "with_position": False,
}
_SHOWN = {"id": _ID, **_EXAMPLE, "previous_until": None}
_OPENED = {**_SHOWN, "secret": "whsec_…"}
_EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "0b4e0bfa-3f0e-5a7c-9d0e-2f6a0f3f1c11.enter",
    "source": "urn:nearcast:t1",
    "type": "org.camaraproject.geofencing-subscriptions.v0.area-entered",
    "subject": "f1",
    "time": "2026-06-02T10:00:00Z",
    "datacontenttype": "application/json",
    "data": {
        "subscriptionId": _ID,
        "customer_id": "cust-0001",
        "geofence_id": "f1",
        "geofence_revision": 1,
        "shop_id": "cafe-central",
        "visit_id": "0b4e0bfa-3f0e-5a7c-9d0e-2f6a0f3f1c11",
        "kind": "enter",
        "decided_at": "2026-06-02T10:00:02Z",
        "initial": False,
        "inferred": False,
        "reason": None,
        "duration_s": None,
        "area": {"areaType": "CIRCLE", "center": {"latitude": 52.52, "longitude": 13.405}, "radius": 60.0},
    },
}
_DELIVERY: dict[str, Any] = {
    "id": "17",
    "event_id": _EVENT["id"],
    "customer_id": "cust-0001",
    "status": "dead",
    "attempts": 14,
    "next_attempt_at": None,
    "created_at": "2026-06-02T10:00:02Z",
    "ended_at": "2026-06-02T18:11:40Z",
    "answer": "503",
    "event": _EVENT,
}


class WebhookRotation(Shape):
    """For how many seconds the secret before goes on signing, too: a day by default, 0 ends it at once."""

    overlap_s: Annotated[int, Field(ge=0, le=2_592_000)] = 86_400


class NamedWebhook(WebhookShape):
    """A webhook as it is put; its id is that of its address."""

    id: Id


@router.get(
    "",
    summary="List webhooks",
    openapi_extra=open_to(),
    responses=shows("Webhooks by id, without their secrets.", {"items": [_SHOWN], "next_cursor": None}),
)
def list_webhooks(app: App, asker: Asker, cursor: Cursor = None, limit: Limit = 100) -> JSONResponse:
    """All webhooks of the tenant."""
    return listed(app.webhooks.page(asker, cursor=cursor, limit=limit), _shown)


@router.post(
    "",
    status_code=201,
    summary="Create a webhook",
    openapi_extra={**open_to(), **example(WebhookShape, _EXAMPLE)},
    responses=shows("The webhook, its secret shown this once.", _OPENED, status=201),
)
def create_webhook(app: App, asker: Asker, said: WebhookShape, once: NoOnce = None) -> JSONResponse:
    """It hears of every transition from now on, as a CloudEvent 1.0 in one POST each: at least once, with an id that
    stays the same, in order for each customer. `Nearcast-Signature: t=SECONDS,v1=HEX` is the HMAC-SHA256 of
    `SECONDS.BODY` under the secret; while two secrets are good there are two `v1`. What is not answered with 2xx is
    repeated for some eight hours, longer apart each time, and is then dead; 410 ends it at once. Nobody is told of who
    has withdrawn their consent to location, and no position is told without consent to `location.sharing`. Takes no
    Idempotency-Key.
    """
    refuse_once(once)
    return _opened(app.webhooks.create(asker, said, app.clock.now()), 201)


@router.get("/{webhook_id}", summary="Read a webhook", openapi_extra=open_to(), responses=shows("The webhook.", _SHOWN))
def read_webhook(app: App, asker: Asker, webhook_id: str) -> JSONResponse:
    """The current revision, its number as the ETag; never its secret."""
    found = app.webhooks.get(asker, webhook_id)
    return answered(_shown(found), headers=etag(found))


@router.put(
    "/{webhook_id}",
    summary="Change a webhook",
    openapi_extra={**open_to(), **example(NamedWebhook, {"id": _ID, **_EXAMPLE})},
    responses=shows("The webhook as it is kept.", _SHOWN),
)
def put_webhook(app: App, asker: Asker, webhook_id: str, said: NamedWebhook, if_match: IfMatch = None) -> JSONResponse:
    """The whole document; the secret stays. What waits goes to the new address."""
    same_id(said.id, webhook_id)
    now, expected = app.clock.now(), expected_revision(if_match)
    return shown_once(
        asker,
        lambda by: app.webhooks.put(by, webhook_id, said, now, expected=expected),
        lambda written: answered(_shown(written), headers=etag(written)),
    )


@router.delete(
    "/{webhook_id}", status_code=204, summary="Delete a webhook", openapi_extra=open_to(), response_class=Response
)
def delete_webhook(app: App, asker: Asker, webhook_id: str, if_match: IfMatch = None) -> Response:
    """What waits for it is cancelled."""
    now, expected = app.clock.now(), expected_revision(if_match)
    return gone_once(asker, lambda by: app.webhooks.delete(by, webhook_id, now, expected=expected))


@router.post(
    "/{webhook_id}/rotate",
    summary="Replace the secret of a webhook",
    openapi_extra={**open_to(), **example(WebhookRotation, {"overlap_s": 3600})},
    responses=shows(
        "The webhook with its new secret, shown this once.", {**_OPENED, "previous_until": "2026-06-02T11:00:00Z"}
    ),
)
def rotate_webhook(
    app: App, asker: Asker, webhook_id: str, said: WebhookRotation | None = None, once: NoOnce = None
) -> JSONResponse:
    """Until `previous_until` events are signed with both."""
    refuse_once(once)
    overlap = timedelta(seconds=(said or WebhookRotation()).overlap_s)
    return _opened(app.webhooks.rotate(asker, webhook_id, app.clock.now(), overlap=overlap))


@router.get(
    "/{webhook_id}/deliveries",
    summary="List what became of a webhook's events",
    openapi_extra=open_to(),
    responses=shows("Events, the newest first.", {"items": [_DELIVERY], "next_cursor": None}),
)
def list_deliveries(
    app: App,
    asker: Asker,
    webhook_id: str,
    status: DeliveryStatus | None = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> JSONResponse:
    """`answer` is the status or the failure of the last attempt. `event` is forgotten once it has been delivered."""
    return listed(app.webhooks.deliveries(asker, webhook_id, status, cursor=cursor, limit=limit), _told)


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/redeliver",
    summary="Deliver a dead event again",
    openapi_extra=open_to(),
    responses=shows("It waits again.", {**_DELIVERY, "status": "queued", "attempts": 0, "ended_at": None}),
)
def redeliver(app: App, asker: Asker, webhook_id: str, delivery_id: str) -> JSONResponse:
    """From its first attempt on. 404 where there is no dead event of that id."""
    now = app.clock.now()
    return shown_once(
        asker,
        lambda by: app.webhooks.redeliver(by, webhook_id, delivery_id, now),
        lambda waiting: answered(_told(waiting)),
    )


def _shown(found: Revision) -> dict[str, Any]:
    return {"id": found.id, **{name: found.doc[name] for name in (*_EXAMPLE, "previous_until")}}


def _opened(made: Opened, status: int = 200) -> JSONResponse:
    return answered({**_shown(made.revision), "secret": made.secret}, status, etag(made.revision))


def _told(delivery: Delivery) -> dict[str, Any]:
    told = {name: getattr(delivery, name) for name in _DELIVERY if name != "event"}
    return {**told, "event": delivery.doc}
