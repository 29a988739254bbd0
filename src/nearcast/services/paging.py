"""Lists that are read a page at a time, and wanted whole."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from nearcast.services.ports import Page

T = TypeVar("T")


def every(page: Callable[[str | None], Page[T]]) -> Iterator[T]:
    """The items of all pages; `page` reads the one at a cursor, None for the first."""
    cursor: str | None = None
    while True:
        found = page(cursor)
        yield from found.items
        cursor = found.next_cursor
        if cursor is None:
            return
