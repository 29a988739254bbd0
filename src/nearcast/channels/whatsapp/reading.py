"""Values of a webhook, none of which need be there or be what they are said to be."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from nearcast.domain.sending import LearntKey
from nearcast.domain.value import value

_SPOKEN = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


class NotUnderstood(Exception):
    """An item is not what we know; the text says what kind of thing it is, and never what stands in it."""


@value(kw_only=True)
class Change:
    """One change of one entry: the `field` that it is about, what it says, and whose account it is of. `at` is the
    entry's own time, or that of its coming where it has none, and `time` what the entry says of it. `contacts` are the
    names of each person that it is about, by each of them.
    """

    field: str
    said: Mapping[str, Any]
    account: str
    at: datetime
    time: str
    contacts: Mapping[LearntKey, tuple[LearntKey, ...]]

    @property
    def received_by(self) -> str:
        """The number that it is about; the account, where it names none."""
        return text(part(self.said, "metadata"), "phone_number_id") or self.account


def text(said: Mapping[str, Any], key: str) -> str | None:
    """A text, without what no database keeps; a whole number counts as one. None for anything else, and for ''."""
    found = said.get(key)
    if isinstance(found, int) and not isinstance(found, bool) and abs(found) < 10**18:
        return str(found)
    if not isinstance(found, str):
        return None
    return found.encode("utf-8", "replace").decode().replace("\0", "") or None


def needed(said: Mapping[str, Any], key: str) -> str:
    """A text that must be there; NotUnderstood."""
    found = text(said, key)
    if found is None:
        raise NotUnderstood(f"no {key}")
    return found


def part(said: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """An object; an empty one where there is none."""
    found = said.get(key)
    return found if isinstance(found, dict) else {}


def objects(said: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """The objects of a list; none where there is no list."""
    return [each for each in items(said, key) if isinstance(each, dict)]


def items(said: Mapping[str, Any], key: str) -> list[Any]:
    """All of a list, whatever it is made of."""
    found = said.get(key)
    return found if isinstance(found, list) else []


def instant(said: Mapping[str, Any], key: str) -> datetime | None:
    """Seconds since 1970, as a number or as text; None for what is no time of this service."""
    found = text(said, key)
    if found is None or not (found.isascii() and found.isdigit() and len(found) <= 10):
        return None
    return datetime.fromtimestamp(int(found), UTC)


def spoken(found: str | None) -> str:
    """A word of the provider's as it may be told to anybody; what is no such word may be somebody's text."""
    return found if found is not None and _SPOKEN.fullmatch(found) else "?"
