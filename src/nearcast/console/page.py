"""A page for one person: a title, some words, and nothing that is loaded from elsewhere."""

from collections.abc import Sequence
from html import escape

from fastapi.responses import HTMLResponse

_STYLE = "/onboarding/style.css"
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def page(title: str, language: str, body: str, *, status: int = 200, scripts: Sequence[str] = ()) -> HTMLResponse:
    """A page in that language; `body` is HTML, in which what others have said is escaped. `scripts` are the addresses
    of modules.
    """
    title = escape(title)
    modules = "".join(f'<script type="module" src="{address}"></script>' for address in scripts)
    return HTMLResponse(
        f'<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><meta name="robots" content="noindex">'
        f'<link rel="stylesheet" href="{_STYLE}">{modules}</head>'
        f"<body><main><h1>{title}</h1>{body}</main></body></html>\n",
        status,
        _HEADERS,
    )


def paragraph(text: str, kind: str = "") -> str:
    """Words as they were said, escaped."""
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"
