"""/v1/keys: who may ask what."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from fastapi.responses import JSONResponse
from pydantic import Field

from nearcast.api.pages import answered, example, shows
from nearcast.api.problems import Refusal
from nearcast.api.route import App, Asker, KeyedRoute, open_to
from nearcast.domain.ids import ShopId
from nearcast.services.access import Role
from nearcast.services.key_ports import ApiKey
from nearcast.services.scenario import Id, Shape
from nearcast.services.texts import ShortText

router = APIRouter(prefix="/v1/keys", tags=["keys"], route_class=KeyedRoute)
_EXAMPLE: dict[str, Any] = {"name": "the café's till", "role": "owner", "shop_ids": ["cafe-central"]}
_SHOWN = {"id": "6d1f0c9a2b3e4d5f", **_EXAMPLE, "created_at": "2026-06-02T10:00:00Z", "revoked_at": None}
NoOnce = Annotated[
    str | None,
    Header(alias="Idempotency-Key", description="Refused here: the answer holds a secret, which is kept nowhere."),
]


class NewKeyShape(Shape):
    """A key: `shop_ids` bind an owner to these shops; without them a key is for the whole tenant."""

    name: ShortText
    role: Annotated[Role, Field(strict=False)]
    shop_ids: Annotated[list[Id], Field(min_length=1, max_length=1000)] | None = None


@router.get(
    "",
    summary="List API keys",
    openapi_extra=open_to(),
    responses=shows("Keys, oldest first, without their secrets.", {"items": [_SHOWN], "next_cursor": None}),
)
def list_keys(app: App, asker: Asker) -> JSONResponse:
    """All keys, revoked ones too."""
    return answered({"items": [_shown(key) for key in app.access.all(asker.tenant_id)], "next_cursor": None})


@router.post(
    "",
    status_code=201,
    summary="Create an API key",
    openapi_extra={**open_to(), **example(NewKeyShape, _EXAMPLE)},
    responses=shows(
        "The key, shown this once.",
        {"id": "6d1f0c9a2b3e4d5f", "key": "nc_6d1f0c9a2b3e4d5f_…", "role": "owner"},
        status=201,
    ),
)
def create_key(app: App, asker: Asker, new: NewKeyShape, once: NoOnce = None) -> JSONResponse:
    """It is kept as a hash: whoever loses it revokes it and creates another. Takes no Idempotency-Key."""
    if once is not None:
        raise Refusal(400, "this route takes no Idempotency-Key: its answer holds a secret, which is kept nowhere")
    shop_ids = None if new.shop_ids is None else [ShopId(key) for key in new.shop_ids]
    made = app.access.create(asker.tenant_id, new.role, new.name, app.clock.now(), shop_ids=shop_ids)
    return answered({"id": made.id, "key": made.key, "role": made.role.value}, 201)


@router.delete(
    "/{key_id}", status_code=204, summary="Revoke an API key", openapi_extra=open_to(), response_class=Response
)
def revoke_key(app: App, asker: Asker, key_id: str) -> Response:
    """From its next request on it is refused. 404 where there is none that has not been revoked."""
    app.access.revoke(asker.tenant_id, key_id, app.clock.now())
    return Response(status_code=204)


def _shown(key: ApiKey) -> dict[str, Any]:
    return {name: getattr(key, name) for name in ("id", "name", "role", "shop_ids", "created_at", "revoked_at")}
