"""What a template has to be before a provider is asked to approve it (messaging reference §1.2, §1.4).

Checked here, because a refusal there comes hours later and counts.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from nearcast.domain.errors import InvalidInput
from nearcast.domain.template import PLACE, buttons_of, part_of, places
from nearcast.domain.value import value

_NAME = re.compile(r"[a-z0-9_]{1,512}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Z]{2,3})?")
_TTL_S = {"MARKETING": (43_200, 2_592_000), "UTILITY": (30, 43_200), "AUTHENTICATION": (30, 900)}
_LONGEST = {"HEADER": 60, "BODY": 1024, "FOOTER": 60}
_LONGEST_BODY_OF_LIMITED_OFFER, _LONGEST_LIMITED_OFFER = 600, 16
_MOST_BUTTONS, _LONGEST_BUTTON, _LONGEST_CODE = 10, 25, 15
_FEWEST_WORDS_A_VARIABLE = 2


@value(kw_only=True)
class TemplateDraft:
    """A template as it is asked for; `ttl_s` is how long the provider may go on trying to deliver."""

    name: str
    language: str
    category: str
    components: tuple[Mapping[str, Any], ...]
    ttl_s: int | None = None


def check_draft(draft: TemplateDraft) -> None:
    """InvalidInput names the place of what the provider would refuse."""
    if not _NAME.fullmatch(draft.name):
        raise InvalidInput("is not 1 to 512 of a-z, 0-9 and _", place="name")
    if not _LANGUAGE.fullmatch(draft.language):
        raise InvalidInput("is not a language like de or pt_BR", place="language")
    if draft.category not in _TTL_S:
        raise InvalidInput(f"is none of {', '.join(_TTL_S)}", place="category")
    shortest, longest = _TTL_S[draft.category]
    if draft.ttl_s is not None and not shortest <= draft.ttl_s <= longest:
        raise InvalidInput(f"is not {shortest} to {longest} seconds, as {draft.category} needs", place="ttl_s")
    kinds = [str(each.get("type", "")).upper() for each in draft.components]
    if "BODY" not in kinds:
        raise InvalidInput("has no BODY", place="components")
    for n, (kind, component) in enumerate(zip(kinds, draft.components, strict=True)):
        place = f"components[{n}]"
        if kinds.index(kind) != n:
            raise InvalidInput(f"{kind} is there twice", place=place)
        _check_text(kind, component, place)
    _check_limited_offer(draft.components)
    _check_buttons(draft.components)


def _check_text(kind: str, component: Mapping[str, Any], place: str) -> None:
    text = component.get("text", "")
    if not isinstance(text, str) or (kind == "BODY" and not text.strip()):
        raise InvalidInput("is not a text", place=f"{place}.text")
    longest = _LONGEST.get(kind)
    if longest is None:
        return
    if len(text) > longest:
        raise InvalidInput(f"has {len(text)} characters, and {kind} at most {longest}", place=f"{place}.text")
    found = places(text)
    if kind == "FOOTER" and found:
        raise InvalidInput("a FOOTER has no variables", place=f"{place}.text")
    if kind == "HEADER" and len(found) > 1:
        raise InvalidInput("a HEADER has one variable at most", place=f"{place}.text")
    if found:
        _check_variables(kind, text, f"{place}.text")
        examples = _examples(kind, component)
        if examples != len(found):
            raise InvalidInput(f"has examples for {examples} of {len(found)} variables", place=f"{place}.example")


def _check_variables(kind: str, text: str, place: str) -> None:
    names = places(text)
    numbers = [name for name in names if name.isdigit()]
    if numbers and sorted(map(int, numbers)) != list(range(1, len(names) + 1)):
        raise InvalidInput("variables are named, or numbered from 1 on", place=place)
    if kind != "BODY":
        return
    found, whole = list(PLACE.finditer(text)), text.strip()
    if PLACE.match(whole) or whole.endswith("}}"):
        raise InvalidInput("variables stand neither first nor last", place=place)
    if any(not text[one.end() : other.start()].strip() for one, other in pairwise(found)):
        raise InvalidInput("variables do not stand side by side", place=place)
    if len(PLACE.sub(" ", text).split()) <= _FEWEST_WORDS_A_VARIABLE * len(found):
        raise InvalidInput("has too many variables for so few words", place=place)


def _examples(kind: str, component: Mapping[str, Any]) -> int:
    """For how many variables there is an example."""
    said = component.get("example")
    if not isinstance(said, Mapping):
        return 0
    name = kind.lower()
    named, given = said.get(f"{name}_text_named_params"), said.get(f"{name}_text")
    if isinstance(named, list):
        return len(named)
    if not isinstance(given, list):
        return 0
    rows = given[0] if kind == "BODY" and given and isinstance(given[0], list) else given
    return len(rows)


def _check_limited_offer(components: Sequence[Mapping[str, Any]]) -> None:
    offer = part_of(components, "LIMITED_TIME_OFFER").get("limited_time_offer")
    if offer is None:
        return
    if not isinstance(offer, Mapping) or len(str(offer.get("text", ""))) > _LONGEST_LIMITED_OFFER:
        raise InvalidInput(f"a limited-time offer has {_LONGEST_LIMITED_OFFER} characters", place="components")
    if part_of(components, "FOOTER"):
        raise InvalidInput("a limited-time offer has no FOOTER", place="components")
    if len(str(part_of(components, "BODY").get("text", ""))) > _LONGEST_BODY_OF_LIMITED_OFFER:
        raise InvalidInput(
            f"the BODY of a limited-time offer has {_LONGEST_BODY_OF_LIMITED_OFFER} characters at most",
            place="components",
        )


def _check_buttons(components: Sequence[Mapping[str, Any]]) -> None:
    said = part_of(components, "BUTTONS").get("buttons", [])
    if not isinstance(said, list) or not all(isinstance(each, Mapping) for each in said):
        raise InvalidInput("BUTTONS are a list of objects", place="components")
    buttons = buttons_of(components)
    if len(buttons) > _MOST_BUTTONS:
        raise InvalidInput(f"there are at most {_MOST_BUTTONS} buttons", place="components")
    codes = [each for each in buttons if str(each.get("type", "")).upper() == "COPY_CODE"]
    if len(codes) > 1:
        raise InvalidInput("there is one COPY_CODE button at most", place="components")
    if any(len(str(each.get("example", ""))) > _LONGEST_CODE for each in codes):
        raise InvalidInput(f"a code has at most {_LONGEST_CODE} characters", place="components")
    if any(len(str(each.get("text", ""))) > _LONGEST_BUTTON for each in buttons):
        raise InvalidInput(f"a button has at most {_LONGEST_BUTTON} characters", place="components")
