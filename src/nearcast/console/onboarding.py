"""The onboarding page: what is asked, in words; two buttons; and then the way into the phone's app.

It is reached by a link that is a secret, and changes nothing until a button is pressed: what looks at links before
people do agrees to nothing.
"""

from html import escape
from urllib.parse import parse_qs

import segno
from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse

from nearcast.console.onboarding_words import WORDS, Words
from nearcast.console.static_files import static_files
from nearcast.domain.consent import ConsentStatus
from nearcast.domain.errors import NotFound
from nearcast.services.application import Application
from nearcast.services.onboarding import Asked, Invitation
from nearcast.services.setup_links import Setup, setup_of

_MOST_BYTES = 4_000
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_FOLDER = "/onboarding"


def onboarding_pages() -> APIRouter:
    """The routes of the page and its files."""
    router = APIRouter(prefix=_FOLDER, include_in_schema=False)
    style = static_files("onboarding_static")["style.css"]

    @router.get("/style.css")
    def file() -> Response:
        return style

    @router.get("/{link}")
    def page(request: Request, link: str) -> Response:
        return _shown(request, link)

    @router.post("/{link}")
    async def say(request: Request, link: str) -> Response:
        said = parse_qs((await _body(request)).decode(errors="replace"))
        return await run_in_threadpool(_answered, request, link, said)

    return router


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
            return _page(WORDS[language], language, _paragraph(WORDS[language].withdrawn))
        if said.get("do") == ["agree"]:
            application.onboarding.agree(link, frozenset(said.get("channel", ())), now)
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
        return _page(words, asked.language, _question(words, asked))
    public_url = request.app.state.public_url or str(request.base_url)
    setup = setup_of(asked.feed, public_url.rstrip("/"), asked.device)
    return _page(words, asked.language, _paragraph(words.agreed) + _way_in(words, setup) + _rest(words, asked))


def _question(words: Words, asked: Invitation) -> str:
    boxes = "".join(_box(each) for each in asked.nearby)
    return (
        f"{_paragraph(words.lead.format(controller=asked.controller))}"
        f'<form method="post">{_paragraph(asked.location.notice.text)}{boxes}'
        f'<button class="yes" name="do" value="agree">{escape(words.agree)}</button></form>'
        f"{_paragraph(f'{asked.location.notice.version} · {asked.location.notice.language}', 'quiet')}"
    )


def _box(asked: Asked) -> str:
    """A consent that is given by a tick, which nobody makes but the customer."""
    box = f'<input type="checkbox" name="channel" value="{escape(asked.channel or "", quote=True)}">'
    return f"<label>{box}<span>{escape(asked.notice.text)}</span></label>"


def _way_in(words: Words, setup: Setup) -> str:
    code = segno.make(setup.link, micro=False, error="l").svg_inline(border=2, omitsize=True)
    shown = f'{_paragraph(words.scan)}<div class="qr">{code}</div>'
    if setup.is_typed:
        return f"{shown}{_paragraph(words.copy.format(app=setup.named))}<p><code>{escape(setup.link)}</code></p>"
    text = words.open_app.format(app=setup.named) if setup.named else words.check_in
    return f'{shown}<a class="button yes" id="setup" href="{escape(setup.link, quote=True)}">{escape(text)}</a>'


def _rest(words: Words, asked: Invitation) -> str:
    """What else can be agreed to, what waits for a second yes, and the way out."""
    given = (ConsentStatus.LIVE, ConsentStatus.UNCONFIRMED)
    open_ones = [each for each in asked.nearby if each.status not in given]
    waiting = [each for each in asked.nearby if each.status is ConsentStatus.UNCONFIRMED]
    said = "".join(_paragraph(words.waits.format(channel=each.channel)) for each in waiting)
    if open_ones:
        boxes = "".join(map(_box, open_ones))
        button = f'<button class="yes" name="do" value="agree">{escape(words.more)}</button>'
        said += f'<form method="post">{boxes}{button}</form>'
    button = f'<button class="no" name="do" value="withdraw">{escape(words.withdraw)}</button>'
    return f'{said}<form method="post">{button}</form>'


def _over() -> Response:
    said = "".join(f'<p lang="{language}">{escape(words.over)}</p>' for language, words in WORDS.items())
    return _page(WORDS["en"], "en", said, status=404)


def _paragraph(text: str, kind: str = "") -> str:
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def _page(words: Words, language: str, body: str, *, status: int = 200) -> Response:
    title = escape(words.title)
    return HTMLResponse(
        f'<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><meta name="robots" content="noindex">'
        f'<link rel="stylesheet" href="{_FOLDER}/style.css"></head>'
        f"<body><main><h1>{title}</h1>{body}</main></body></html>\n",
        status,
        _HEADERS,
    )


def _application(request: Request) -> Application:
    found: Application = request.app.state.application
    return found
