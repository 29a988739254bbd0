"""/v1/campaigns/{campaign_id}/test"""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from nearcast.api.pages import answered, example, shows
from nearcast.api.route import App, Asker, KeyedRoute, open_to, shown_once
from nearcast.services.access import Role
from nearcast.services.scenario import Shape
from nearcast.services.texts import ChannelName

router = APIRouter(prefix="/v1/campaigns", tags=["campaigns"], route_class=KeyedRoute)
_SENT = {"channel": "whatsapp", "sent_to": 1, "text": "TEST · Coffee −20 % until 12:20"}


class TrialShape(Shape):
    """Where the test goes; by default to the channel of the campaign."""

    channel: ChannelName | None = None


@router.post(
    "/{campaign_id}/test",
    status_code=202,
    summary="Send a campaign to yourself",
    openapi_extra={**open_to(Role.OWNER), **example(TrialShape, {"channel": "whatsapp"})},
    responses=shows("What was sent, with samples for what is a customer's own, and to how many.", _SENT, status=202),
)
def send_test(app: App, asker: Asker, campaign_id: str, trial: TrialShape | None = None) -> JSONResponse:
    """To the staff of its shop who have confirmed their numbers and wrote within 24 hours; drafts, too. It counts
    nowhere: no cap, no budget, no match log. 409 `no_test_number` where no number is confirmed, `test_number_silent`
    where nobody wrote.
    """
    now, channel = app.clock.now(), trial.channel if trial else None
    return shown_once(
        asker,
        lambda by: app.trials.send(by, campaign_id, channel, now),
        lambda told: answered(told, 202),
    )
