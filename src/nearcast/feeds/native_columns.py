"""Pings of our own clients as they mostly are: all in order, read by a decoder that is compiled, then column by column.

Where anything is out of the ordinary nothing is said here: `native` reads value by value what this does not.
"""

import math
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType

from nearcast.feeds.pings import EARLIEST_US, LATEST_US
from nearcast.feeds.values import MILLISECONDS_FROM
from nearcast.geo.batch import Floats, Ints, OnePing, PingBatch, Texts

_LONGEST_TEXT = 63  # characters, which are at most 252 bytes
_FARTHEST = 1e6  # degrees; beyond it stands no slip of the pen
_US, _US_PER_MS = 1e6, 1e3


class _Ping(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    customer_id: str
    recorded_at: int | float | datetime
    lat: float
    lon: float
    accuracy_m: float | UnsetType | None = UNSET
    speed_mps: float | UnsetType | None = UNSET
    ping_id: str | UnsetType | None = UNSET
    device_id: str | UnsetType | None = UNSET


_ARRAY, _LINE = msgspec.json.Decoder(list[_Ping]), msgspec.json.Decoder(_Ping)


class _Unusual(Exception):
    """Something that is to be read value by value."""


def read_columns(raw: bytes, received_at_us: int, *, is_lines: bool) -> PingBatch | OnePing | None:
    """The pings of a JSON array, or of lines, received at an instant; None unless each of them is one beyond doubt."""
    if b"\\" in raw:  # a key or a name may be another than it looks
        return None
    try:
        pings = _LINE.decode_lines(raw) if is_lines else _ARRAY.decode(raw)
        if is_lines and sum(not line.isspace() for line in raw.split(b"\n") if line) != len(pings):
            return None
        return _one(raw, pings[0], received_at_us) if len(pings) == 1 else _batch(raw, pings, received_at_us)
    except (msgspec.MsgspecError, OverflowError, UnicodeDecodeError, RecursionError, _Unusual):
        return None


def _batch(raw: bytes, pings: list[_Ping], received_at_us: int) -> PingBatch:
    instants = [ping.recorded_at for ping in pings]
    accuracy_m, is_there = _written([ping.accuracy_m for ping in pings])
    speed_mps, is_there_too = _written([ping.speed_mps for ping in pings])
    ping_id, ping_ids = _written([ping.ping_id for ping in pings])
    device_id, device_ids = _written([ping.device_id for ping in pings])
    # a key that is there twice has two more: without a backslash they stand around keys and texts alone
    keys = 4 * len(pings) + is_there + is_there_too + ping_ids + device_ids
    texts = 3 * len(pings) - ping_id.count(None) - device_id.count(None)
    texts += sum([type(at) is datetime for at in instants])
    if raw.count(b'"') != 2 * (keys + texts):
        raise _Unusual
    return PingBatch(
        customer_id=_names([ping.customer_id for ping in pings], is_required=True),
        recorded_at_us=_instants_us(instants),
        received_at_us=np.full(len(pings), received_at_us, dtype=np.int64),
        lat_deg=_degrees([ping.lat for ping in pings]),
        lon_deg=_degrees([ping.lon for ping in pings]),
        accuracy_m=_amounts(accuracy_m),
        speed_mps=_amounts(speed_mps),
        ping_id=_names(ping_id),
        device_id=_names(device_id),
    )


def _one(raw: bytes, ping: _Ping, received_at_us: int) -> OnePing:
    """As `_batch`: columns of one are dear, and most requests that come often bring one."""
    said: list[Any] = [ping.accuracy_m, ping.speed_mps, ping.ping_id, ping.device_id]
    accuracy_m, speed_mps, ping_id, device_id = [None if value is UNSET else value for value in said]
    texts = 1 + (ping_id is not None) + (device_id is not None) + isinstance(ping.recorded_at, datetime)
    if raw.count(b'"') != 2 * (len(_Ping.__struct_fields__) - said.count(UNSET) + texts):
        raise _Unusual
    if not ping.customer_id or max(map(len, (ping.customer_id, ping_id or "", device_id or ""))) > _LONGEST_TEXT:
        raise _Unusual
    if (accuracy_m or 0.0) < 0 or (speed_mps or 0.0) < 0 or max(abs(ping.lat), abs(ping.lon)) > _FARTHEST:
        raise _Unusual
    return OnePing(
        ping.customer_id,
        _instant_us(ping.recorded_at),
        received_at_us,
        ping.lat,
        ping.lon,
        math.nan if accuracy_m is None else accuracy_m,
        math.nan if speed_mps is None else speed_mps,
        ping_id or None,
        device_id or None,
    )


def _written(column: list[Any]) -> tuple[list[Any], int]:
    """A column with None for what was left out, and of how many pings it was not."""
    left_out = column.count(UNSET)
    if left_out == len(column):
        return [None] * left_out, 0
    return [None if value is UNSET else value for value in column] if left_out else column, len(column) - left_out


def _names(column: list[Any], *, is_required: bool = False) -> Texts:
    found: Texts = np.empty(len(column), dtype=object)
    missing = column.count(None)
    if missing < len(column):
        said = [value for value in column if value] if missing or "" in column else column
        if max(map(len, said), default=0) > _LONGEST_TEXT or (is_required and len(said) != len(column)):
            raise _Unusual
        found[:] = column if len(said) == len(column) else [value or None for value in column]
    return found


def _amounts(column: list[Any]) -> Floats:
    missing = column.count(None)
    if missing == len(column):
        return np.full(missing, np.nan)
    said = [value for value in column if value is not None] if missing else column
    if min(said) < 0:
        raise _Unusual
    return np.array(column, dtype=np.float64)  # None becomes NaN


def _degrees(column: list[float]) -> Floats:
    if column and (max(column) > _FARTHEST or min(column) < -_FARTHEST):
        raise _Unusual
    return np.array(column, dtype=np.float64)


def _instant_us(said: int | float | datetime) -> int:
    if not isinstance(said, int):
        return int(_instants_us([said])[0])
    found = said * (1_000 if abs(said) >= MILLISECONDS_FROM else 1_000_000)
    if not EARLIEST_US <= found < LATEST_US:
        raise _Unusual
    return found


def _instants_us(column: list[Any]) -> Ints:
    kinds = set(map(type, column))
    if datetime in kinds:
        if len(kinds) > 1 or {at.tzinfo for at in column} != {UTC}:
            raise _Unusual
        found: Ints = np.rint(np.array([at.timestamp() for at in column]) * _US).astype(np.int64)
    elif not column:
        return np.empty(0, dtype=np.int64)
    else:
        earliest, latest = min(column), max(column)
        if earliest <= -LATEST_US or latest >= LATEST_US:
            raise _Unusual
        said = np.array(column, dtype=np.float64)
        if earliest >= MILLISECONDS_FROM:
            found = np.rint(said * _US_PER_MS).astype(np.int64)
        else:
            found = np.rint(np.where(np.abs(said) >= MILLISECONDS_FROM, said * _US_PER_MS, said * _US)).astype(np.int64)
    if found.min() < EARLIEST_US or found.max() >= LATEST_US:
        raise _Unusual
    return found
