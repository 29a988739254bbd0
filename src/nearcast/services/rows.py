"""Rows of files, as they are read and before they are understood."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from nearcast.domain.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file, counted from 1; `fault` says why it could not be read."""

    number: int
    value: Any = None
    fault: str | None = None


RowReader: TypeAlias = Callable[[Path], list[Row]]


def named(row: Row) -> str | None:
    """The id that a row bears, as far as it can be told."""
    value = row.value
    if isinstance(value, dict) and value.get("type") == "Feature":
        inside = value.get("properties")
        key = (inside.get("id") if isinstance(inside, dict) else None) or value.get("id")
    else:
        key = value.get("id") if isinstance(value, dict) else None
    return str(key)[:200] if isinstance(key, str | int) and str(key).isprintable() else None


def readable(row: Row) -> Any:
    """What a row says; InvalidInput where that cannot be kept: half characters, NUL, numbers without end."""
    if row.fault is not None:
        raise InvalidInput(row.fault)
    waiting: list[Any] = [row.value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, float) and not math.isfinite(value):
            raise InvalidInput("has a number that is not finite")
        elif isinstance(value, str) and any(c == "\0" or "\ud800" <= c <= "\udfff" for c in value):
            raise InvalidInput("has a text with NUL or half a character")
    return row.value
