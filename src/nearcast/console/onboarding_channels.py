"""The part of the onboarding page for channels that begin there: this browser, and a chat with a bot."""

from html import escape

from nearcast.console.onboarding_words import Words
from nearcast.console.page import paragraph
from nearcast.domain.consent import ConsentStatus
from nearcast.services.onboarding import Asked, Invitation
from nearcast.services.own_channels import OwnChannels


def own_channels(words: Words, asked: Invitation, ours: OwnChannels) -> str:
    """What is asked for on them, and the ways in and out. What is about the browser stays hidden where the browser
    cannot be reached.
    """
    chat = _chat(words, asked.chat) if ours.bot_name is not None else ""
    return _browser(words, asked.browser, ours.browser_key) + chat


def _browser(words: Words, asked: Asked, key: str) -> str:
    said = {"key": key, "refused": words.browser_refused, "failed": words.browser_failed}
    data = "".join(f' data-{name}="{escape(value, quote=True)}"' for name, value in said.items())
    is_live = asked.status is ConsentStatus.LIVE
    live = paragraph(words.browser_live) if is_live else paragraph(asked.notice.text)
    on = f'<button class="yes" id="browser-on">{escape(words.browser_on)}</button>'
    off = f'<button class="no" id="browser-off">{escape(words.browser_off)}</button>' if is_live else ""
    return f'<section id="browser" hidden{data}>{live}{on}{off}<p role="alert" hidden></p></section>'


def _chat(words: Words, asked: Asked) -> str:
    is_live = asked.status is ConsentStatus.LIVE
    said = paragraph(words.chat_live if is_live else asked.notice.text)
    do, kind, text = ("leave chat", "no", words.chat_off) if is_live else ("chat", "yes", words.chat_on)
    return f'<form method="post">{said}<button class="{kind}" name="do" value="{do}">{escape(text)}</button></form>'
