"""/v1/shops"""

import secrets
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from pydantic import model_validator

from nearcast.api.pages import (
    Cursor,
    IfMatch,
    Limit,
    answered,
    etag,
    example,
    expected_revision,
    listed,
    shows,
    shows_kept,
)
from nearcast.api.route import App, Asker, KeyedRoute, gone_once, open_to, shown_once
from nearcast.domain.errors import InvalidInput
from nearcast.services.access import Role
from nearcast.services.ports import Revision
from nearcast.services.scenario import ShopShape

router = APIRouter(prefix="/v1/shops", tags=["shops"], route_class=KeyedRoute)
_EXAMPLE = {
    "id": "cafe-central",
    "name": "Café Central",
    "lat": 52.52,
    "lon": 13.405,
    "timezone": "Europe/Berlin",
    "opening_hours": "Mo-Sa 08:00-20:00",
    "closed_on": ["2026-12-25"],
}


class NewShop(ShopShape):
    """A shop; without an id it gets one."""

    @model_validator(mode="before")
    @classmethod
    def _with_id(cls, value: Any) -> Any:
        return with_id(value, "shop")


def with_id(value: Any, noun: str) -> Any:
    """A document that does not name itself gets a name."""
    is_nameless = isinstance(value, dict) and value.get("id") is None
    return {**value, "id": f"{noun}-{secrets.token_hex(6)}"} if is_nameless else value


def same_id(said: str, key: str) -> None:
    """InvalidInput where a document bears another id than its address."""
    if said != key:
        raise InvalidInput(f"is {said!r}, and the address says {key!r}", place="id")


@router.get(
    "",
    summary="List shops",
    openapi_extra=open_to(Role.OWNER),
    responses=shows("Shops by id.", {"items": [_EXAMPLE], "next_cursor": None}),
)
def list_shops(app: App, asker: Asker, cursor: Cursor = None, limit: Limit = 100) -> JSONResponse:
    """Your shops by id."""
    return listed(app.shops.page(asker, cursor=cursor, limit=limit), lambda shop: shop.doc)


@router.post(
    "",
    status_code=201,
    summary="Create a shop",
    openapi_extra={**open_to(Role.OWNER), **example(NewShop, _EXAMPLE)},
    responses=shows("The shop as it is kept.", _EXAMPLE, status=201),
)
def create_shop(app: App, asker: Asker, shop: NewShop) -> JSONResponse:
    """Opening hours are written as on OpenStreetMap; without any, they are no rule. 409 where the id is taken."""
    now = app.clock.now()
    return shown_once(asker, lambda by: app.shops.put(by, shop, now, is_new=True), _created)


@router.get(
    "/{shop_id}", summary="Read a shop", openapi_extra=open_to(Role.OWNER), responses=shows("The shop.", _EXAMPLE)
)
def read_shop(app: App, asker: Asker, shop_id: str) -> JSONResponse:
    """The current revision, its number as the ETag."""
    return _shown(app.shops.get(asker, shop_id))


@router.put(
    "/{shop_id}",
    summary="Create or replace a shop",
    openapi_extra={**open_to(Role.OWNER), **example(ShopShape, _EXAMPLE)},
    responses=shows_kept("The shop as it is kept.", _EXAMPLE),
)
def put_shop(app: App, asker: Asker, shop_id: str, shop: ShopShape, if_match: IfMatch = None) -> JSONResponse:
    """The whole document: what is left out does not hold any more. Earlier revisions are kept."""
    same_id(shop.id, shop_id)
    now, expected = app.clock.now(), expected_revision(if_match)
    return shown_once(asker, lambda by: app.shops.put(by, shop, now, expected=expected), _written)


@router.delete(
    "/{shop_id}", status_code=204, summary="Delete a shop", openapi_extra=open_to(Role.OWNER), response_class=Response
)
def delete_shop(app: App, asker: Asker, shop_id: str, if_match: IfMatch = None) -> Response:
    """409 while campaigns or geofences belong to it."""
    now, expected = app.clock.now(), expected_revision(if_match)
    return gone_once(asker, lambda by: app.shops.delete(by, shop_id, now, expected=expected))


def _created(shop: Revision) -> JSONResponse:
    return _shown(shop, 201)


def _written(shop: Revision) -> JSONResponse:
    return _shown(shop, 201 if shop.revision == 1 else 200)


def _shown(shop: Revision, status: int = 200) -> JSONResponse:
    return answered(shop.doc, status, etag(shop))
