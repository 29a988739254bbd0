"""Whether an offer brings what a template asks for, and nothing else (messaging reference §1.2).

A refusal there stops the template for everybody, so nothing leaves that does not fit.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from nearcast.domain.sending import Template
from nearcast.domain.template import MessageTemplate, buttons_of, part_of
from nearcast.domain.value import value

_FILLED = {"HEADER", "BODY", "FOOTER", "BUTTONS", "LIMITED_TIME_OFFER"}
_BUTTONS = {"QUICK_REPLY", "URL", "COPY_CODE", "PHONE_NUMBER"}
_AS_THEY_ARE = {"", "TEXT", "IMAGE"}


@value(kw_only=True)
class Filling:
    """What an offer brings: so many `variables` for the body, a text or a picture for the heading, a voucher, an ending
    of an address of its own, and so many `taps` where it says what they are for.
    """

    variables: int
    has_header: bool = False
    has_image: bool = False
    has_voucher: bool = False
    has_suffix: bool = False
    taps: int = 0


@value
class Misfit:
    """What is wrong, and with which part of the offer."""

    place: str
    complaint: str


def filling_of(template: Template) -> Filling:
    """What a message brings along."""
    return Filling(
        variables=len(template.variables),
        has_header=template.header is not None,
        has_image=template.header_image is not None,
        has_voucher=template.code is not None,
        has_suffix=template.url_suffix is not None,
        taps=len(template.taps),
    )


def misfit(known: MessageTemplate, brought: Filling) -> Misfit | None:
    """The first thing that does not fit; None where all does, or where nothing is known of what it asks for."""
    return next(_misfits(known, brought), None) if known.components else None


def _misfits(known: MessageTemplate, brought: Filling) -> Iterator[Misfit]:
    asked = len(known.variables)
    if brought.variables != asked:
        said = f"template {known.name!r} has {asked} variables, and {brought.variables} are filled in"
        yield Misfit("template.variables", said)
    kinds = [str(each.get("type", "")).upper() for each in known.components]
    for kind in kinds:
        if kind not in _FILLED:
            yield Misfit("template.name", f"template {known.name!r} has a {kind}, which no offer fills")
    yield from _of_header(known, brought)
    yield from _of_buttons(known, brought)


def _of_header(known: MessageTemplate, brought: Filling) -> Iterator[Misfit]:
    header: Mapping[str, Any] = part_of(known.components, "HEADER")
    kind = str(header.get("format") or "").upper()
    if kind not in _AS_THEY_ARE:
        yield Misfit("template.name", f"the HEADER of template {known.name!r} is a {kind}, which no offer fills")
    for place, needs, has, what in (
        ("header", known.has_header_variable, brought.has_header, "a variable in its HEADER"),
        ("header_image", kind == "IMAGE", brought.has_image, "an IMAGE as its HEADER"),
    ):
        yield from _if_needed(known, f"template.{place}", what, needs=needs, has=has)


def _of_buttons(known: MessageTemplate, brought: Filling) -> Iterator[Misfit]:
    for button in buttons_of(known.components):
        kind = str(button.get("type", "")).upper()
        if kind not in _BUTTONS:
            yield Misfit("template.name", f"template {known.name!r} has a {kind} button, which no offer fills")
    addresses, replies = len(known.buttons("URL")), len(known.buttons("QUICK_REPLY"))
    if known.buttons("COPY_CODE") and not brought.has_voucher:
        yield Misfit("voucher", f"is missing: template {known.name!r} has a COPY_CODE button")
    if addresses > 1:
        said = f"template {known.name!r} has {addresses} URL buttons with a variable, and one is filled"
        yield Misfit("template.name", said)
    has_suffix = brought.has_suffix or (addresses == 1 and brought.has_voucher)
    what = "a URL button with a variable"
    yield from _if_needed(known, "template.url_suffix", what, needs=addresses > 0, has=has_suffix)
    if brought.taps not in (0, replies):
        said = f"template {known.name!r} has {replies} QUICK_REPLY buttons, and {brought.taps} are named"
        yield Misfit("template.taps", said)


def _if_needed(known: MessageTemplate, place: str, what: str, *, needs: bool, has: bool) -> Iterator[Misfit]:
    if needs and not has:
        yield Misfit(place, f"is missing: template {known.name!r} has {what}")
    if has and not needs:
        yield Misfit(place, f"is for nothing: template {known.name!r} has not {what}")
