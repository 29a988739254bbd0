"""Short texts from outside, each of a kind: pydantic types that say what is wrong with one without repeating it."""

import re
import unicodedata
from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, StringConstraints, WithJsonSchema

from nearcast.domain.errors import InvalidInput
from nearcast.domain.local_time import zone
from nearcast.services.scalars import Id

_UNPRINTABLE = ("Cc", "Cs", "Zl", "Zp")
_LONGEST_ID_BYTES = 255  # three of them are a key in every database


def _printable(text: str) -> str:
    if any(unicodedata.category(letter) in _UNPRINTABLE for letter in text):
        raise ValueError("has characters that cannot be printed")
    return text


def _kept_id(text: str) -> str:
    if not text.isprintable():
        raise ValueError("has characters that cannot be printed")
    if len(text.encode()) > _LONGEST_ID_BYTES:
        raise ValueError(f"is longer than {_LONGEST_ID_BYTES} bytes")
    if text in (".", ".."):
        raise ValueError("would be lost in an address, where it means a folder")
    return text


def check_id(text: str) -> None:
    """InvalidInput for an id that cannot be kept under, or found again by its address."""
    try:
        _kept_id(text)
    except ValueError as error:
        raise InvalidInput(str(error), place="id") from None


def _zone(name: str) -> str:
    try:
        zone(_printable(name))
    except InvalidInput as error:
        raise ValueError(error.message) from None
    return name


def matching(pattern: str, said: str) -> Callable[[str], str]:
    """A check that a whole text is of that pattern; ValueError with `said` where it is not."""
    whole = re.compile(pattern)

    def check(text: str) -> str:
        if not whole.fullmatch(text):
            raise ValueError(said)
        return text

    return check


_CHANNEL = "[a-z][a-z0-9_-]{0,31}"
_LANGUAGE = "[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,5}"
_SHA256 = "[0-9a-f]{64}"
_PURPOSE = r"location\.matching|location\.sharing|analytics\.visits|marketing\.[a-z][a-z0-9_.-]{0,63}"

Printable = AfterValidator(_printable)
ShortText = Annotated[str, StringConstraints(min_length=1, max_length=100), Printable]
LongText = Annotated[str, StringConstraints(min_length=1, max_length=500), Printable]
KeptId = Annotated[Id, AfterValidator(_kept_id)]
ZoneName = Annotated[str, AfterValidator(_zone)]
ChannelName = Annotated[
    str,
    AfterValidator(matching(_CHANNEL, "is not the name of a channel: small letters, digits, _ and -, at most 32")),
    WithJsonSchema({"type": "string", "pattern": f"^{_CHANNEL}$"}),
]
LanguageTag = Annotated[
    str,
    AfterValidator(matching(_LANGUAGE, "is not a language tag like de or pt-BR")),
    WithJsonSchema({"type": "string", "pattern": f"^{_LANGUAGE}$"}),
]
Sha256 = Annotated[
    str,
    AfterValidator(matching(_SHA256, "is not a SHA-256: 64 digits 0-9 and a-f")),
    WithJsonSchema({"type": "string", "pattern": f"^{_SHA256}$"}),
]
Purpose = Annotated[
    str,
    AfterValidator(
        matching(_PURPOSE, "is none of location.matching, location.sharing, analytics.visits and marketing.<name>")
    ),
    WithJsonSchema({"type": "string", "pattern": f"^({_PURPOSE})$"}),
]
