"""XML files read from beginning to end: of the elements that are asked for, their attributes and the texts in them.

A document type declaration is refused before it can define an entity.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from xml.parsers import expat

from nearcast.domain.errors import InvalidInput

_AT_ONCE_BYTES = 1 << 16
_DEEPEST = 100


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


@dataclass(slots=True)
class Element:
    """One element, by its name without namespace, with the elements in it that hold text alone, in their order."""

    name: str
    attributes: Mapping[str, str]
    leaves: list[tuple[str, str]] = field(default_factory=list)

    def first(self, name: str) -> str | None:
        """The text of the first leaf of that name that has any."""
        return next((text for leaf, text in self.leaves if leaf == name and text), None)


def elements(file: Readable, place: str, wanted: Collection[str]) -> Iterator[Element]:
    """The elements of those names that are in no other such, as soon as they are read. InvalidInput names the line."""
    reader = _Reader(place, wanted)
    try:
        while data := file.read(_AT_ONCE_BYTES):
            reader.parser.Parse(data, False)
            yield from reader.take()
        reader.parser.Parse(b"", True)
        yield from reader.take()
    except expat.ExpatError as error:
        said = expat.ErrorString(error.code)
        raise InvalidInput(f"not XML: {said}", place=f"{place}, line {error.lineno}, column {error.offset}") from None
    except (ValueError, LookupError) as error:  # an encoding that nobody knows
        raise InvalidInput(f"not usable XML: {error}", place=place) from None


class _Reader:
    def __init__(self, place: str, wanted: Collection[str]) -> None:
        self._place, self._wanted = place, wanted
        self._found: list[Element] = []
        self._open: Element | None = None
        self._depth = self._opened_at = 0
        self._text: list[str] = []
        self._is_leaf = False
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.StartElementHandler, self.parser.EndElementHandler = self._start, self._end
        self.parser.CharacterDataHandler = self._text.append

    def take(self) -> list[Element]:
        found, self._found = self._found, []
        return found

    def _refuse(self, *_: object) -> None:
        raise InvalidInput("has a document type declaration, which it needs none of", place=self._place)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise InvalidInput(f"is nested deeper than {_DEEPEST} elements", place=self._place)
        local = name.rpartition(" ")[2]
        self._text.clear()
        self._is_leaf = self._open is not None
        if self._open is None and local in self._wanted:
            self._open, self._opened_at = Element(local, attributes), self._depth

    def _end(self, name: str) -> None:
        if self._open is not None and self._depth == self._opened_at:
            self._found.append(self._open)
            self._open = None
        elif self._open is not None and self._is_leaf:
            self._open.leaves.append((name.rpartition(" ")[2], "".join(self._text).strip()))
        self._is_leaf = False
        self._text.clear()
        self._depth -= 1
