"""/v1/campaigns and their life cycle."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Response
from fastapi.responses import JSONResponse
from pydantic import Field, model_validator

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
from nearcast.api.shops import same_id, with_id
from nearcast.domain.campaign import CampaignState
from nearcast.services.access import Role
from nearcast.services.ports import Revision, Run
from nearcast.services.scenario import CampaignShape

router = APIRouter(prefix="/v1/campaigns", tags=["campaigns"], route_class=KeyedRoute)
_EXAMPLE = {
    "id": "coffee-after-four",
    "shop_id": "cafe-central",
    "geofence_ids": ["cafe-central-door"],
    "trigger": {"on": "enter"},
    "active": {"from": "2026-06-01T00:00:00+02:00", "until": "2026-07-01T00:00:00+02:00"},
    "dayparts": [{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "16:00", "until": "18:00"}],
    "channel": "whatsapp",
    "offer": {"text": "Coffee −20 % until {expires_at}", "expires_after_s": 1200},
    "priority": 50,
    "re_eligibility_s": 259200,
    "budget": {"messages": 1000},
    "on_quiet": "drop",
}
_SHOWN = {**_EXAMPLE, "state": "draft"}
_TEMPLATE: dict[str, Any] = {
    "offer": "offer",
    "name": "coffee_offer",
    "language": "en",
    "status": "PAUSED",
    "quality": "YELLOW",
    "stop_code": None,
    "is_usable": False,
    "waits": True,
}
_RUN = {"due_at": "2026-06-02T09:30:00Z", "status": "done", "entries": 12, "at": "2026-06-02T09:30:01Z"}


class OwnCampaign(CampaignShape):
    """A campaign as its owner writes it. A new one is a draft unless it says `active`."""

    state: Annotated[CampaignState, Field(strict=False)] = CampaignState.DRAFT


class NewCampaign(OwnCampaign):
    """A campaign; without an id it gets one."""

    @model_validator(mode="before")
    @classmethod
    def _with_id(cls, value: Any) -> Any:
        return with_id(value, "campaign")


@router.get(
    "",
    summary="List campaigns",
    openapi_extra=open_to(Role.OWNER),
    responses=shows("Campaigns by id.", {"items": [_SHOWN], "next_cursor": None}),
)
def list_campaigns(app: App, asker: Asker, cursor: Cursor = None, limit: Limit = 100) -> JSONResponse:
    """Those of your shops, in every state, by id."""
    return listed(app.campaigns.page(asker, cursor=cursor, limit=limit), _as_document)


@router.post(
    "",
    status_code=201,
    summary="Create a campaign",
    openapi_extra={**open_to(Role.OWNER), **example(NewCampaign, _EXAMPLE)},
    responses=shows("The campaign as it is kept: a draft, which sends nothing.", _SHOWN, status=201),
)
def create_campaign(app: App, asker: Asker, campaign: NewCampaign) -> JSONResponse:
    """Without `geofence_ids` it is for every geofence of its shop. 409 where the id is taken."""
    now = app.clock.now()
    return shown_once(asker, lambda by: app.campaigns.put(by, campaign, now, is_new=True), _created)


@router.get(
    "/{campaign_id}",
    summary="Read a campaign",
    openapi_extra=open_to(Role.OWNER),
    responses=shows("The campaign.", _SHOWN),
)
def read_campaign(app: App, asker: Asker, campaign_id: str) -> JSONResponse:
    """The current revision, its number as the ETag."""
    return _shown(app.campaigns.get(asker, campaign_id))


@router.put(
    "/{campaign_id}",
    summary="Create or replace a campaign",
    openapi_extra={**open_to(Role.OWNER), **example(OwnCampaign, _EXAMPLE)},
    responses=shows_kept("The campaign as it is kept.", _SHOWN),
)
def put_campaign(
    app: App, asker: Asker, campaign_id: str, campaign: OwnCampaign, if_match: IfMatch = None
) -> JSONResponse:
    """The whole document; its state stays. What is queued already is judged by the new rules when it is sent."""
    same_id(campaign.id, campaign_id)
    now, expected = app.clock.now(), expected_revision(if_match)
    return shown_once(asker, lambda by: app.campaigns.put(by, campaign, now, expected=expected), _written)


@router.delete(
    "/{campaign_id}",
    status_code=204,
    summary="Delete a draft",
    openapi_extra=open_to(Role.OWNER),
    response_class=Response,
)
def delete_campaign(app: App, asker: Asker, campaign_id: str, if_match: IfMatch = None) -> Response:
    """409 for a campaign that was active: end it."""
    now, expected = app.clock.now(), expected_revision(if_match)
    return gone_once(asker, lambda by: app.campaigns.delete(by, campaign_id, now, expected=expected))


@router.post(
    "/{campaign_id}/{action}",
    summary="Activate, pause or end a campaign",
    openapi_extra=open_to(Role.OWNER),
    responses=shows("The campaign in its new state.", {**_SHOWN, "state": "active"}),
)
def change_campaign(
    app: App,
    asker: Asker,
    campaign_id: str,
    action: Annotated[Literal["activate", "pause", "end"], Path(description="An ended campaign stays ended.")],
) -> JSONResponse:
    """draft → active → paused → ended; repeating a step changes nothing. What is queued for a campaign that is paused
    or ended is cancelled before it leaves.
    """
    now = app.clock.now()
    return shown_once(asker, lambda by: app.campaigns.change(by, campaign_id, action, now), _shown)


@router.get(
    "/{campaign_id}/runs",
    summary="List a campaign's runs",
    openapi_extra=open_to(Role.OWNER),
    responses=shows(
        "Its due instants, newest first.",
        {"items": [_RUN], "next_cursor": None},
    ),
)
def list_runs(app: App, asker: Asker, campaign_id: str, cursor: Cursor = None, limit: Limit = 100) -> JSONResponse:
    """`missed`: found out later than `catch_up_s`, recorded, and nothing sent. `entries` are the customers that were
    near enough.
    """
    return listed(app.campaigns.runs(asker, campaign_id, cursor=cursor, limit=limit), _as_row)


@router.get(
    "/{campaign_id}/templates",
    summary="Read how a campaign's templates stand",
    openapi_extra=open_to(Role.OWNER),
    responses=shows("Those that its offers name.", {"items": [_TEMPLATE], "next_cursor": None}),
)
def list_campaign_templates(app: App, asker: Asker, campaign_id: str) -> JSONResponse:
    """A template that is not `is_usable` stops the campaign's messages: they wait for it as long as their offers hold
    where it `waits` for its provider, and else end with `template_not_approved`. `status` null is one that the provider
    has not shown.
    """
    return answered({"items": app.campaigns.templates(asker, campaign_id, app.clock.now()), "next_cursor": None})


def _as_row(run: Run) -> dict[str, Any]:
    return {"due_at": run.due_at, "status": run.status, "entries": run.entries, "at": run.at}


def _as_document(campaign: Revision) -> dict[str, Any]:
    return {**campaign.doc, "state": campaign.state}


def _created(campaign: Revision) -> JSONResponse:
    return _shown(campaign, 201)


def _written(campaign: Revision) -> JSONResponse:
    return _shown(campaign, 201 if campaign.revision == 1 else 200)


def _shown(campaign: Revision, status: int = 200) -> JSONResponse:
    return answered(_as_document(campaign), status, etag(campaign))
