"""Column types that mean the same on SQLite and on PostgreSQL."""

import json
import struct
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from typing import Any

import msgspec
from geoalchemy2 import Geometry
from geoalchemy2.elements import WKBElement
from sqlalchemy import BigInteger, Integer, LargeBinary, String, Text
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TIMESTAMP, TypeDecorator, TypeEngine

from nearcast.services.instants import as_instant, as_us
from nearcast.services.report import rfc3339

SRID = 4326
_EWKB_SRID_FLAG = 0x20000000

Id = String().with_variant(String(collation="C"), "postgresql")
"""Text in the order of its bytes, as SQLite and Python have it."""

Serial = BigInteger().with_variant(Integer(), "sqlite")
"""A number that the database counts up itself; SQLite does that for INTEGER alone."""


class UtcDateTime(TypeDecorator[datetime]):
    """An instant to the microsecond: microseconds since 1970 on SQLite, timestamptz on PostgreSQL."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect | None) -> TypeEngine[Any]:
        if dialect is not None and dialect.name == "postgresql":
            return TIMESTAMP(timezone=True)
        return BigInteger()

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        us = as_us(value)
        return value.astimezone(UTC) if dialect.name == "postgresql" else us

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return _instant(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None]:
        return _instant  # by itself: the call round it would take longer


class JsonText(TypeDecorator[Any]):
    """JSON as text, its keys in their order; instants as RFC 3339 in UTC, which they stay when read."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return self.text(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return _value(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[str | None], Any]:
        return _value

    def text(self, value: Any) -> str | None:
        """What is kept of a value."""
        return None if value is None else _encode(value)


class PlainJson(JsonText):
    """`JsonText` of values without sets and NaN, whose instants are in UTC already: made many times as fast."""

    cache_ok = True

    def text(self, value: Any) -> str | None:
        try:
            return None if value is None else msgspec.json.encode(value).decode()
        except UnicodeEncodeError:  # half a character
            return _encode(value)


def _instant(value: Any) -> datetime | None:
    if value is None:
        return None
    return as_instant(value) if isinstance(value, int) else value.astimezone(UTC)


def _value(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return _decode(text)
    except msgspec.DecodeError:  # half a character, which JSON can spell and UTF-8 cannot
        return json.loads(text)


def _plain(value: object) -> Any:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, frozenset | set):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


_decode = msgspec.json.Decoder().decode
_encode = json.JSONEncoder(default=_plain, allow_nan=False, separators=(",", ":")).encode


class GeometryType(TypeDecorator[bytes]):
    """Little-endian WKB in WGS 84: a blob on SQLite, which needs no extension for it, a geometry on PostGIS.

    PostGIS never decides who is inside; it is there for those who look at the data.
    """

    impl = LargeBinary
    cache_ok = True
    spatial_index = False  # GeoAlchemy2 looks here; the GiST index is declared with the table

    def load_dialect_impl(self, dialect: Dialect | None) -> TypeEngine[Any]:
        if dialect is not None and dialect.name == "postgresql":
            return Geometry(srid=SRID, spatial_index=False)
        return LargeBinary()

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> Any:
        if value is None or dialect.name != "postgresql":
            return value
        kind = struct.unpack_from("<I", value, 1)[0] | _EWKB_SRID_FLAG
        return (value[:1] + struct.pack("<II", kind, SRID) + value[5:]).hex()

    def process_result_value(self, value: Any, dialect: Dialect) -> bytes | None:
        if not isinstance(value, WKBElement):
            return None if value is None else bytes(value)
        ewkb = bytes(value.data)
        kind = struct.unpack_from("<I", ewkb, 1)[0] & ~_EWKB_SRID_FLAG
        return ewkb[:1] + struct.pack("<I", kind) + ewkb[9:]


class Listed(TypeDecorator[Any]):
    """Texts or whole numbers as one parameter: an array on PostgreSQL, JSON on SQLite."""

    impl = String
    cache_ok = True

    def __init__(self, *, are_numbers: bool) -> None:
        super().__init__()
        self.are_numbers = are_numbers

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.ARRAY(BigInteger() if self.are_numbers else String()))
        return dialect.type_descriptor(String())

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        if dialect.name != "postgresql":
            return json.dumps
        return None if self.are_numbers else _array


def _array(texts: Iterable[str]) -> str:
    """Texts as PostgreSQL writes an array of them, each in quotes: the driver would take its time for each."""
    return "{" + ",".join(['"' + each.replace("\\", "\\\\").replace('"', '\\"') + '"' for each in texts]) + "}"
