"""What all lists and all documents have in common: cursor pages, revisions as ETags, answers in JSON."""

import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar

from fastapi import Header, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, BeforeValidator

from nearcast.api.problems import Refusal
from nearcast.services.ports import Page, Revision
from nearcast.services.report import as_json
from nearcast.services.scalars import Instant

T = TypeVar("T")

Cursor = Annotated[str | None, Query(description="`next_cursor` of the page before.", max_length=500)]
Limit = Annotated[int, Query(description="How many at most.", ge=1, le=1000)]
InstantInQuery = Annotated[Instant, BeforeValidator(lambda said: said.replace(" ", "+"))]
"""A `+` that stands in a query as it is means a space there."""
IfMatch = Annotated[
    str | None, Header(description="The `ETag` that was read: the write is refused if it changed since.")
]
PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457.",
    "required": ["type", "title", "status", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Stable: programs can rely on it."},
        "detail": {"type": "string"},
        "path": {"type": "string", "description": "Where the first fault lies in what was sent."},
        "value": {"description": "What stood there."},
        "errors": {"type": "array", "items": {"type": "object"}},
    },
    "example": {
        "type": "about:blank",
        "title": "Invalid input",
        "status": 422,
        "code": "invalid_input",
        "detail": "opening_hours: 'Mo-Su 8-25' is not a time of day",
        "path": "opening_hours",
        "value": "Mo-Su 8-25",
        "errors": [],
    },
}


def answered(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """JSON with instants in UTC."""
    return JSONResponse(json.loads(as_json(content)), status, headers)


def listed(page: Page[T], shown: Callable[[T], object]) -> JSONResponse:
    """A cursor page."""
    return answered({"items": [shown(item) for item in page.items], "next_cursor": page.next_cursor})


def etag(revision: Revision) -> dict[str, str]:
    return {"ETag": f'"{revision.revision}"'}


def expected_revision(if_match: str | None) -> int | None:
    """The revision that an If-Match header names; None without one, or for `*`."""
    if if_match is None or if_match.strip() == "*":
        return None
    number = if_match.strip().removeprefix("W/").strip('"')
    if not (number.isascii() and number.isdecimal() and len(number) < 10):
        raise Refusal(400, 'If-Match is an ETag of this document, like "3"')
    return int(number)


def example(model: type[BaseModel], value: Mapping[str, Any]) -> dict[str, Any]:
    """For `openapi_extra`: the request body as this model, with an example that is checked against it."""
    model.model_validate(dict(value))
    return {"requestBody": {"content": {"application/json": {"example": dict(value)}}}}


def shows(
    description: str, value: object, *, status: int = 200, media: str = "application/json"
) -> dict[int | str, Any]:
    """For `responses`: what a route answers, by example."""
    return {status: {"description": description, "content": {media: {"example": value}}}}


def shows_kept(description: str, value: object) -> dict[int | str, Any]:
    """As `shows`, of a document that is put: 200 where it replaces one, 201 where it is new."""
    return {**shows(description, value), **shows("The same, of one that is new.", value, status=201)}
