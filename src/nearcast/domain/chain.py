"""The chain of a ledger: each line's hash covers the line and the hash before it, so that no line can be changed,
taken out, put in or moved without it being seen.

What is known of the end is kept apart, as a head: lines cut off at the end are seen by it. The chain of a customer who
was erased ends with a line that says so, and nothing stands behind that.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

ERASED = "erased"
"""The action of the line that closes a chain."""
BEGINNING = "0" * 64
"""What the first line of a chain has for the hash before it."""


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain ends: how many lines it has, and the hash of the last."""

    count: int
    hash: str


NOTHING = Head(0, BEGINNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A line in its chain: its place, counted from 1, the hash before it and its own. `content` is all else of it, as
    JSON has it.
    """

    name: str
    position: int
    content: Mapping[str, Any]
    prev_hash: str
    row_hash: str


class Wrong(StrEnum):
    """What is wrong with a line, or with the end of its chain."""

    CHANGED = "changed"
    MISSING = "missing"
    NOT_LINKED = "not linked to the line before it"
    CUT_OFF = "missing at the end"
    ADDED = "added behind the end"
    END_CHANGED = "not the line that the chain ended with"
    NO_END = "in a chain whose end is not on record"
    AFTER_ERASURE = "written behind the erasure"
    NOT_AS_RECORDED = "not as it was recorded elsewhere"


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something wrong at one place of a chain; `name` is that of the line, where there is one."""

    subject: str
    position: int
    wrong: Wrong
    name: str | None = None


def link_hash(content: Mapping[str, Any], position: int, prev_hash: str) -> str:
    """The hash of a line: SHA-256 over its JSON, keys in the order of their letters, without spaces."""
    whole = {"content": content, "position": position, "prev_hash": prev_hash}
    said = json.dumps(whole, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(said.encode()).hexdigest()


def flaws_of(subject: str, links: Iterable[Link], head: Head | None) -> Iterator[Flaw]:
    """Everything that is wrong with a chain; `links` by position, `head` None where none is on record."""
    end, last, is_closed = NOTHING, None, False
    for link in links:
        if is_closed:
            yield Flaw(subject, link.position, Wrong.AFTER_ERASURE, link.name)
        for position in range(end.count + 1, link.position):
            yield Flaw(subject, position, Wrong.MISSING)
        if link_hash(link.content, link.position, link.prev_hash) != link.row_hash:
            yield Flaw(subject, link.position, Wrong.CHANGED, link.name)
        elif link.position == end.count + 1 and link.prev_hash != end.hash:
            yield Flaw(subject, link.position, Wrong.NOT_LINKED, link.name)
        if head is not None and link.position == head.count and link.row_hash != head.hash:
            yield Flaw(subject, link.position, Wrong.END_CHANGED, link.name)
        if head is not None and link.position > head.count:
            yield Flaw(subject, link.position, Wrong.ADDED, link.name)
        end, last, is_closed = Head(link.position, link.row_hash), link.name, link.content.get("action") == ERASED
    if head is None:
        yield Flaw(subject, end.count, Wrong.NO_END, last)
        return
    for position in range(end.count + 1, head.count + 1):
        yield Flaw(subject, position, Wrong.CUT_OFF)


def root_of(heads: Iterable[tuple[str, Head]]) -> str:
    """One hash over the heads of all chains, by subject: kept elsewhere, it proves all of them."""
    root = hashlib.sha256()
    for subject, head in heads:
        root.update(f"{subject} {head.count} {head.hash}\n".encode())
    return root.hexdigest()
