"""The page of a voucher, for whoever has its code: what it is good for, until when, and a picture for the till.

The code is the only secret, and nothing on the page is loaded from elsewhere: nobody else hears of it.
"""

from dataclasses import dataclass
from html import escape

import segno
from fastapi import APIRouter, Request, Response

from nearcast.console.page import page, paragraph
from nearcast.domain.errors import NotFound
from nearcast.domain.voucher import VoucherState, grouped
from nearcast.services.application import Application
from nearcast.services.notices import language_of
from nearcast.services.voucher_codes import PAGE, until
from nearcast.services.vouchers import Held


@dataclass(frozen=True, slots=True)
class _Words:
    title: str
    at: str
    until: str
    show: str
    redeemed: str
    expired: str
    void: str
    missing: str


_WORDS = {
    "en": _Words(
        title="Voucher",
        at="At {shop}",
        until="Good until {until}",
        show="Show this at the till. It is good once.",
        redeemed="Redeemed at {at}.",
        expired="Expired at {at}.",
        void="This voucher was taken back.",
        missing="There is no such voucher. Open it again from the message that it came with.",
    ),
    "de": _Words(
        title="Gutschein",
        at="Bei {shop}",
        until="Gültig bis {until}",
        show="Zeig das an der Kasse. Er gilt einmal.",
        redeemed="Eingelöst am {at}.",
        expired="Abgelaufen am {at}.",
        void="Dieser Gutschein wurde zurückgenommen.",
        missing="Diesen Gutschein gibt es nicht. Öffne ihn noch einmal aus der Nachricht, mit der er kam.",
    ),
}


def voucher_pages() -> APIRouter:
    """The route of the page."""
    router = APIRouter(prefix=PAGE, include_in_schema=False)

    @router.get("/{code}")
    def show(request: Request, code: str) -> Response:
        application: Application = request.app.state.application
        language = language_of(request.headers.get("accept-language", "").partition(",")[0])
        words, now = _WORDS[language], application.clock.now()
        try:
            held = application.vouchers.held(code, now)
        except NotFound:
            return page(words.title, language, paragraph(words.missing), status=404)
        good_until = until(held.voucher.expires_at.astimezone(held.zone), now.astimezone(held.zone))
        said = [paragraph(words.at.format(shop=held.shop_name)), paragraph(words.until.format(until=good_until))]
        terms = [paragraph(held.voucher.terms, "quiet")] if held.voucher.terms else []
        return page(held.voucher.title, language, "".join([*said, *_picture_or_end(words, held), *terms]))

    return router


def _picture_or_end(words: _Words, held: Held) -> list[str]:
    if held.state is VoucherState.ISSUED:
        picture = segno.make(held.url, micro=False, error="m").svg_inline(border=2, omitsize=True)
        code = f'<p><code id="code">{escape(grouped(held.code))}</code></p>'
        return [f'<div class="qr">{picture}</div>', code, paragraph(words.show)]
    if held.state is VoucherState.VOID:
        return [paragraph(words.void, "over")]
    ended_at = held.voucher.redeemed_at or held.voucher.expires_at
    said = words.redeemed if held.state is VoucherState.REDEEMED else words.expired
    return [paragraph(said.format(at=f"{ended_at.astimezone(held.zone):%Y-%m-%d %H:%M}"), "over")]
