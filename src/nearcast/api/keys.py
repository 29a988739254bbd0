"""/v1/keys: who may ask what."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from fastapi.responses import JSONResponse
from pydantic import Field

from nearcast.api.pages import answered, example, shows
from nearcast.api.problems import Refusal
from nearcast.api.route import App, Asker, KeyedRoute, gone_once, open_to
from nearcast.domain.ids import ShopId
from nearcast.services.access import OVERLAP, NewKey, Role
from nearcast.services.key_ports import ApiKey
from nearcast.services.scalars import Id
from nearcast.services.scenario import Shape
from nearcast.services.texts import ShortText

router = APIRouter(prefix="/v1/keys", tags=["keys"], route_class=KeyedRoute)
_EXAMPLE: dict[str, Any] = {
    "name": "the café's till",
    "role": "till",
    "shop_ids": ["cafe-central"],
    "expires_in_days": 90,
}
_SHOWN = {
    "id": "6d1f0c9a2b3e4d5f",
    "name": "the café's till",
    "role": "till",
    "shop_ids": ["cafe-central"],
    "created_at": "2026-06-02T10:00:00Z",
    "expires_at": "2026-08-31T10:00:00Z",
    "last_used_at": "2026-06-02T10:00:00Z",
    "previous_until": None,
    "revoked_at": None,
}
_NEW = {"id": "6d1f0c9a2b3e4d5f", "key": "nc_6d1f0c9a2b3e4d5f_…", "role": "till", "expires_at": "2026-08-31T10:00:00Z"}
NoOnce = Annotated[
    str | None,
    Header(alias="Idempotency-Key", description="Refused here: the answer holds a secret, which is kept nowhere."),
]


class NewKeyShape(Shape):
    """A key: `shop_ids` bind an owner or a till to these shops; an owner without them has the whole tenant, a till must
    have some. Without `expires_in_days` a key ends when it is revoked.
    """

    name: ShortText
    role: Annotated[Role, Field(strict=False)]
    shop_ids: Annotated[list[Id], Field(min_length=1, max_length=1000)] | None = None
    expires_in_days: Annotated[int, Field(ge=1, le=3650)] | None = None


class Rotation(Shape):
    """For how many seconds the secret before goes on opening the key: a day by default, 0 ends it at once."""

    overlap_s: Annotated[int, Field(ge=0, le=2_592_000)] = round(OVERLAP.total_seconds())


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
    responses=shows("The key, shown this once.", _NEW, status=201),
)
def create_key(app: App, asker: Asker, new: NewKeyShape, once: NoOnce = None) -> JSONResponse:
    """It is kept as a hash: whoever loses it rotates it. Takes no Idempotency-Key."""
    refuse_once(once)
    shop_ids = None if new.shop_ids is None else [ShopId(key) for key in new.shop_ids]
    expires_in = None if new.expires_in_days is None else timedelta(days=new.expires_in_days)
    made = app.access.create(
        asker.tenant_id, new.role, new.name, app.clock.now(), by=asker.actor, shop_ids=shop_ids, expires_in=expires_in
    )
    return answered(_new(made), 201)


@router.post(
    "/{key_id}/rotate",
    summary="Replace the secret of an API key",
    openapi_extra={**open_to(), **example(Rotation, {"overlap_s": 3600})},
    responses=shows(
        "The key with its new secret, shown this once.", {**_NEW, "previous_until": "2026-06-02T11:00:00Z"}
    ),
)
def rotate_key(app: App, asker: Asker, key_id: str, said: Rotation | None = None, once: NoOnce = None) -> JSONResponse:
    """Both secrets open it until `previous_until`. 404 where there is no key that is neither revoked nor expired."""
    refuse_once(once)
    overlap = timedelta(seconds=(said or Rotation()).overlap_s)
    made = app.access.rotate(asker.tenant_id, key_id, app.clock.now(), by=asker.actor, overlap=overlap)
    return answered({**_new(made), "previous_until": made.previous_until})


@router.delete(
    "/{key_id}", status_code=204, summary="Revoke an API key", openapi_extra=open_to(), response_class=Response
)
def revoke_key(app: App, asker: Asker, key_id: str) -> Response:
    """From its next request on it is refused. 404 where there is none that has not been revoked."""
    now = app.clock.now()
    return gone_once(asker, lambda by: app.access.revoke(by.tenant_id, key_id, now, by=by.actor, keep=by.keep))


def refuse_once(once: str | None) -> None:
    """Refusal 400 where a request of this kind bears an Idempotency-Key."""
    if once is not None:
        raise Refusal(400, "this route takes no Idempotency-Key: its answer holds a secret, which is kept nowhere")


def _new(made: NewKey) -> dict[str, Any]:
    return {"id": made.id, "key": made.key, "role": made.role.value, "expires_at": made.expires_at}


def _shown(key: ApiKey) -> dict[str, Any]:
    return {name: getattr(key, name) for name in _SHOWN}
