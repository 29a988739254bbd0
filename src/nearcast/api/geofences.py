"""/v1/geofences: GeoJSON Features, in and out."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Response
from fastapi.responses import JSONResponse

from nearcast.api.body import MIB
from nearcast.api.pages import Cursor, IfMatch, Limit, answered, etag, expected_revision, listed, shows
from nearcast.api.route import App, Asker, KeyedRoute, open_to
from nearcast.api.shops import with_id
from nearcast.services.access import Role
from nearcast.services.ports import Revision

router = APIRouter(prefix="/v1/geofences", tags=["geofences"], route_class=KeyedRoute)
_EXAMPLE: dict[str, Any] = {
    "type": "Feature",
    "id": "cafe-central-door",
    "geometry": {"type": "Point", "coordinates": [13.405, 52.52]},
    "properties": {"shop_id": "cafe-central", "name": "In front of the café", "radius_m": 60, "dwell_s": 120},
}
Feature = Annotated[
    dict[str, Any],
    Body(
        description=(
            "A Polygon, a MultiPolygon, or a Point with `radius_m`; `shop_id` where it belongs to a shop; optional "
            "`name`, `dwell_s`, `tags`, `active_hours`. Other properties and members are kept."
        ),
        examples=[_EXAMPLE],
    ),
]
_WRITES = open_to(Role.OWNER, max_bytes=8 * MIB)


@router.get(
    "",
    summary="List geofences",
    openapi_extra=open_to(Role.OWNER),
    responses=shows("Features by id.", {"items": [_EXAMPLE], "next_cursor": None}),
)
def list_geofences(app: App, asker: Asker, cursor: Cursor = None, limit: Limit = 100) -> JSONResponse:
    """Those in force, of your shops, by id."""
    return listed(app.fences.page(asker, cursor=cursor, limit=limit), lambda geofence: geofence.doc)


@router.post(
    "",
    status_code=201,
    summary="Create a geofence",
    openapi_extra=_WRITES,
    responses=shows("The Feature as it is kept.", _EXAMPLE, status=201),
)
def create_geofence(app: App, asker: Asker, feature: Feature) -> JSONResponse:
    """Without an id it gets one. The next batch of pings is matched against it; nobody gets a message for already
    standing inside. 422 names what is wrong and where, down to the vertex; 409 where the id is taken.
    """
    return _shown(app.fences.put(asker, _identified(feature), app.clock.now(), is_new=True), 201)


@router.get(
    "/{geofence_id}",
    summary="Read a geofence",
    openapi_extra=open_to(Role.OWNER),
    responses=shows("The Feature.", _EXAMPLE),
)
def read_geofence(app: App, asker: Asker, geofence_id: str) -> JSONResponse:
    """The revision in force, its number as the ETag."""
    return _shown(app.fences.get(asker, geofence_id))


@router.put(
    "/{geofence_id}",
    summary="Create or replace a geofence",
    openapi_extra=_WRITES,
    responses=shows("The Feature as it is kept.", _EXAMPLE),
)
def put_geofence(app: App, asker: Asker, geofence_id: str, feature: Feature, if_match: IfMatch = None) -> JSONResponse:
    """Open visits go on in the new revision, and end where their customers are outside of it by their next ping."""
    named = {"id": geofence_id, **feature} if _names_nothing(feature) else feature
    written = app.fences.put(asker, named, app.clock.now(), key=geofence_id, expected=expected_revision(if_match))
    return _shown(written, 201 if written.revision == 1 else 200)


@router.delete(
    "/{geofence_id}",
    status_code=204,
    summary="Delete a geofence",
    openapi_extra=open_to(Role.OWNER),
    response_class=Response,
)
def delete_geofence(app: App, asker: Asker, geofence_id: str, if_match: IfMatch = None) -> Response:
    """Visits there end, and what is queued for it is cancelled. Campaigns that name it go on without it."""
    app.fences.delete(asker, geofence_id, app.clock.now(), expected=expected_revision(if_match))
    return Response(status_code=204)


def _identified(feature: dict[str, Any]) -> dict[str, Any]:
    named: dict[str, Any] = with_id(feature, "geofence") if _names_nothing(feature) else feature
    return named


def _names_nothing(feature: dict[str, Any]) -> bool:
    properties = feature.get("properties")
    inside = properties if isinstance(properties, dict) else {}
    return all(value is None for value in (feature.get("id"), inside.get("id"), inside.get("osm_id")))


def _shown(geofence: Revision, status: int = 200) -> JSONResponse:
    return answered(geofence.doc, status, etag(geofence))
