"""/v1/match-log: why each message was sent or not."""

import math
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import AfterValidator

from nearcast.api.pages import Cursor, InstantInQuery, answered, listed, shows
from nearcast.api.problems import Refusal
from nearcast.api.route import App, Asker, KeyedRoute, open_to
from nearcast.domain.decision import Outcome
from nearcast.domain.ids import CampaignId, CustomerId, DecisionId, ShopId
from nearcast.domain.reason import Reason
from nearcast.services.access import Role
from nearcast.services.match_log import COLUMNS, Box, Wanted

router = APIRouter(prefix="/v1/match-log", tags=["match log"], route_class=KeyedRoute)
_PAGE = 100
_EXAMPLE: dict[str, Any] = {
    "decision_id": "0b4e0bfa-3f0e-5a7c-9d0e-2f6a0f3f1c11",
    "customer_id": "p-5f0c1f6d2e9a7b34",
    "campaign_id": "camp-7",
    "geofence_id": "cafe-central-door",
    "shop_id": "cafe-central",
    "trigger": "enter",
    "at": "2026-06-02T10:00:00Z",
    "decided_at": "2026-06-02T10:00:01Z",
    "outcome": "suppress",
    "reason": "cap_min_gap",
    "reasons": ["cap_min_gap"],
    "detail": {"cap apart": {"scope": "customer", "kind": "min_gap", "limit": 1, "count": 1, "reason": "cap_min_gap"}},
    "not_before": None,
    "expires_at": "2026-06-02T10:20:01Z",
    "tz_used": "Europe/Berlin",
    "tz_source": "ping_location",
    "would_have_sent": False,
    "winner_campaign_id": None,
    "message_id": None,
    "redeemed_at": None,
}
_FEATURES = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "id": _EXAMPLE["decision_id"],
            "geometry": {"type": "Point", "coordinates": [13.405, 52.52]},
            "properties": _EXAMPLE,
        }
    ],
}
_MEDIA = {
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "geojson": "application/geo+json",
}


def _box(said: str) -> str:
    west, south, east, north = _corners(said)
    if not (-180 <= west <= 180 and -180 <= east <= 180):
        raise ValueError("a longitude is not between -180 and 180")
    if not -90 <= south <= north <= 90:
        raise ValueError("south and north are not between -90 and 90 in this order")
    return said


def _corners(said: str) -> Box:
    try:
        west, south, east, north = map(float, said.split(","))
    except ValueError:
        raise ValueError("a box is west,south,east,north in degrees") from None
    if not all(map(math.isfinite, (west, south, east, north))):
        raise ValueError("a box is west,south,east,north in degrees")
    return west, south, east, north


def _wanted(
    campaign_id: CampaignId | None = None,
    shop_id: ShopId | None = None,
    customer_id: Annotated[CustomerId | None, Query(description="Not for owners.")] = None,
    outcome: Outcome | None = None,
    reason: Annotated[Reason | None, Query(description="The decisive one.")] = None,
    since: Annotated[InstantInQuery | None, Query(alias="from", description="`decided_at` from then on.")] = None,
    until: Annotated[InstantInQuery | None, Query(description="`decided_at` before then.")] = None,
    bbox: Annotated[
        str | None,
        AfterValidator(lambda said: None if said is None else _box(said)),
        Query(description="west,south,east,north in degrees; west above east spans the antimeridian.", max_length=200),
    ] = None,
) -> Wanted:
    return Wanted(
        campaign_id=campaign_id,
        shop_id=shop_id,
        customer_id=customer_id,
        outcome=outcome,
        reason=reason,
        since=since,
        until=until,
        box=None if bbox is None else _corners(bbox),
    )


@router.get(
    "",
    summary="List decisions",
    openapi_extra=open_to(Role.ANALYST, Role.OWNER),
    responses={
        200: {
            "description": "Rows of the match log; as a file all of them, unless `limit` is given.",
            "content": {
                "application/json": {"example": {"items": [_EXAMPLE], "next_cursor": "4711"}},
                "text/csv": {"example": ",".join(COLUMNS) + "\r\n"},
                "application/geo+json": {"example": _FEATURES},
                "application/vnd.apache.parquet": {"schema": {"type": "string", "format": "binary"}},
            },
        }
    },
    response_class=JSONResponse,
)
def list_decisions(
    app: App,
    asker: Asker,
    wanted: Annotated[Wanted, Depends(_wanted)],
    cursor: Cursor = None,
    limit: Annotated[int | None, Query(ge=1, le=1000, description="How many at most; 100 for JSON.")] = None,
    order: Literal["newest", "oldest"] = "newest",
    said_format: Annotated[str, Query(alias="format", description="`json`, `csv`, `parquet` or `geojson`.")] = "json",
) -> Response:
    """One row for every campaign that a customer's move or a run was an opportunity for, sent or not. Owners see the
    rows of their shops, with a pseudonym for each customer that holds for one shop and one day (UTC). In GeoJSON, and
    in Parquet, which is GeoParquet, a row's place is the middle of its geofence, never where the customer was.
    """
    newest_first = order == "newest"
    if said_format in _MEDIA:
        pieces = app.decisions.download(
            asker, wanted, said_format, cursor=cursor, limit=limit, newest_first=newest_first
        )
        return _download(said_format, pieces)
    if said_format != "json":
        raise Refusal(400, f"format is json, {', '.join(_MEDIA)}")
    page = app.decisions.page(asker, wanted, cursor=cursor, limit=limit or _PAGE, newest_first=newest_first)
    return listed(page, lambda row: row)


@router.get(
    "/{decision_id}",
    summary="Read a decision",
    openapi_extra=open_to(Role.ANALYST, Role.OWNER),
    responses=shows("The row.", _EXAMPLE),
)
def read_decision(app: App, asker: Asker, decision_id: str) -> JSONResponse:
    """One row of the match log."""
    return answered(app.decisions.get(asker, DecisionId(decision_id)))


def _download(kind: str, pieces: Iterator[bytes]) -> StreamingResponse:
    headers = {"Content-Disposition": f'attachment; filename="match-log.{kind}"'}
    return StreamingResponse(pieces, headers=headers, media_type=_MEDIA[kind])
