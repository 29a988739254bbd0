"""/v1/geofences: GeoJSON Features, in and out."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Response
from fastapi.responses import JSONResponse

from nearcast.api.body import MIB
from nearcast.api.pages import Cursor, IfMatch, Limit, answered, etag, expected_revision, listed, shows, shows_kept
from nearcast.api.route import App, Asker, KeyedRoute, gone_once, open_to, shown_once
from nearcast.api.shops import with_id
from nearcast.services.access import Principal, Role
from nearcast.services.fence_input import names_nothing
from nearcast.services.fences import Cared

router = APIRouter(prefix="/v1/geofences", tags=["geofences"], route_class=KeyedRoute)
_EXAMPLE: dict[str, Any] = {
    "type": "Feature",
    "id": "cafe-central-door",
    "geometry": {"type": "Point", "coordinates": [13.405, 52.52]},
    "properties": {"shop_id": "cafe-central", "name": "In front of the café", "radius_m": 60, "dwell_s": 120},
}
_CARE: dict[str, Any] = {
    "area_m2": 11309.7,
    "reliability": {
        "score": 0.701,
        "band": "fair",
        "street": 0.825,
        "indoors": 0.578,
        "depth_m": 60.0,
        "suggested_radius_m": 95.0,
        "confusable": 0,
        "reason": "Its depth is 60 m. A phone's first fixes show it inside with a chance of 82 % on the street (fixes"
        " good to 20 m) and 58 % indoors (50 m).",
        "advice": "Some visitors will be noticed late or not at all. A circle of 95 m or more is reliable.",
    },
    "warnings": [],
    "overlaps": {
        "items": [
            {
                "geofence_id": "old-town",
                "name": "Old town",
                "shop_id": None,
                "relation": "around",
                "share": 1.0,
            }
        ],
        "more": 0,
        "of_others": 0,
        "not_compared": 0,
    },
    "repaired": [],
    "simplified": None,
}
_SHOWN = {**_EXAMPLE, "care": _CARE}
Feature = Annotated[
    dict[str, Any],
    Body(
        description=(
            "A Polygon, a MultiPolygon, or a Point with `radius_m`; `shop_id` where it belongs to a shop; optional "
            "`name`, `dwell_s`, `tags`, `active_hours`. Without a geometry it becomes a circle of `radius_m` round its "
            "`address`, which is looked up, or else round its shop. Other properties and members are kept, but `care`."
        ),
        examples=[_EXAMPLE],
    ),
]
Repair = Annotated[
    bool, Query(description="Repair rings that cross, overlap or lie apart, and say so, instead of refusing them.")
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
    responses=shows("The Feature as it is kept, with `care`.", _SHOWN, status=201),
)
def create_geofence(app: App, asker: Asker, feature: Feature, repair: Repair = False) -> JSONResponse:
    """Without an id it gets one. The next batch of pings is matched against it; nobody gets a message for already
    standing inside. 422 names what is wrong and where, down to the vertex; 409 where the id is taken. `care` says what
    is worth knowing: whether phones can be noticed there, what it overlaps, whether it could be plainer.
    """
    named, now = _identified(feature), app.clock.now()
    return shown_once(asker, lambda by: app.fences.put(by, named, now, is_new=True, repair=repair), _created)


@router.post(
    "/check",
    summary="Check a geofence",
    openapi_extra=_WRITES,
    responses=shows("The Feature as it would be kept, with `care`.", _SHOWN),
)
def check_geofence(app: App, asker: Asker, feature: Feature, repair: Repair = False) -> JSONResponse:
    """What creating or replacing it would answer. Nothing is kept."""
    return _cared(app.fences.check(asker, _identified(feature), app.clock.now(), repair=repair))


@router.get(
    "/{geofence_id}",
    summary="Read a geofence",
    openapi_extra=open_to(Role.OWNER),
    responses=shows("The Feature.", _EXAMPLE),
)
def read_geofence(app: App, asker: Asker, geofence_id: str) -> JSONResponse:
    """The revision in force, its number as the ETag."""
    found = app.fences.get(asker, geofence_id)
    return answered(found.doc, headers=etag(found))


@router.get(
    "/{geofence_id}/care",
    summary="Look after a geofence",
    openapi_extra=open_to(Role.OWNER),
    responses=shows("What is worth knowing of it.", _CARE),
)
def read_care(app: App, asker: Asker, geofence_id: str) -> JSONResponse:
    """What creating it would say of it today: its neighbours and its shop may have moved since."""
    return answered(app.fences.care(asker, geofence_id, app.clock.now()))


@router.put(
    "/{geofence_id}",
    summary="Create or replace a geofence",
    openapi_extra=_WRITES,
    responses=shows_kept("The Feature as it is kept, with `care`.", _SHOWN),
)
def put_geofence(
    app: App, asker: Asker, geofence_id: str, feature: Feature, if_match: IfMatch = None, repair: Repair = False
) -> JSONResponse:
    """Open visits go on in the new revision, and end where their customers are outside of it by their next ping."""
    named = {**feature, "id": geofence_id} if names_nothing(feature) else feature
    now, expected = app.clock.now(), expected_revision(if_match)

    def put(by: Principal) -> Cared:
        return app.fences.put(by, named, now, key=geofence_id, expected=expected, repair=repair)

    return shown_once(asker, put, lambda written: _cared(written, 201 if written.is_new else 200))


@router.delete(
    "/{geofence_id}",
    status_code=204,
    summary="Delete a geofence",
    openapi_extra=open_to(Role.OWNER),
    response_class=Response,
)
def delete_geofence(app: App, asker: Asker, geofence_id: str, if_match: IfMatch = None) -> Response:
    """Visits there end, and what is queued for it is cancelled. Campaigns that name it go on without it."""
    now, expected = app.clock.now(), expected_revision(if_match)
    return gone_once(asker, lambda by: app.fences.delete(by, geofence_id, now, expected=expected))


def _identified(feature: dict[str, Any]) -> dict[str, Any]:
    named: dict[str, Any] = with_id(feature, "geofence") if names_nothing(feature) else feature
    return named


def _created(geofence: Cared) -> JSONResponse:
    return _cared(geofence, 201)


def _cared(geofence: Cared, status: int = 200) -> JSONResponse:
    return answered(geofence.shown, status, etag(geofence.revision) if geofence.revision else None)
