"""The page behind an offer's way out: one button, and one address that mail programs press themselves (RFC 8058).

Looking at it ends nothing: what looks at links before people do withdraws nothing.
"""

from dataclasses import dataclass
from html import escape

from fastapi import APIRouter, Request, Response

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


def opt_out_pages() -> APIRouter:
    """The routes of the page."""
    router = APIRouter(prefix="/unsubscribe", include_in_schema=False)

    @router.get("/{token}")
    def ask(request: Request, token: str) -> Response:
        try:
            language = _application(request).opt_outs.language(token)
        except NotFound:
            return _over()
        words = _WORDS[language]
        button = f'<form method="post"><button class="no">{escape(words.stop)}</button></form>'
        return page(words.title, language, paragraph(words.lead) + button)

    @router.post("/{token}")
    def stop(request: Request, token: str) -> Response:
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
