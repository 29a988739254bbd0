"""/v1/webhooks/{channel} for those who carry our messages: what they report, and what people write back."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, PlainTextResponse

from nearcast.api.body import MIB, read_body
from nearcast.api.pages import shows
from nearcast.api.route import App
from nearcast.services.application import Application

links = APIRouter(prefix="/v1/webhooks", tags=["providers"])
_MOST_BYTES = 3 * MIB
_ABOUT = (
    "Called by {provider} alone, whose description of the body holds. {proof} 401 for anything else, of which nothing "
    "is kept; at most 3 MiB; 404 where the channel is not set up. Whoever wants no more messages gets none from before "
    "this is answered on; everything else follows within seconds. 500 or 503 mean that nothing was kept: the provider "
    "sends it again. What comes twice is done once."
)


@dataclass(frozen=True, slots=True)
class _Provider:
    """What one provider sends, in its own shape."""

    channel: str
    name: str
    proof: str
    media: str
    example: Any
    proof_header: str


_WHATSAPP_STATUS: dict[str, Any] = {
    "id": "wamid.HBgNNDkxNTExMjM0NTY3OBUCABEYEjQ2",
    "status": "delivered",
    "timestamp": "1780394400",
    "recipient_id": "4915112345678",
    "biz_opaque_callback_data": "nc1:0b4e0bfa-3f0e-5a7c-9d0e-2f6a0f3f1c11",
}
_WHATSAPP_BODY: dict[str, Any] = {
    "object": "whatsapp_business_account",
    "entry": [
        {
            "id": "102290129340398",
            "changes": [
                {
                    "field": "messages",
                    "value": {
                        "messaging_product": "whatsapp",
                        "metadata": {"display_phone_number": "4930123456", "phone_number_id": "106540352242922"},
                        "statuses": [_WHATSAPP_STATUS],
                    },
                }
            ],
        }
    ],
}
_TELEGRAM_BODY: dict[str, Any] = {
    "update_id": 1,
    "message": {"message_id": 7, "date": 1780394400, "chat": {"id": 5000, "type": "private"}, "text": "stop"},
}
_PROVIDERS = (
    _Provider(
        channel="whatsapp",
        name="Meta",
        proof="`X-Hub-Signature-256` is the HMAC-SHA256 of the raw body under one of the app's secrets.",
        media="application/json",
        example=_WHATSAPP_BODY,
        proof_header="X-Hub-Signature-256",
    ),
    _Provider(
        channel="sms",
        name="Twilio",
        proof="`X-Twilio-Signature` is Twilio's, over this address and the fields of the form.",
        media="application/x-www-form-urlencoded",
        example="AccountSid=AC1&MessageSid=SM1&MessageStatus=delivered",
        proof_header="X-Twilio-Signature",
    ),
    _Provider(
        channel="telegram",
        name="Telegram",
        proof="`X-Telegram-Bot-Api-Secret-Token` is the secret that was given when the webhook was set.",
        media="application/json",
        example=_TELEGRAM_BODY,
        proof_header="X-Telegram-Bot-Api-Secret-Token",
    ),
)


@links.get(
    "/whatsapp",
    summary="Answer Meta's challenge",
    response_class=PlainTextResponse,
    responses=shows("The challenge, as it came.", "1158201444", media="text/plain"),
)
def prove(
    app: App,
    mode: Annotated[str, Query(alias="hub.mode", description="`subscribe`")] = "",
    verify_token: Annotated[str, Query(alias="hub.verify_token", description="What was agreed on.")] = "",
    challenge: Annotated[str | None, Query(alias="hub.challenge", description="Sent back as it is.")] = None,
) -> PlainTextResponse:
    """Asked by Meta when the webhook is set up there. 403 for another verify token, and for any other mode."""
    said = {"hub.mode": mode, "hub.verify_token": verify_token}
    asked = said if challenge is None else {**said, "hub.challenge": challenge}
    return PlainTextResponse(app.inbox.webhooks.challenge("whatsapp", asked))


def _taker(channel: str | None) -> Callable[[Request], Coroutine[Any, Any, JSONResponse]]:
    async def take(request: Request) -> JSONResponse:
        application: Application = request.app.state.application
        raw = await read_body(request, _MOST_BYTES)
        headers, now = dict(request.headers), application.clock.now()
        told_of = channel or request.path_params["channel"]
        answer = await run_in_threadpool(application.inbox.webhooks.take, told_of, headers, raw, now)
        return JSONResponse(answer)

    return take


def _add(provider: _Provider) -> None:
    proof = {"name": provider.proof_header, "in": "header", "required": True, "schema": {"type": "string"}}
    links.add_api_route(
        f"/{provider.channel}",
        _taker(provider.channel),
        methods=["POST"],
        name=f"take {provider.channel}",
        summary=f"Take what {provider.name} tells",
        description=_ABOUT.format(provider=provider.name, proof=provider.proof),
        responses=shows("It is kept.", {}),
        openapi_extra={
            "parameters": [proof],
            "requestBody": {"required": True, "content": {provider.media: {"example": provider.example}}},
        },
    )


for _each in _PROVIDERS:
    _add(_each)
# every other name is that of no provider, and of no webhook of ours that could be posted to: 404
links.add_api_route("/{channel}", _taker(None), methods=["POST"], include_in_schema=False)
