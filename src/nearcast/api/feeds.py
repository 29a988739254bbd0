"""/v1/feeds/…: each client's own protocol and answer. A 4xx makes some phones delete what they sent, and others send
it again for ever: 401 is for wrong credentials alone, and whatever is of no use is answered like what is.
"""

import asyncio
import json
from base64 import b64decode
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from nearcast.api.body import MIB, read_body
from nearcast.api.feed_rows import PHONE_ROWS, Row
from nearcast.api.pages import shows
from nearcast.api.problems import Refusal
from nearcast.domain.errors import NotAllowed
from nearcast.domain.ids import CustomerId
from nearcast.services.access import Role
from nearcast.services.application import Application
from nearcast.services.devices import Phone
from nearcast.services.phones import PhoneRequest, Taken

router = APIRouter(prefix="/v1/feeds", tags=["feeds"])
SECURITY: list[dict[str, list[str]]] = [{"HTTPBasic": []}, {"HTTPBearer": []}, {"DeviceToken": []}]
SCHEMES: dict[str, Any] = {
    "HTTPBasic": {"type": "http", "scheme": "basic", "description": "A device's `username` and `password`."},
    "DeviceToken": {"type": "apiKey", "in": "query", "name": "token", "description": "A device's `token`."},
}
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="nearcast", charset="UTF-8"'}
_MOST_BYTES = 4 * MIB
_CUSTOMER: dict[str, Any] = {
    "name": "customer_id",
    "in": "query",
    "required": False,
    "schema": {"type": "string"},
    "description": "Whose position it is, where an API key of role ingest asks instead of a device.",
}


def _add(row: Row) -> None:
    for method in row.methods:
        body = {"requestBody": {"content": {row.media: {"example": row.example}}}} if method != "GET" else {}
        router.add_api_route(
            f"/{row.name}",
            _endpoint(row),
            methods=[method],
            name=f"{row.name} {method.lower()}",
            summary=f"{row.title}" if method == row.methods[0] else f"{row.title}, by {method}",
            description=row.about,
            response_class=Response,
            responses=_shown(row.shown_to_get or row.shown if method == "GET" else row.shown),
            openapi_extra={
                "x-roles": [Role.INGEST.value, Role.OPERATOR.value],
                "security": SECURITY,
                "parameters": [*row.parameters, _CUSTOMER],
                **body,
            },
        )


def _shown(answer: Any) -> dict[int | str, Any]:
    said = "What the client expects."
    return {200: {"description": said}} if answer is None else shows(said, answer)


def _endpoint(row: Row) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    async def endpoint(request: Request) -> Response:
        application: Application = request.app.state.application
        media = request.headers.get("content-type", "")
        body = await read_body(request, _MOST_BYTES)
        phone = await _phone(application, row, request, body, media)
        wanted = PhoneRequest(phone=phone, body=body, media=media, query=request.query_params)

        def work() -> Response:
            taken = application.phones.take(row.name, wanted, application.clock.now())
            return row.answer(application, wanted, taken, request)

        return await run_in_threadpool(work)

    return endpoint


async def _phone(application: Application, row: Row, request: Request, body: bytes, media: str) -> Phone:
    """Whose request it is, by its credential and by nothing else that it says. Refusal for a wrong one, later and
    later, 401 or as the feed has it where none was sent; NotAllowed for a key that may not.
    """
    feed = application.phones.feeds[row.name]
    scheme, _, said = request.headers.get("authorization", "").partition(" ")
    said, now = said.strip(), application.clock.now()
    name, found = "", None
    if scheme.lower() == "bearer" and said.startswith("nc_"):
        return await _of_key(application, request, said)
    if scheme.lower() == "basic" and said:
        name, password = _basic(said)
        found = await run_in_threadpool(application.devices.with_password, name, password, now)
    else:
        token = said if scheme.lower() == "bearer" and said else feed.token(body, media, request.query_params) or ""
        name = token
        found = await run_in_threadpool(application.devices.with_token, token, now) if token else None
    if found is None:
        await asyncio.sleep(application.patience.failed(name.partition(".")[0], now))
        if not scheme and (status := row.unknown_in_json if "json" in media.lower() else row.unknown) != 401:
            raise Refusal(status, "there is no live device of this id")
        raise Refusal(401, "this is no live device's password or token", _CHALLENGE)
    return found


async def _of_key(application: Application, request: Request, key: str) -> Phone:
    asker = await run_in_threadpool(application.access.authenticate, key, application.clock.now())
    if asker is None:
        raise Refusal(401, "this is no live API key", _CHALLENGE)
    try:
        asker.require([Role.INGEST])
    except NotAllowed as error:
        route = f"{request.method} {request.scope['route'].path}"
        await run_in_threadpool(application.audit.denied, asker, error, route, application.clock.now())
        raise
    customer_id = request.query_params.get("customer_id")
    if not customer_id:
        raise NotAllowed("an API key speaks for no customer by itself: name one as ?customer_id=")
    return Phone(
        tenant_id=asker.tenant_id,
        customer_id=CustomerId(customer_id),
        device_id=request.query_params.get("device_id") or None,
    )


def _basic(said: str) -> tuple[str, str]:
    """User and password of Basic authentication (RFC 7617); one client sends them as they are."""
    try:
        plain = b64decode(said, validate=True).decode()
    except ValueError:
        plain = said
    name, _, password = plain.partition(":")
    return name, password


def _owntracks(application: Application, asked: PhoneRequest, taken: Taken, request: Request) -> Response:
    user_agent, now = request.headers.get("user-agent", ""), application.clock.now()
    commands = application.phones.regions("owntracks", asked, taken, user_agent, now)
    answer = json.dumps(commands, ensure_ascii=False).encode()
    if taken.is_sealed:
        answer = application.phones.feeds["owntracks"].seal(answer, asked.phone.secret)
    return Response(answer, media_type="application/json")


_add(
    Row(
        name="owntracks",
        title="Take what OwnTracks sends",
        about=(
            "OwnTracks over HTTP: any message of it, one in each request, sealed with the device's password or not. "
            "Positions are taken from `location` and `transition`; everything else is answered the same and dropped. "
            "The answer tells the phone which regions to watch by itself: circles round the nearest fences of running "
            "campaigns that this customer may get something from, at most 100 on Android and 20 elsewhere. "
            "`X-Limit-U`, `X-Limit-D` and `topic` say nothing about whose position it is: the credential does."
        ),
        answer=_owntracks,
        media="application/json",
        example={"_type": "location", "lat": 52.5204497, "lon": 13.405, "tst": 1780394400, "acc": 8, "tid": "aa"},
        shown=[],
    )
)
for _row in PHONE_ROWS:
    _add(_row)
