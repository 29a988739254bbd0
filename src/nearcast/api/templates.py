"""/v1/templates: texts that a provider has to approve."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import Field

from nearcast.api.pages import Cursor, Limit, answered, example, listed, shows
from nearcast.api.route import App, Asker, KeyedRoute, open_to, shown_once
from nearcast.domain.template import MessageTemplate
from nearcast.domain.template_draft import TemplateDraft
from nearcast.services.access import Role
from nearcast.services.scenario import Shape

router = APIRouter(prefix="/v1/templates", tags=["templates"], route_class=KeyedRoute)
_EXAMPLE: dict[str, Any] = {
    "name": "coffee_offer",
    "language": "en",
    "category": "MARKETING",
    "components": [
        {
            "type": "BODY",
            "text": "Hello {{1}}, coffee is 20 % off for you at the counter until {{2}} today.",
            "example": {"body_text": [["Anna", "11:30"]]},
        },
        {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "Stop offers"}]},
    ],
    "ttl_s": 43_200,
}
_SHOWN: dict[str, Any] = {
    "name": "coffee_offer",
    "language": "en",
    "category": "MARKETING",
    "status": "APPROVED",
    "quality": "GREEN",
    "is_usable": True,
    "stop_code": None,
    "stopped_at": None,
    "variables": ["1", "2"],
    "components": _EXAMPLE["components"],
    "ttl_s": 43_200,
    "status_at": "2026-06-02T10:00:00Z",
}


class NewTemplate(Shape):
    """A template as it is asked for, its components in the provider's own words."""

    name: str
    language: str
    category: str
    components: Annotated[list[dict[str, Any]], Field(max_length=10)]
    ttl_s: int | None = None


@router.get(
    "",
    summary="List templates",
    openapi_extra=open_to(Role.OWNER),
    responses=shows("Templates by name and language.", {"items": [_SHOWN], "next_cursor": None}),
)
def list_templates(app: App, asker: Asker, cursor: Cursor = None, limit: Limit = 100) -> JSONResponse:
    """As they were last seen at the provider. Only what `is_usable` is sent: approved, not paused, of no bad quality
    and not refused since (`stop_code`).
    """
    return listed(app.templates.page(asker, cursor=cursor, limit=limit), _shown)


@router.post(
    "",
    status_code=201,
    summary="Ask for a template",
    openapi_extra={**open_to(), **example(NewTemplate, _EXAMPLE)},
    responses=shows("The template, mostly to be approved yet.", {**_SHOWN, "status": "PENDING"}, status=201),
)
def create_template(app: App, asker: Asker, said: NewTemplate) -> JSONResponse:
    """Checked by the provider's rules before it is asked. `category` in the answer is what the provider has filed it
    under, which may be another than was asked for, with another price. 409 where the provider refuses it, 502 where it
    does not answer.
    """
    draft = TemplateDraft(**{**said.model_dump(), "components": tuple(said.components)})
    now = app.clock.now()
    return shown_once(asker, lambda by: app.templates.create(by, draft, now), lambda made: answered(_shown(made), 201))


@router.post(
    "/sync",
    summary="Read all templates back",
    openapi_extra=open_to(),
    responses=shows("How many there are, and what was new.", {"seen": 3, "changed": 1, "gone": 0}),
)
def sync_templates(app: App, asker: Asker) -> JSONResponse:
    """What the provider does not list any more is `DELETED`. Messages that wait for a template leave once it can be
    used.
    """
    now = app.clock.now()
    return shown_once(asker, lambda by: app.templates.sync(by, now), lambda synced: answered(asdict(synced)))


@router.get(
    "/{name}/{language}",
    summary="Read a template",
    openapi_extra=open_to(Role.OWNER),
    responses=shows("The template as it was last seen.", _SHOWN),
)
def read_template(app: App, asker: Asker, name: str, language: str) -> JSONResponse:
    """`variables` are those of its body, in the order in which an offer fills them in."""
    return answered(_shown(app.templates.get(asker, name, language)))


def _shown(template: MessageTemplate) -> dict[str, Any]:
    return {name: getattr(template, name) for name in _SHOWN}
