"""Pings as clients of our own send them: a JSON array, NDJSON or an Arrow stream. What is no ping is named by its
index; the rest is taken. What is said of a fault never repeats a value: it may be a position.
"""

import io
import json
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeAlias

import numpy as np
import pyarrow

from nearcast.domain.errors import InvalidInput
from nearcast.feeds import values
from nearcast.feeds.native_arrow import entries_of, read_stream
from nearcast.feeds.native_columns import read_columns
from nearcast.feeds.pings import EARLIEST_US, LATEST_US, REQUIRED, batch_from
from nearcast.geo.batch import PingBatch, Texts
from nearcast.services.instants import as_us
from nearcast.services.ping_request import ARROW, MOST_PINGS, NDJSON, PingRequest, TooManyPings, Unreadable

_LONGEST_TEXT_BYTES = 255  # three of them are a key in every database
_LONGEST_INTEGER = 30  # digits; no instant and no coordinate has as many
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_Row: TypeAlias = tuple[Any, ...]
_KEYS = ("customer_id", "recorded_at", "lat", "lon", "accuracy_m", "speed_mps", "ping_id", "device_id")
_KNOWN = frozenset(_KEYS)


class _Malformed(Exception):
    """What is wrong with one entry."""


class _Twice:
    """An object that says two things of one key."""


def read_native(raw: bytes, media: str, now: datetime) -> PingRequest:
    """The pings of a request that is received at `now`, as NDJSON or an Arrow stream where `media` says so, else as a
    JSON array.

    Unreadable where the whole body is not in that format, InvalidInput where it is no array or has other columns,
    TooManyPings beyond `MOST_PINGS`. Blank lines are no entries.
    """
    if media == ARROW:
        return _read_arrow(raw, now)
    raw = raw.removeprefix(_BYTE_ORDER_MARK)
    is_lines = media in NDJSON
    pings = read_columns(raw, as_us(now), is_lines=is_lines)
    if pings is not None and len(pings) <= MOST_PINGS:
        return PingRequest(pings=pings, indices=range(len(pings)), malformed=())
    return _read_each(_lines(raw) if is_lines else _array(raw), now)


def _read_arrow(raw: bytes, now: datetime) -> PingRequest:
    table = read_stream(raw, _KNOWN)
    columns = dict(zip(table.column_names, table.columns, strict=True))
    try:
        batch = batch_from(columns, len(table), "the stream")
    except (InvalidInput, pyarrow.ArrowNotImplementedError):  # the second for kinds that Arrow itself cannot read
        if missing := [name for name in REQUIRED if name not in columns]:
            raise InvalidInput(f"there is no column {missing[0]}") from None
        return _read_each(entries_of(table), now)
    received_at_us = np.full(len(batch), as_us(now), dtype=np.int64)
    return PingRequest(pings=replace(batch, received_at_us=received_at_us), indices=range(len(batch)), malformed=())


def _read_each(entries: Iterable[Any], now: datetime) -> PingRequest:
    rows: list[_Row] = []
    indices: list[int] = []
    malformed: list[tuple[int, str]] = []
    for index, entry in enumerate(entries):
        if index == MOST_PINGS:
            raise TooManyPings(f"a request has at most {MOST_PINGS} pings")
        try:
            rows.append(_row(entry))
            indices.append(index)
        except _Malformed as fault:
            malformed.append((index, str(fault)))
    return PingRequest(pings=_batch(rows, as_us(now)), indices=indices, malformed=malformed)


def _array(raw: bytes) -> list[Any]:
    try:
        found = _DECODER.decode(raw.decode())
    except UnicodeDecodeError as error:
        raise Unreadable(f"the body is not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise Unreadable(f"the body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise Unreadable("the body is nested too deeply") from None
    if not isinstance(found, list):
        raise InvalidInput("the body is no array of pings")
    if len(found) > MOST_PINGS:
        raise TooManyPings(f"a request has at most {MOST_PINGS} pings")
    return found


def _lines(raw: bytes) -> Iterator[Any]:
    for line in io.BytesIO(raw):
        if line.strip():
            try:
                yield _DECODER.decode(line.decode())
            except (ValueError, RecursionError):
                yield None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Twice:
    found = dict(pairs)
    return found if len(found) == len(pairs) else _Twice()


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else math.nan


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer)


def _row(entry: object) -> _Row:
    """The values of one ping in the order of `_KEYS`, 0 instead of null."""
    if not isinstance(entry, dict):
        raise _Malformed("a key is there twice" if isinstance(entry, _Twice) else "is not a JSON object")
    if not entry.keys() <= _KNOWN:
        raise _Malformed(f"unknown key {ascii(min(entry.keys() - _KNOWN))[:40]}")
    return tuple([taken(name, entry.get(name)) for name, taken in _MEANINGS])


def _text(name: str, value: object) -> str:
    if value is None or value == "":
        raise _Malformed(f"{name} is missing")
    try:
        found = values.text(value)
    except ValueError:
        raise _Malformed(f"{name} is not text, or has half a character") from None
    if "\0" in found:
        raise _Malformed(f"{name} has NUL in it")
    if len(found.encode()) > _LONGEST_TEXT_BYTES:
        raise _Malformed(f"{name} is longer than {_LONGEST_TEXT_BYTES} bytes")
    return found


def _text_or_none(name: str, value: object) -> str | None:
    return None if value is None or value == "" else _text(name, value)


def _number(name: str, value: object) -> float:
    if value is None:
        raise _Malformed(f"{name} is missing")
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise _Malformed(f"{name} is not a finite number")
    return float(value)


def _length_or_nan(name: str, value: object) -> float:
    if value is None:
        return math.nan
    found = _number(name, value)
    if found < 0:
        raise _Malformed(f"{name} is less than 0")
    return found


def _instant_us(name: str, value: object) -> int:
    if value is None:
        raise _Malformed(f"{name} is missing")
    if isinstance(value, str) and values.is_number(value):
        raise _Malformed(f"{name} is a number in quotes")
    try:
        at_us = values.instant_us(value)
    except ValueError:
        raise _Malformed(f"{name} is neither RFC 3339 with an offset nor a unix time") from None
    if not EARLIEST_US <= at_us < LATEST_US:
        raise _Malformed(f"{name} is not between 1900 and 2200")
    return at_us


_Meaning: TypeAlias = Callable[[str, object], Any]
_MEANINGS: tuple[tuple[str, _Meaning], ...] = tuple(
    zip(
        _KEYS,
        (_text, _instant_us, _number, _number, _length_or_nan, _length_or_nan, _text_or_none, _text_or_none),
        strict=True,
    )
)


def _batch(rows: list[_Row], received_at_us: int) -> PingBatch:
    columns = dict(zip(_KEYS, zip(*rows, strict=True), strict=True)) if rows else dict.fromkeys(_KEYS, ())
    return PingBatch(
        customer_id=_texts(columns["customer_id"]),
        recorded_at_us=np.array(columns["recorded_at"], dtype=np.int64),
        received_at_us=np.full(len(rows), received_at_us, dtype=np.int64),
        lat_deg=np.array(columns["lat"], dtype=np.float64),
        lon_deg=np.array(columns["lon"], dtype=np.float64),
        accuracy_m=np.array(columns["accuracy_m"], dtype=np.float64),
        speed_mps=np.array(columns["speed_mps"], dtype=np.float64),
        ping_id=_texts(columns["ping_id"]),
        device_id=_texts(columns["device_id"]),
    )


def _texts(column: tuple[Any, ...]) -> Texts:
    found: Texts = np.empty(len(column), dtype=object)
    found[:] = column
    return found
