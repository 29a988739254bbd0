"""The page behind an offer's way out: one button, and one address that mail programs press themselves (RFC 8058).

Looking at it ends nothing: what looks at links before people do withdraws nothing.
"""

from dataclasses import dataclass
from html import escape
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from nearcast.console.page import page, paragraph
from nearcast.domain.errors import NotFound
from nearcast.services.application import Application


@dataclass(frozen=True, slots=True)
class _Words:
    title: str
    lead: str
    stop: str
    done: str
    over: str


_WORDS = {
    "en": _Words(
        title="No more offers",
        lead="One press, and you get no more of these offers on this channel.",
        stop="Stop these offers",
        done="You get no more of these offers. What was still on its way to you was stopped.",
        over="This link is not whole. Open it again from the message that it came with.",
    ),
    "de": _Words(
        title="Keine Angebote mehr",
        lead="Ein Druck, und du bekommst diese Angebote auf diesem Weg nicht mehr.",
        stop="Angebote beenden",
        done="Du bekommst diese Angebote nicht mehr. Was noch unterwegs war, wurde angehalten.",
        over="Dieser Link ist nicht vollständig. Öffne ihn noch einmal aus der Nachricht, mit der er kam.",
    ),
}


_FORM = "application/x-www-form-urlencoded"
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "A page that says so.", "content": {"text/html": {}}},
    404: {"description": "A page that says that the link is not whole.", "content": {"text/html": {}}},
}


def opt_out_pages() -> APIRouter:
    """The routes of the page."""
    router = APIRouter(prefix="/unsubscribe", tags=["consents"])

    @router.get("/{token}", include_in_schema=False)
    def ask(request: Request, token: str) -> Response:
        try:
            language = _application(request).opt_outs.language(token)
        except NotFound:
            return _over()
        words = _WORDS[language]
        button = f'<form method="post"><button class="no">{escape(words.stop)}</button></form>'
        return page(words.title, language, paragraph(words.lead) + button)

    @router.post(
        "/{token}",
        summary="End the offers that a link belongs to",
        response_class=HTMLResponse,
        responses=_ANSWERS,
        openapi_extra={"requestBody": {"content": {_FORM: {"example": "List-Unsubscribe=One-Click"}}}},
    )
    def stop(request: Request, token: str) -> Response:
        """Asks for no key: the link in an offer, or in a mail's `List-Unsubscribe` (RFC 8058), is its proof. Whatever
        the body says, offers of that sender on that channel end before this is answered; said again it changes nothing.
        """
        application = _application(request)
        try:
            application.opt_outs.withdraw(token, application.clock.now())
            language = application.opt_outs.language(token)
        except NotFound:
            return _over()
        return page(_WORDS[language].title, language, paragraph(_WORDS[language].done))

    return router


def _over() -> Response:
    said = "".join(f'<p lang="{language}">{escape(words.over)}</p>' for language, words in _WORDS.items())
    return page(_WORDS["en"].title, "en", said, status=404)


def _application(request: Request) -> Application:
    found: Application = request.app.state.application
    return found
