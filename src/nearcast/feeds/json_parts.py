"""Large JSON files, of which only the part at hand is ever held as objects."""

import mmap
from collections.abc import Iterator
from typing import BinaryIO, TypeVar

import msgspec

from nearcast.domain.errors import InvalidInput
from nearcast.services.rows import Row

T = TypeVar("T")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def outline(file: BinaryIO, shape: type[T], place: str) -> T:
    """A file as that shape, whose parts are `msgspec.Raw`: places in the file, not values. InvalidInput where it is not
    of that shape or no JSON.
    """
    try:
        whole = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)  # closed with the last part that lies in it
    except ValueError:
        raise InvalidInput("is empty", place=place) from None
    try:
        start = len(_BYTE_ORDER_MARK) if whole[:3] == _BYTE_ORDER_MARK else 0
        return msgspec.json.decode(memoryview(whole)[start:], type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"not usable JSON: {said(error)}", place=place) from None


def parts(raws: list[msgspec.Raw], shape: type[T]) -> Iterator[tuple[int, T | Row]]:
    """Each part as that shape with its number from 1; the bad row that it is, where it is not of that shape."""
    decode = msgspec.json.Decoder(shape).decode
    for number, raw in enumerate(raws, 1):
        try:
            yield number, decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            yield number, Row(number, fault=said(error))


def said(error: Exception) -> str:
    """What is wrong, without the value."""
    return "is nested too deeply" if isinstance(error, RecursionError) else str(error)
