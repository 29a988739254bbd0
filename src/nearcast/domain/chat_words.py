"""What single words mean that people write in a chat: where the next offer is, and what a shop wants of its campaigns.

A message is such a word only as a whole, or with one of the shop's campaigns behind it. Words by which customers end
their offers are none of these: whoever writes "stop" alone wants no more messages, whoever they are.
"""

import unicodedata
from enum import StrEnum

from nearcast.domain.value import value


class Wish(StrEnum):
    """What the staff of a shop want of a campaign, in the word of its life cycle."""

    PAUSE = "pause"
    RESUME = "activate"


@value(kw_only=True)
class StaffWord:
    """What they said, in which language, and which campaign they named, if any, as plain words."""

    wish: Wish
    language: str
    about: str = ""


_STAFF_WORDS: dict[str, tuple[Wish, str]] = {
    "pause": (Wish.PAUSE, "en"),
    "paused": (Wish.PAUSE, "en"),
    "sold out": (Wish.PAUSE, "en"),
    "soldout": (Wish.PAUSE, "en"),
    "pausieren": (Wish.PAUSE, "de"),
    "pausiere": (Wish.PAUSE, "de"),
    "ausverkauft": (Wish.PAUSE, "de"),
    "go": (Wish.RESUME, "en"),
    "go on": (Wish.RESUME, "en"),
    "resume": (Wish.RESUME, "en"),
    "continue": (Wish.RESUME, "en"),
    "weiter": (Wish.RESUME, "de"),
    "wieder da": (Wish.RESUME, "de"),
}
_NAMING_WORDS: dict[str, tuple[Wish, str]] = {
    "stop": (Wish.PAUSE, "en"),
    "stopp": (Wish.PAUSE, "de"),
    "start": (Wish.RESUME, "en"),
}
"""Mean a campaign only where one is named: alone they are a customer's."""

_NEAR_WORDS = {
    "near": "en",
    "near me": "en",
    "nearby": "en",
    "offers": "en",
    "offers near me": "en",
    "in der nähe": "de",
    "in meiner nähe": "de",
    "nähe": "de",
    "angebote": "de",
    "angebote in der nähe": "de",
}


def plain(text: str) -> str:
    """Words as they are compared: in one case, with single spaces, without marks and pictures.

    >>> plain("  SOLD-OUT!! ")
    'sold out'
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    kept = (letter if unicodedata.category(letter)[0] in "LN" else " " for letter in folded)
    return " ".join("".join(kept).split())


def staff_word(text: str) -> StaffWord | None:
    """What the staff of a shop mean by a message; None where it is nothing that they say to campaigns.

    >>> staff_word("Stop") is None
    True
    >>> staff_word("sold out: Espresso").about
    'espresso'
    """
    said = plain(text)
    for words, needs_name in ((_STAFF_WORDS, False), (_NAMING_WORDS, True)):
        for word in sorted(words, key=len, reverse=True):
            if said == word and not needs_name:
                return StaffWord(wish=words[word][0], language=words[word][1])
            if said.startswith(f"{word} "):
                return StaffWord(wish=words[word][0], language=words[word][1], about=said.removeprefix(f"{word} "))
    return None


def near_word(text: str) -> str | None:
    """The language in which somebody asks for offers near them; None for anything else.

    >>> near_word("In der Nähe?")
    'de'
    """
    return _NEAR_WORDS.get(plain(text))
