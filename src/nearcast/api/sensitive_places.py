"""/v1/sensitive-places: where nobody may draw a geofence."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Response
from fastapi.responses import JSONResponse

from nearcast.api.body import MIB
from nearcast.api.pages import Cursor, IfMatch, Limit, answered, etag, expected_revision, listed, shows
from nearcast.api.route import App, Asker, KeyedRoute, gone_once, open_to, shown_once
from nearcast.domain.sensitive import CATEGORIES
from nearcast.services.fence_input import names_nothing
from nearcast.services.sensitive_places import Protected

router = APIRouter(prefix="/v1/sensitive-places", tags=["sensitive places"], route_class=KeyedRoute)
_EXAMPLE: dict[str, Any] = {
    "type": "Feature",
    "id": "clinic-am-park",
    "geometry": {"type": "Point", "coordinates": [13.41, 52.54]},
    "properties": {"category": "clinic", "name": "Clinic at the park", "radius_m": 120},
}
_SHOWN = {**_EXAMPLE, "suppresses": ["old-town"]}
Feature = Annotated[
    dict[str, Any],
    Body(
        description=(
            "A Polygon, a MultiPolygon, or a Point with `radius_m`, and its `category`: "
            + "; ".join(f"`{code}`, {said}" for code, said in CATEGORIES.items())
            + "."
        ),
        examples=[_EXAMPLE],
    ),
]


@router.get(
    "",
    summary="List sensitive places",
    openapi_extra=open_to(),
    responses=shows("Features by id.", {"items": [_EXAMPLE], "next_cursor": None}),
)
def list_places(app: App, asker: Asker, cursor: Cursor = None, limit: Limit = 100) -> JSONResponse:
    """The deny list by id."""
    return listed(app.sensitive_places.page(asker, cursor=cursor, limit=limit), lambda place: place.doc)


@router.get(
    "/{place_id}",
    summary="Read a sensitive place",
    openapi_extra=open_to(),
    responses=shows("The Feature.", _EXAMPLE),
)
def read_place(app: App, asker: Asker, place_id: str) -> JSONResponse:
    """The current revision, its number as the ETag."""
    found = app.sensitive_places.get(asker, place_id)
    return answered(found.doc, headers=etag(found))


@router.put(
    "/{place_id}",
    summary="Protect a place",
    status_code=201,
    openapi_extra=open_to(max_bytes=8 * MIB),
    responses={
        **shows("The Feature as it is kept, and the geofences that it silences.", _SHOWN, status=201),
        **shows("The same, of a place that was protected before.", _SHOWN),
    },
)
def put_place(app: App, asker: Asker, place_id: str, feature: Feature, if_match: IfMatch = None) -> JSONResponse:
    """No geofence that overlaps it can be created or changed from now on: 422, `sensitive_location`. Of those in force,
    `suppresses` are the ones that overlap it: nothing is sent about them, and what is queued is cancelled.
    """
    named = {**feature, "id": place_id} if names_nothing(feature) else feature
    now, expected = app.clock.now(), expected_revision(if_match)
    return shown_once(
        asker, lambda by: app.sensitive_places.put(by, place_id, named, now, expected=expected), _protected
    )


@router.delete(
    "/{place_id}",
    status_code=204,
    summary="Protect a place no longer",
    openapi_extra=open_to(),
    response_class=Response,
)
def delete_place(app: App, asker: Asker, place_id: str, if_match: IfMatch = None) -> Response:
    """Geofences over it, and over no other, send again."""
    now, expected = app.clock.now(), expected_revision(if_match)
    return gone_once(asker, lambda by: app.sensitive_places.delete(by, place_id, now, expected=expected))


def _protected(kept: Protected) -> JSONResponse:
    status = 201 if kept.revision.revision == 1 else 200
    return answered({**kept.revision.doc, "suppresses": kept.suppresses}, status, etag(kept.revision))
