"""/v1/conflicts: which campaigns get in each other's way."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from nearcast.api.pages import Cursor, Limit, listed, shows
from nearcast.api.route import App, Asker, KeyedRoute, open_to
from nearcast.domain.ids import CampaignId
from nearcast.services.conflicts import Conflict

router = APIRouter(prefix="/v1/conflicts", tags=["campaigns"], route_class=KeyedRoute)
_SHOWN: dict[str, Any] = {
    "campaign_ids": ["coffee-after-four", "croissant-at-noon"],
    "geofences": [["cafe-central-door", "bakery-corner"]],
    "more_geofences": 0,
    "from": "2026-06-02T14:00:00Z",
    "same_channel": True,
    "winner_id": "coffee-after-four",
    "decided_by": "klass",
}
OfCampaign = Annotated[str | None, Query(description="Those of this campaign alone.", max_length=500)]


@router.get(
    "",
    summary="List conflicts of campaigns",
    openapi_extra=open_to(),
    responses=shows("Pairs of campaigns by id.", {"items": [_SHOWN], "next_cursor": None}),
)
def list_conflicts(
    app: App, asker: Asker, campaign_id: OfCampaign = None, cursor: Cursor = None, limit: Limit = 100
) -> JSONResponse:
    """Two campaigns whose `geofences` share ground, that run at one time, `from` then on, and have people in common.
    Wherever somebody is in both, `winner_id` goes first: `decided_by` klass, rank of the shop, priority, or campaign_id
    last of all. By distance the nearer shop wins, at one distance the one less recently served: then it is null.
    """
    named = None if campaign_id is None else CampaignId(campaign_id)
    found = app.conflicts.page(asker, app.clock.now(), campaign_id=named, cursor=cursor, limit=limit)
    return listed(found, _shown)


def _shown(conflict: Conflict) -> dict[str, Any]:
    return {
        "campaign_ids": conflict.campaign_ids,
        "geofences": conflict.geofences,
        "more_geofences": conflict.more_geofences,
        "from": conflict.from_,
        "same_channel": conflict.same_channel,
        "winner_id": conflict.winner_id,
        "decided_by": conflict.decided_by,
    }
