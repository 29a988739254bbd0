"""/v1/opt-out-reviews: words that may mean that somebody wants no more messages."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse

from nearcast.api.pages import Cursor, Limit, answered, example, listed, shows
from nearcast.api.route import App, Asker, KeyedRoute, open_to, shown_once
from nearcast.services.inbound_ports import ReviewStatus
from nearcast.services.scenario import Shape

router = APIRouter(prefix="/v1/opt-out-reviews", tags=["consents"], route_class=KeyedRoute)
_EXAMPLE: dict[str, Any] = {
    "id": "12",
    "customer_id": "cust-0001",
    "channel": "whatsapp",
    "at": "2026-06-02T10:00:00Z",
    "text": "when does the bus stop?",
    "status": "open",
    "decided_at": None,
}
_DECIDED = {**_EXAMPLE, "status": "kept", "decided_at": "2026-06-02T10:20:00Z"}


class ReviewDecision(Shape):
    """What somebody read out of the words: `opted_out` is the end of all offers on that channel."""

    decision: Literal["opted_out", "kept"]


@router.get(
    "",
    summary="List what may be an opt-out",
    openapi_extra=open_to(),
    responses=shows("The newest first.", {"items": [_EXAMPLE], "next_cursor": None}),
)
def list_reviews(
    app: App,
    asker: Asker,
    status: Annotated[ReviewStatus | None, Query(description="Only those in that status.")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> JSONResponse:
    """Messages in which a word like STOP stands among others. Whoever wrote one was asked what they meant, and gets
    no offers on that channel until they answer or it is decided here.
    """
    return listed(app.inbox.reviews.page(asker, status, cursor=cursor, limit=limit), dict)


@router.post(
    "/{review_id}",
    summary="Decide what may be an opt-out",
    openapi_extra={**open_to(), **example(ReviewDecision, {"decision": "kept"})},
    responses=shows("As it was decided.", _DECIDED),
)
def decide_review(app: App, asker: Asker, review_id: str, said: ReviewDecision) -> JSONResponse:
    """`opted_out` withdraws what was agreed to on that channel and puts the customer on its suppression list; `kept`
    lets offers go on. 409 where it was decided before.
    """
    now, opted_out = app.clock.now(), said.decision == "opted_out"
    return shown_once(
        asker,
        lambda by: app.inbox.reviews.decide(by, review_id, opted_out=opted_out, now=now),
        answered,
    )
