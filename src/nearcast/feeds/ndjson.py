"""Pings from NDJSON: one JSON object per line, UTF-8."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

import pyarrow

from nearcast.domain.errors import InvalidInput
from nearcast.feeds import values
from nearcast.feeds.columns import ArrowColumn
from nearcast.feeds.pings import NAMES, batch_from
from nearcast.geo.batch import PingBatch

Meaning: TypeAlias = Callable[[object], Any]

_TEXT, _NUMBER, _INTEGER = pyarrow.string(), pyarrow.float64(), pyarrow.int64()
_INSTANT = pyarrow.timestamp("us", tz="UTC")
MEANINGS: dict[str, tuple[Meaning, Any]] = {
    "customer_id": (values.text, _TEXT),
    "recorded_at": (values.instant_us, _INSTANT),
    "lat": (values.number, _NUMBER),
    "lon": (values.number, _NUMBER),
    "accuracy_m": (values.number, _NUMBER),
    "received_at": (values.instant_us, _INSTANT),
    "ping_id": (values.text, _TEXT),
    "device_id": (values.text, _TEXT),
    "speed_mps": (values.number, _NUMBER),
}


def read_ndjson(path: Path) -> PingBatch:
    """InvalidInput as `read_pings` says; blank lines are no rows."""
    place = str(path)
    return batch_of(_pings(path.read_bytes().decode("utf-8-sig").split("\n"), place), place)


def _pings(lines: list[str], place: str) -> Iterator[Mapping[str, Any]]:
    decode = json.JSONDecoder(parse_constant=_refuse_constant).decode
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            ping = decode(line)
        except (ValueError, RecursionError) as error:
            raise InvalidInput(f"not JSON: {error}", place=f"{place}, line {number}") from None
        if not isinstance(ping, dict):
            raise InvalidInput(f"a ping is an object, not a {type(ping).__name__}", place=f"{place}, line {number}")
        yield ping


def batch_of(pings: Iterable[Mapping[str, Any]], place: str) -> PingBatch:
    """Pings that each bear their own names, numbers and instants as numbers or texts. InvalidInput as `batch_from`."""
    cells: dict[str, list[Any]] = {name: [] for name in MEANINGS}
    wanted = [(cells[ours].append, names[0], names[1:]) for ours, names in NAMES.items()]
    row = 0
    for ping in pings:
        for append, name, other_names in wanted:
            value = ping.get(name)
            for other_name in other_names if value is None else ():
                value = ping.get(other_name)
            append(value)
        row += 1
    return batch_from({name: _column(name, cells[name], place) for name in MEANINGS}, row, place)


def _column(name: str, cells: list[Any], place: str) -> ArrowColumn:
    """As it is where all its values are of a kind; else every value by itself."""
    meaning, kind = MEANINGS[name]
    kinds = {*map(type, cells)} - {type(None)}
    same: Any = None
    if kinds <= {str}:
        same = _TEXT
    elif kinds <= {int, float} and kind != _TEXT:
        same = _INTEGER if kinds == {int} else _NUMBER
    if same is not None:
        try:
            return pyarrow.chunked_array([pyarrow.array(cells, same)])
        except (pyarrow.ArrowInvalid, OverflowError, UnicodeEncodeError):
            pass  # a number of too many digits or half a character: the values say which
    taken = []
    for row, value in enumerate(cells):
        try:
            taken.append(None if value is None else meaning(value))
        except ValueError as error:
            raise InvalidInput(str(error), place=f"{place}: row {row}, column {name}") from None
    return pyarrow.chunked_array([pyarrow.array(taken, kind)])


def _refuse_constant(literal: str) -> NoReturn:
    raise ValueError(f"the number {literal}")
