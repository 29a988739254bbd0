"""What a message means that may be about getting messages at all: an end, a beginning, a question, a yes.

A word that stands alone is taken for what it says, in any of the languages that there are words of. A longer message is
an end where nothing but courtesy stands around the word, and for somebody to read where more does: who wants no more
and is not understood would get more (messaging reference §8; campaigns D11).
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from nearcast.services.documents import read_document

_WORDS = Path(__file__).with_name("keywords.yaml")
_LONGEST = 1_000
_PLAIN = str.maketrans({"ł": "l", "ı": "i", "ø": "o", "đ": "d"})  # what no decomposition takes apart
_APOSTROPHES = "'’`´"


class Word(StrEnum):
    """What somebody says of the messages that they get."""

    STOP = "stop"
    MAYBE_STOP = "maybe_stop"
    AMBIGUOUS = "ambiguous"
    START = "start"
    HELP = "help"
    YES = "yes"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What was said, and the language of ours that it was said in."""

    word: Word
    language: str


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    whole: Mapping[str, Meaning]
    within: Mapping[str, str]
    fillers: frozenset[str]


def meaning(text: str) -> Meaning | None:
    """What a whole message means; None for what is about something else."""
    said, known = normal(text[:_LONGEST]), _vocabulary()
    if text.strip() == "?":
        return Meaning(Word.HELP, "en")
    if (found := known.whole.get(said)) is not None:
        return found
    inside = [phrase for phrase in known.within if f" {phrase} " in f" {said} "]
    if not inside:
        return None
    rest = f" {said} "
    for phrase in sorted(inside, key=len, reverse=True):
        rest = rest.replace(f" {phrase} ", " ")
    is_clear = known.fillers.issuperset(rest.split())
    return Meaning(Word.STOP if is_clear else Word.MAYBE_STOP, known.within[max(inside, key=len)])


def normal(text: str) -> str:
    """A text as it is compared: letters and digits alone, without case and accents, a blank between words."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold().translate(_PLAIN))
    kept = (letter for letter in folded if letter not in _APOSTROPHES and not unicodedata.combining(letter))
    return " ".join("".join(letter if letter.isalnum() else " " for letter in kept).split())


@cache
def _vocabulary() -> _Vocabulary:
    said: Mapping[str, Mapping[str, Any]] = read_document(_WORDS)
    whole: dict[str, Meaning] = {}
    within: dict[str, str] = {}
    for language, words in said.items():
        for word in (Word.STOP, Word.AMBIGUOUS, Word.START, Word.HELP, Word.YES):
            for phrase in filter(None, map(normal, words[word.value])):
                whole.setdefault(phrase, Meaning(word, language))
        for phrase in (*words["within"], *words[Word.AMBIGUOUS.value]):
            within.setdefault(normal(phrase), language)
    fillers = (normal(filler) for words in said.values() for filler in words["fillers"])
    return _Vocabulary(whole, within, frozenset(part for filler in fillers for part in filler.split()))
