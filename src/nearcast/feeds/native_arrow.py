"""Pings of our own clients as an Arrow stream: columns already."""

import struct
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow
import pyarrow.ipc

from nearcast.domain.errors import InvalidInput
from nearcast.services.ping_request import MOST_PINGS, TooManyPings, Unreadable

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICKS_PER_S = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_UNSAID = object()  # what no JSON says
_OF_DICTIONARY, _OF_RECORDS = 2, 3  # kinds of messages in Message.fbs
_HEADER_TYPE, _HEADER, _DATA, _COMPRESSION = 1, 2, 1, 3  # fields of its tables


def read_stream(raw: bytes, known: frozenset[str]) -> Any:
    """The table of a stream whose columns are among `known`. Unreadable for what is no stream, or is packed: what is
    in a body is as large as the body. InvalidInput for a column that is there twice, or unknown.
    """
    try:
        with pyarrow.ipc.open_stream(raw) as stream:
            names = stream.schema.names
            _refuse_packed(raw)
            batches, count = [], 0
            for batch in stream:
                count += len(batch)
                if count > MOST_PINGS:
                    raise TooManyPings(f"a request has at most {MOST_PINGS} pings")
                batches.append(batch)
            table = pyarrow.Table.from_batches(batches, stream.schema)
        table.validate(full=True)
    except (pyarrow.ArrowException, ValueError, LookupError, OSError, MemoryError, struct.error) as error:
        raise Unreadable(f"the body is no Arrow stream: {type(error).__name__}") from None
    for name in sorted(names):
        if name not in known:
            raise InvalidInput(f"unknown column {ascii(name)[:40]}")
        if names.count(name) > 1:
            raise InvalidInput(f"the column {name} is there twice")
    return table


def entries_of(table: Any) -> list[dict[str, Any]]:
    """Its rows as a JSON array would have them, for who looks at each of them. Timestamps without a zone are UTC."""
    columns = {name: _said(column) for name, column in zip(table.column_names, table.columns, strict=True)}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _said(column: Any) -> list[Any]:
    if pyarrow.types.is_timestamp(column.type):
        ticks_per_s = _TICKS_PER_S[column.type.unit]
        return [None if at is None else _instant(at, ticks_per_s) for at in column.cast(pyarrow.int64()).to_pylist()]
    return [_plain(cell) for cell in column]


def _instant(ticks: int, ticks_per_s: int) -> object:
    try:
        return (_EPOCH + timedelta(microseconds=ticks * 10**6 // ticks_per_s)).isoformat()
    except OverflowError:
        return _UNSAID


def _plain(cell: Any) -> object:
    try:
        value = cell.as_py()
    except (pyarrow.ArrowException, ArithmeticError, ValueError):  # a day that Python does not know
        return _UNSAID
    if isinstance(value, datetime):
        return value.isoformat()
    return None if isinstance(value, float) and value != value else value


def _refuse_packed(raw: bytes) -> None:
    """Little says how much a packed buffer becomes: Arrow would find out in our memory."""
    with pyarrow.BufferReader(raw) as source:
        while True:
            try:
                message = pyarrow.ipc.read_message(source)
            except EOFError:
                return
            if _is_packed(message.metadata.to_pybytes()):
                raise Unreadable("the body is packed: send its columns as they are")


def _is_packed(message: bytes) -> bool:
    """Whether a message of columns says that their buffers are compressed, by the layout of FlatBuffers."""
    root = struct.unpack_from("<I", message)[0]
    kind_at = _field(message, root, _HEADER_TYPE)
    kind = message[kind_at] if kind_at else 0
    if kind not in (_OF_DICTIONARY, _OF_RECORDS):
        return False
    records = _table(message, root, _HEADER)
    if kind == _OF_DICTIONARY:
        records = _table(message, records, _DATA)
    return bool(_field(message, records, _COMPRESSION))


def _table(message: bytes, table: int, field: int) -> int:
    at = _field(message, table, field)
    return at + int(struct.unpack_from("<I", message, at)[0])


def _field(message: bytes, table: int, field: int) -> int:
    """Where a table has a field; 0 where it has not."""
    layout = table - struct.unpack_from("<i", message, table)[0]
    size = struct.unpack_from("<H", message, layout)[0]
    slot = 4 + 2 * field
    offset = struct.unpack_from("<H", message, layout + slot)[0] if slot < size else 0
    return table + int(offset) if offset else 0
