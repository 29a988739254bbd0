"""Pings as the log keeps them: those of one commit and partition in one row, column by column, names as text and
numbers as they lie in memory.
"""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import msgspec
import numpy as np

from nearcast.geo.batch import Ints, PingBatch, Texts
from nearcast.geo.geodesy import Bools

_BETWEEN = "\0"  # stands in no name
_NUMBERS = {
    "recorded_at_us": "<i8",
    "received_at_us": "<i8",
    "lat_deg": "<f8",
    "lon_deg": "<f8",
    "accuracy_m": "<f8",
    "speed_mps": "<f8",
}
_NUMBER_BYTES = 8


class _Block(msgspec.Struct, array_like=True, frozen=True):
    """`numbers` are the columns of `_NUMBERS`; names are None where no ping has one."""

    customer_id: str
    ping_id: str | None
    device_id: str | None
    numbers: list[bytes]


_DECODER = msgspec.msgpack.Decoder(_Block)


def pack(batch: PingBatch) -> bytes:
    """One ping or more, in their order."""
    return pack_parts(batch, [len(batch)])[0]


def pack_parts(batch: PingBatch, stops: Sequence[int]) -> list[bytes]:
    """As `pack`, of the pings up to each of some rows, each from where the one before it stops."""
    names = [batch.customer_id.tolist(), _said(batch.ping_id), _said(batch.device_id)]
    numbers = [memoryview(getattr(batch, name).astype(kind, copy=False).tobytes()) for name, kind in _NUMBERS.items()]
    blocks: list[bytes] = []
    start = 0
    for stop in stops:
        of_each = [None if column is None else _joined(column[start:stop]) for column in names]
        some = [column[start * _NUMBER_BYTES : stop * _NUMBER_BYTES] for column in numbers]
        blocks.append(msgspec.msgpack.encode((*of_each, some)))
        start = stop
    return blocks


def unpack(block: bytes) -> PingBatch:
    """What `pack` was given; an empty name of a ping or a device is none."""
    found = _DECODER.decode(block)
    kinds = zip(_NUMBERS.items(), found.numbers, strict=True)
    numbers: dict[str, Any] = {name: np.frombuffer(packed, dtype=kind) for (name, kind), packed in kinds}
    customer_ids = found.customer_id.split(_BETWEEN)
    return PingBatch(
        customer_id=_texts(customer_ids),
        ping_id=_split(found.ping_id, len(customer_ids)),
        device_id=_split(found.device_id, len(customer_ids)),
        **numbers,
    )


def blanked(batch: PingBatch, is_theirs: Bools, subject: str) -> PingBatch:
    """The same pings, but some of them as a subject's who was nowhere and brought nothing."""
    columns = {column.name: getattr(batch, column.name).copy() for column in fields(PingBatch)}
    columns["customer_id"][is_theirs] = subject
    for name in ("ping_id", "device_id"):
        columns[name][is_theirs] = None
    for name in ("lat_deg", "lon_deg"):
        columns[name][is_theirs] = 0.0
    for name in ("accuracy_m", "speed_mps"):
        columns[name][is_theirs] = np.nan
    return replace(batch, **columns)


def rows_of(batch: PingBatch, customer_id: str) -> Ints:
    """Where a customer's pings stand."""
    found: Ints = np.flatnonzero(batch.customer_id == customer_id)
    return found


def _said(names: Texts) -> list[str] | None:
    """None where none is said."""
    found = names.tolist()
    missing = found.count(None)
    if missing == len(found):
        return None
    return [name or "" for name in found] if missing else found


def _joined(names: list[str]) -> str | None:
    return _BETWEEN.join(names) if any(names) else None


def _split(said: str | None, count: int) -> Texts:
    return _texts([None] * count if said is None else [name or None for name in said.split(_BETWEEN)])


def _texts(names: list[Any]) -> Texts:
    found: Texts = np.empty(len(names), dtype=object)
    found[:] = names
    return found
