"""Long lists in parts: pages for those who ask, chunks for the database."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from nearcast.domain.errors import InvalidInput
from nearcast.services.ports import Page

T = TypeVar("T")

_CHUNK = 1000  # both databases take at least 30 times as many parameters


def page_of(found: Sequence[tuple[str, T]], limit: int) -> Page[T]:
    """A page from (cursor, item) pairs, of which one more than `limit` was asked for."""
    more = len(found) > limit
    return Page([item for _, item in found[:limit]], found[limit - 1][0] if more else None)


def as_seq(cursor: str) -> int:
    """A cursor that is a number; InvalidInput for one that never came from here."""
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 19):
        raise InvalidInput(f"{cursor[:40]!r} is not a cursor of this list", place="cursor")
    return int(cursor)


def chunks(items: Iterable[T], size: int = _CHUNK) -> Iterator[list[T]]:
    """Items in lists small enough for one statement."""
    source = iter(items)
    while chunk := list(islice(source, size)):
        yield chunk
