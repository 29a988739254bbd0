"""/v1/webhooks/{channel} for those who carry our messages: what they report, and what people write back.

What is sent here, and what is answered, is for each provider to say: none of it is in our own description.
"""

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, PlainTextResponse

from nearcast.api.body import MIB, read_body
from nearcast.api.route import App
from nearcast.services.application import Application

links = APIRouter(prefix="/v1/webhooks", include_in_schema=False)
_MOST_BYTES = 3 * MIB


@links.get("/whatsapp", response_class=PlainTextResponse)
def prove(app: App, request: Request) -> PlainTextResponse:
    """Asked by Meta when the webhook is set up there: the challenge as it came, 403 for another verify token."""
    return PlainTextResponse(app.inbox.webhooks.challenge("whatsapp", request.query_params))


@links.post("/{channel}")
async def take(request: Request, channel: str) -> JSONResponse:
    """Signed by the provider over its raw bytes, at most 3 MiB; 401 for anything else, of which nothing is kept.
    Whoever wants no more messages gets none from before this is answered on; everything else follows within seconds.
    500 or 503 mean that nothing was kept: the provider sends it again.
    """
    application: Application = request.app.state.application
    raw = await read_body(request, _MOST_BYTES)
    headers, now = dict(request.headers), application.clock.now()
    await run_in_threadpool(application.inbox.webhooks.take, channel, headers, raw, now)
    return JSONResponse({})
