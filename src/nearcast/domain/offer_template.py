"""How an offer leaves on a channel whose provider approves texts: the name of one, and what fills it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from nearcast.domain.sending import Template

VOUCHER_CODE = "voucher.code"
"""The place in a text where a voucher's code stands, and without hyphens what a button copies."""

_PLACEHOLDER = re.compile(r"\{([\w.-]+)\}")


def placeholders(text: str) -> list[str]:
    """The names in braces in a text, in their order."""
    return _PLACEHOLDER.findall(text)


def filled_in(text: str, values: Mapping[str, str]) -> str:
    """A text with what the names in braces stand for; nothing for one that is not known."""
    return _PLACEHOLDER.sub(lambda match: values.get(match[1], ""), text)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferTemplate:
    """`variables` stand in the places of its body, `header` in that of its heading, `url_suffix` behind its address,
    all with the same names filled in as in the offer's text. `header_image` is where its picture is. `taps` are what
    its quick-reply buttons are for, in their order; without them those whose words mean the end of all offers are for
    that, and with a tap on any other comes what stands on it.
    """

    name: str
    language: str
    variables: tuple[str, ...] = ()
    header: str | None = None
    header_image: str | None = None
    url_suffix: str | None = None
    taps: tuple[str, ...] = ()

    @property
    def texts(self) -> Iterator[tuple[str, str]]:
        """Everything that names are filled in, each with its place."""
        yield from ((f"variables[{n}]", text) for n, text in enumerate(self.variables))
        yield from ((place, text) for place in ("header", "url_suffix") if (text := getattr(self, place)) is not None)

    def render(self, values: Mapping[str, str]) -> Template:
        """The template as it is sent, as far as that is known without its provider."""
        code = values.get(VOUCHER_CODE)
        return Template(
            name=self.name,
            language=self.language,
            variables=tuple(filled_in(text, values) for text in self.variables),
            header=None if self.header is None else filled_in(self.header, values),
            header_image=self.header_image,
            url_suffix=None if self.url_suffix is None else filled_in(self.url_suffix, values),
            code=None if code is None else code.replace("-", ""),
            taps=self.taps,
        )
