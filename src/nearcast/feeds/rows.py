"""Rows of text files, read one by one: where a row cannot be read, the others can."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from nearcast.domain.errors import InvalidInput
from nearcast.services.rows import Row

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_rows(path: Path) -> list[Row]:
    """The rows of a .csv file as texts by column, those of an .ndjson or .jsonl file as they are. Blank lines are none.

    InvalidInput where the file as a whole cannot be read, or its header says a name twice.
    """
    place = str(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror or error}", place=place) from None
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise InvalidInput(f"not UTF-8: byte {error.start} is 0x{byte:02x}", place=place) from None
    try:
        return list(_csv(text, place) if path.suffix.lower() == ".csv" else lines_of(io.BytesIO(text.encode())))
    except csv.Error as error:
        raise InvalidInput(f"not usable CSV: {error}", place=place) from None


def _csv(text: str, place: str) -> Iterator[Row]:
    lines = (cells for cells in csv.reader(io.StringIO(text, newline=""), strict=True) if cells)
    header = next(lines, [])
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise InvalidInput(f"the header has {', '.join(twice)} twice", place=place)
    for number, cells in enumerate(lines, 1):
        if len(cells) == len(header):
            yield Row(number, dict(zip(header, cells, strict=True)))
        else:
            yield Row(number, fault=f"has {len(cells)} values, the header {len(header)}")


def lines_of(file: BinaryIO) -> Iterator[Row]:
    """A JSON value on each line, as they are read."""
    number = 0
    for line in file:
        said = line.removeprefix(_BYTE_ORDER_MARK) if number == 0 else line
        if not said.strip():
            continue
        number += 1
        try:
            yield Row(number, json.loads(said.decode("utf-8")))
        except UnicodeDecodeError as error:
            yield Row(number, fault=f"is not UTF-8 at its byte {error.start}")
        except json.JSONDecodeError as error:
            yield Row(number, fault=f"is not JSON: {error.msg} at column {error.colno}")
        except (ValueError, RecursionError):
            yield Row(number, fault="is not usable JSON")
