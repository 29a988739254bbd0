"""A template as it leaves: filled with what its provider has made of it by then asks for (messaging reference §1.2)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from nearcast.domain.sending import Template
from nearcast.domain.template import PLACE, MessageTemplate, buttons_of
from nearcast.services.keywords import Word, meaning
from nearcast.services.voucher_codes import PAGE

STOP = "stop"
"""What a button is for by which all offers end."""


def filled(
    template: Template, known: MessageTemplate | None, *, ends_at: datetime, tap: Callable[[str], str] | None
) -> Template:
    """With everything that it asks for; of what its message brings, what it does not ask for stays here. `tap` makes
    what comes back with a tap on a button that is for something; without it nothing does.
    """
    if known is None:
        return template
    copied, addresses = known.buttons("COPY_CODE"), known.buttons("URL")
    taps = _taps(template, known) if tap is not None else {}
    suffix = _suffix(template, known) if addresses else None
    code = template.code if copied else None
    indexes = (*taps, *(copied[:1] if code is not None else ()), *(addresses[:1] if suffix is not None else ()))
    return replace(
        template,
        variable_names=() if known.is_positional else known.variables,
        is_marketing=known.is_marketing,
        ends_at=ends_at if known.shows_end else None,
        payloads=tuple(map(tap, taps.values())) if tap is not None else (),
        code=code,
        url_suffix=suffix,
        button_indexes=indexes,
        taps=(),
    )


def _taps(template: Template, known: MessageTemplate) -> dict[int, str]:
    """What its quick-reply buttons are for, by where they stand. With a tap on any other comes what stands on it."""
    replies = known.buttons("QUICK_REPLY")
    if template.taps:
        return dict(zip(replies, template.taps, strict=False))
    buttons = buttons_of(known.components)
    said = {n: meaning(str(buttons[n].get("text", ""))) for n in replies}
    return {n: STOP for n, found in said.items() if found is not None and found.word in (Word.STOP, Word.MAYBE_STOP)}


def _suffix(template: Template, known: MessageTemplate) -> str | None:
    """The ending of the address that its campaign names, else the one that leads to the page of its voucher."""
    if template.url_suffix is not None or template.code is None:
        return template.url_suffix
    (address, *_) = (str(buttons_of(known.components)[n].get("url", "")) for n in known.buttons("URL"))
    is_page = PLACE.split(address)[0].endswith(f"{PAGE}/")
    return template.code if is_page else f"{PAGE[1:]}/{template.code}"
