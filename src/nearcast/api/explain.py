"""GET /v1/explain"""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from nearcast.api.pages import InstantInQuery, answered, shows
from nearcast.api.route import App, Asker, KeyedRoute, open_to
from nearcast.domain.errors import InvalidInput, NotAllowed
from nearcast.domain.ids import CampaignId, CustomerId, DecisionId
from nearcast.services.access import Role

router = APIRouter(prefix="/v1/explain", tags=["match log"], route_class=KeyedRoute)
_EXAMPLE: dict[str, Any] = {
    "customer_id": "cust-0001",
    "campaign_id": "camp-7",
    "at": "2026-06-02T20:00:00Z",
    "decided_at": "2026-06-02T20:00:01Z",
    "source": "match_log",
    "decision_id": "0b4e0bfa-3f0e-5a7c-9d0e-2f6a0f3f1c11",
    "geofence_id": "cafe-central-door",
    "outcome": "suppress",
    "reason": "quiet_hours",
    "reasons": ["quiet_hours"],
    "rules": [
        {"rule": "quiet_hours", "passed": False, "timezones": ["Europe/Berlin"], "reason": "quiet_hours"},
    ],
    "channels": [{"channel": "whatsapp", "reasons": ["no_address"]}, {"channel": "sms", "reasons": []}],
    "earliest_send": "2026-06-03T06:00:00Z",
    "caveats": [],
}


@router.get(
    "",
    summary="Explain a decision",
    openapi_extra=open_to(Role.OPERATOR, Role.ANALYST, Role.OWNER),
    responses=shows("By `decision_id` one explanation; by instant a list of them as `items`.", _EXAMPLE),
)
def explain(
    app: App,
    asker: Asker,
    decision_id: Annotated[str | None, Query(description="A row of the match log.")] = None,
    customer: Annotated[str | None, Query(description="For operators, with `campaign` and `at`.")] = None,
    campaign: str | None = None,
    at: Annotated[InstantInQuery | None, Query(description="As in the match log, or any other instant.")] = None,
) -> JSONResponse:
    """Every rule in order, what it saw, the verdict, the campaign's channels in the order in which they are tried, each
    with what speaks against it for this customer, and the earliest possible send: of one decision by its id; or, for
    operators, of one customer and one campaign at an instant, whether anything was decided then or not.
    """
    if decision_id is not None and (customer, campaign, at) == (None, None, None):
        return answered(app.decisions.explain(asker, DecisionId(decision_id)))
    if decision_id is not None or customer is None or campaign is None or at is None:
        raise InvalidInput("name a decision_id alone, or customer, campaign and at together", place="decision_id")
    if asker.role is not Role.OPERATOR:
        raise NotAllowed("operators explain any instant; name a decision_id")
    found = app.explanations.at(asker.tenant_id, CustomerId(customer), CampaignId(campaign), at)
    return answered({"items": found, "next_cursor": None})
