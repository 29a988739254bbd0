"""The HTTP service: JSON for machines, its description at /openapi.json."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from nearcast import __version__
from nearcast.api import (
    audit,
    campaigns,
    compliance,
    confirmations,
    conflicts,
    consents,
    customers,
    devices,
    evidence,
    explain,
    feeds,
    geofences,
    health,
    keys,
    match_log,
    messages,
    metrics,
    payment_events,
    payments,
    pings,
    problems,
    provider_webhooks,
    reservations,
    retention,
    reviews,
    senders,
    sensitive_places,
    settings,
    shops,
    slots,
    staff,
    templates,
    trials,
    usage,
    vouchers,
    webhooks,
)
from nearcast.api.address import Addresses
from nearcast.api.pages import PROBLEM
from nearcast.api.patience import Patience
from nearcast.api.route import bearer
from nearcast.api.short_cut import ShortCut
from nearcast.api.watch import Watch
from nearcast.services.application import Application

_DESCRIPTION = (
    "Send pings, draw geofences, write offers, and read why each message was sent or not. Errors are problems "
    "(RFC 9457) with a stable `code`. Writes take an `Idempotency-Key`: the same request again gets the same answer."
)
_ROUTERS = (
    shops.router,
    staff.router,
    geofences.router,
    trials.router,
    campaigns.router,
    conflicts.router,
    customers.router,
    consents.router,
    confirmations.router,
    devices.router,
    evidence.router,
    settings.router,
    retention.router,
    reviews.router,
    sensitive_places.router,
    keys.router,
    audit.router,
    compliance.router,
    pings.router,
    match_log.router,
    explain.router,
    messages.router,
    vouchers.router,
    slots.router,
    reservations.router,
    payments.router,
    senders.router,
    templates.router,
    usage.router,
    webhooks.router,
    metrics.router,
)
_OPEN_ROUTERS = (confirmations.links, feeds.router, health.router)


class _Service(FastAPI):
    """Tries the short cut before anything else."""

    def __init__(self, **said: Any) -> None:
        super().__init__(**said)
        self._short_cut = ShortCut(super().__call__)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self
        await self._short_cut(scope, receive, send)


def create_app(application: Application, *, pages: Sequence[APIRouter] = (), public_url: str | None = None) -> FastAPI:
    """The service of an application; `pages` are what is shown to people beside it."""
    app = _Service(
        title="nearcast",
        version=__version__,
        description=_DESCRIPTION,
        servers=[{"url": public_url}] if public_url else None,
        docs_url=None,  # these pages would load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        responses={
            "default": {"description": "What went wrong.", "content": {problems.MEDIA_TYPE: {"schema": PROBLEM}}}
        },
    )
    app.state.application = application
    app.state.public_url = public_url
    problems.install(app)
    app.add_middleware(Patience)
    app.add_middleware(Watch, figures=application.figures)
    app.add_middleware(Addresses)
    app.include_router(payment_events.links)
    app.include_router(provider_webhooks.links)  # before /v1/webhooks/{webhook_id}, which it looks like
    for router in _ROUTERS:
        app.include_router(router, dependencies=[Depends(bearer)])
    for open_router in _OPEN_ROUTERS:
        app.include_router(open_router)
    for page in pages:
        app.include_router(page)
    _make_routes(app)
    _describe(app)
    return app


def create_watch_app(application: Application) -> FastAPI:
    """What a process that serves nobody says of itself: its health and its figures."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.application = application
    problems.install(app)
    app.add_middleware(Addresses)
    app.include_router(metrics.router)
    app.include_router(health.router)
    _make_routes(app)
    return app


def _make_routes(app: FastAPI) -> None:
    """Now: else they are made at the first request."""
    for route in app.router.routes:
        route.matches({"type": "http", "method": "GET", "path": "/nowhere", "headers": []})


def _describe(app: FastAPI) -> None:
    """Every write's Idempotency-Key, and no answer that is never given."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        document = made()
        _restore_nulls(document)
        document["components"]["securitySchemes"] |= feeds.SCHEMES
        for path in document["paths"].values():
            for method, operation in path.items():
                operation.get("responses", {}).pop("422", None)  # said by `default`
                for internal in ("x-max-bytes", "x-media"):
                    operation.pop(internal, None)
                if method in ("post", "put", "patch", "delete") and operation.get("security") == _BY_KEY:
                    parameters = operation.setdefault("parameters", [])
                    if all(each["name"] != _KEY["name"] for each in parameters):
                        parameters.append(_KEY)
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _restore_nulls(document: dict[str, Any]) -> None:
    """The examples of answers as they were written: FastAPI leaves out what is null in them."""
    for router in (*_ROUTERS, *_OPEN_ROUTERS):
        for route in router.routes:
            if isinstance(route, APIRoute):
                for method in route.methods or ():
                    said = document["paths"][route.path][method.lower()]["responses"]
                    for status, shown in route.responses.items():
                        for media, content in shown.get("content", {}).items():
                            said[str(status)]["content"][media].update(content)


_BY_KEY: list[dict[str, list[str]]] = [{"HTTPBearer": []}]
_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "maxLength": 255},
    "description": "Your own name for this write; sent again within 24 h it gets the same answer.",
}
