"""The onboarding page: what is asked, in words; two buttons; and then the way into the phone's app.

It is reached by a link that is a secret, and changes nothing until a button is pressed: what looks at links before
people do agrees to nothing.
"""

import json
from functools import partial
from html import escape
from urllib.parse import parse_qs

import segno
from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from nearcast.console.onboarding_channels import own_channels
from nearcast.console.onboarding_words import WORDS, Words
from nearcast.console.page import page, paragraph
from nearcast.console.static_files import static_files
from nearcast.domain.consent import ConsentStatus
from nearcast.domain.errors import InvalidInput, NotFound
from nearcast.services.application import Application
from nearcast.services.chat_start import CHAT
from nearcast.services.contacts import BROWSER
from nearcast.services.onboarding import Asked, Invitation
from nearcast.services.setup_links import Setup, setup_of

_MOST_BYTES = 4_000
_FOLDER = "/onboarding"


def onboarding_pages() -> APIRouter:
    """The routes of the page and its files."""
    router = APIRouter(prefix=_FOLDER, include_in_schema=False)
    for name, file in static_files("onboarding_static").items():
        router.add_api_route(f"/{name}", partial(_itself, file), methods=["GET"], response_class=Response)

    @router.get("/{link}")
    def ask(request: Request, link: str) -> Response:
        return _shown(request, link)

    @router.post("/{link}")
    async def say(request: Request, link: str) -> Response:
        said = parse_qs((await _body(request)).decode(errors="replace"))
        return await run_in_threadpool(_answered, request, link, said)

    @router.post("/{link}/browser")
    async def subscribe(request: Request, link: str) -> Response:
        body = (await _body(request)).decode(errors="replace")
        return await run_in_threadpool(_subscribed, request, link, body)

    @router.post("/browser/renewal")
    async def renew(request: Request) -> Response:
        return await run_in_threadpool(_renewed, request, await _body(request))

    @router.delete("/{link}/browser")
    def unsubscribe(request: Request, link: str) -> Response:
        application = _application(request)
        application.onboarding.unsubscribe(link, BROWSER, application.clock.now())
        return Response(status_code=204)

    return router


def _itself(file: Response) -> Response:
    return file


def _subscribed(request: Request, link: str, body: str) -> Response:
    application = _application(request)
    address = application.own_channels.subscription_address(body)
    token = application.onboarding.subscribe(link, address, application.clock.now())
    return _renewal(application, token)


def _renewed(request: Request, body: bytes) -> Response:
    try:
        said = json.loads(body)
        token, subscription = said["token"], json.dumps(said["subscription"])
    except (ValueError, KeyError, TypeError):
        raise InvalidInput("is no token with a subscription", place="body") from None
    if not isinstance(token, str):
        raise InvalidInput("is no text", place="token")
    application = _application(request)
    address = application.own_channels.subscription_address(subscription)
    return _renewal(application, application.onboarding.browsers.renew(token, address, application.clock.now()))


def _renewal(application: Application, token: str) -> Response:
    """What the browser's worker keeps, to tell us its next address."""
    return JSONResponse({"token": token, "key": application.own_channels.browser_key})


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise HTTPException(413)
    return body


def _answered(request: Request, link: str, said: dict[str, list[str]]) -> Response:
    application = _application(request)
    now = application.clock.now()
    try:
        if said.get("do") == ["withdraw"]:
            language = application.onboarding.open(link, now).language
            application.onboarding.withdraw(link, now)
            return page(WORDS[language].title, language, paragraph(WORDS[language].withdrawn))
        if said.get("do") == ["agree"]:
            application.onboarding.agree(link, frozenset(said.get("channel", ())), now)
        if said.get("do") == ["chat"] and application.own_channels.bot_name is not None:
            token = application.onboarding.begin_chat(link, now)
            return Response(status_code=303, headers={"Location": application.own_channels.chat_link(token)})
        if said.get("do") == ["leave chat"]:
            application.onboarding.unsubscribe(link, CHAT, now)
    except NotFound:
        return _over()
    return Response(status_code=303, headers={"Location": f"{_FOLDER}/{link}"})


def _shown(request: Request, link: str) -> Response:
    application = _application(request)
    try:
        asked = application.onboarding.open(link, application.clock.now())
    except NotFound:
        return _over()
    words = WORDS[asked.language]
    if asked.device is None:
        return page(words.title, asked.language, _question(words, asked))
    public_url = request.app.state.public_url or str(request.base_url)
    setup = setup_of(asked.feed, public_url.rstrip("/"), asked.device)
    own = own_channels(words, asked, application.own_channels)
    body = paragraph(words.agreed) + _way_in(words, setup) + own + _rest(words, asked)
    return page(words.title, asked.language, body, scripts=[f"{_FOLDER}/browser.js"])


def _question(words: Words, asked: Invitation) -> str:
    boxes = "".join(_box(each) for each in asked.nearby)
    return (
        f"{paragraph(words.lead.format(controller=asked.controller))}"
        f'<form method="post">{paragraph(asked.location.notice.text)}{boxes}'
        f'<button class="yes" name="do" value="agree">{escape(words.agree)}</button></form>'
        f"{paragraph(f'{asked.location.notice.version} · {asked.location.notice.language}', 'quiet')}"
    )


def _box(asked: Asked) -> str:
    """A consent that is given by a tick, which nobody makes but the customer."""
    box = f'<input type="checkbox" name="channel" value="{escape(asked.channel or "", quote=True)}">'
    return f"<label>{box}<span>{escape(asked.notice.text)}</span></label>"


def _way_in(words: Words, setup: Setup) -> str:
    code = segno.make(setup.link, micro=False, error="l").svg_inline(border=2, omitsize=True)
    shown = f'{paragraph(words.scan)}<div class="qr">{code}</div>'
    if setup.is_typed:
        return f"{shown}{paragraph(words.copy.format(app=setup.named))}<p><code>{escape(setup.link)}</code></p>"
    text = words.open_app.format(app=setup.named) if setup.named else words.check_in
    return f'{shown}<a class="button yes" id="setup" href="{escape(setup.link, quote=True)}">{escape(text)}</a>'


def _rest(words: Words, asked: Invitation) -> str:
    """What else can be agreed to, what waits for a second yes, and the way out."""
    given = (ConsentStatus.LIVE, ConsentStatus.UNCONFIRMED)
    open_ones = [each for each in asked.nearby if each.status not in given]
    waiting = [each for each in asked.nearby if each.status is ConsentStatus.UNCONFIRMED]
    said = "".join(paragraph(words.waits.format(channel=each.channel)) for each in waiting)
    if open_ones:
        boxes = "".join(map(_box, open_ones))
        button = f'<button class="yes" name="do" value="agree">{escape(words.more)}</button>'
        said += f'<form method="post">{boxes}{button}</form>'
    button = f'<button class="no" name="do" value="withdraw">{escape(words.withdraw)}</button>'
    return f'{said}<form method="post">{button}</form>'


def _over() -> Response:
    said = "".join(f'<p lang="{language}">{escape(words.over)}</p>' for language, words in WORDS.items())
    return page(WORDS["en"].title, "en", said, status=404)


def _application(request: Request) -> Application:
    found: Application = request.app.state.application
    return found
