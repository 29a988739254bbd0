"""/v1/senders: how senders stand with their providers."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from nearcast.api.pages import answered, shows
from nearcast.api.route import App, Asker, KeyedRoute, open_to, shown_once

router = APIRouter(prefix="/v1/senders", tags=["senders"], route_class=KeyedRoute)
_STOPPED: dict[str, Any] = {
    "channel": "whatsapp",
    "sender": "106540352242922",
    "stopped_at": "2026-06-02T10:00:00Z",
    "code": "190",
    "scope": "token",
    "trial_at": "2026-06-02T10:05:00Z",
    "rate": 1.0,
    "people_a_day": 250,
    "people_written_to": 41,
}
_RUNNING = {**_STOPPED, "stopped_at": None, "code": None, "scope": None, "trial_at": None}


@router.get(
    "",
    summary="List senders",
    openapi_extra=open_to(),
    responses=shows("Senders by channel.", {"items": [_STOPPED], "next_cursor": None}),
)
def list_senders(app: App, asker: Asker) -> JSONResponse:
    """`code` is what the provider stopped it with: nothing leaves, but from `trial_at` on one message that finds out.
    With the scope `marketing` only that stands still, and with `token` we ask the provider ourselves until it takes
    ours again. Tenants that share a sender share how it stands.
    `rate` is which part of its speed it has left after complaints. `people_written_to` counts those of the last 24
    hours, of whom there may be `people_a_day`; null is any number.
    """
    return answered({"items": app.senders.all(asker, app.clock.now()), "next_cursor": None})


@router.post(
    "/{channel}/{sender}/resume",
    summary="Let a stopped sender go on",
    openapi_extra=open_to(),
    responses=shows("The sender as it stands now.", _RUNNING),
)
def resume_sender(app: App, asker: Asker, channel: str, sender: str) -> JSONResponse:
    """Once the cause is gone, a token replaced or a bill paid: what waits leaves, as long as its offer holds. The next
    refusal stops it again.
    """
    now = app.clock.now()
    return shown_once(asker, lambda by: app.senders.resume(by, channel, sender, now), answered)
