"""Rows of the match log into files, some rows at a time: CSV, NDJSON, GeoJSON and GeoParquet."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeAlias

import pyarrow
import pyarrow.parquet
import shapely

from nearcast.feeds.geoparquet import with_places
from nearcast.services.match_log import COLUMNS, PlacedRows
from nearcast.services.report import as_json, rfc3339

_Parts: TypeAlias = Iterable[PlacedRows]
_TEXT, _INSTANT = pyarrow.string(), pyarrow.timestamp("us", tz="UTC")
_OTHERS: Mapping[str, Any] = {
    **dict.fromkeys(("at", "decided_at", "not_before", "expires_at", "redeemed_at"), _INSTANT),
    "reasons": pyarrow.list_(_TEXT),
    "would_have_sent": pyarrow.bool_(),
}
_SCHEMA = with_places({name: _OTHERS.get(name, _TEXT) for name in COLUMNS})


def match_log_file(kind: str, parts: _Parts) -> Iterator[bytes]:
    """The bytes of a file of that kind: csv, ndjson, geojson or parquet. In the latter two a row has the middle of its
    geofence as its place; none where it has no geofence, or that is gone.
    """
    return _WRITERS[kind](parts)


def _csv(parts: _Parts) -> Iterator[bytes]:
    """RFC 4180."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for rows in parts:
        writer.writerows([_cell(row[name]) for name in COLUMNS] for row, _ in rows)
        yield text.getvalue().encode()
        text.seek(0)
        text.truncate()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, list):
        value = "+".join(value)
    said = as_json(value) if isinstance(value, dict) else str(value)
    return f"'{said}" if said.startswith(("=", "+", "-", "@", "\t", "\r")) else said  # spreadsheets would execute it


def _ndjson(parts: _Parts) -> Iterator[bytes]:
    for rows in parts:
        yield "".join(f"{as_json(row)}\n" for row, _ in rows).encode()


def _geojson(parts: _Parts) -> Iterator[bytes]:
    opening = '{"type":"FeatureCollection","features":[\n'
    for rows in parts:
        for row, place in rows:
            point = None if place is None else {"type": "Point", "coordinates": [place.lon_deg, place.lat_deg]}
            feature = {"type": "Feature", "id": row["decision_id"], "geometry": point, "properties": row}
            yield f"{opening}{as_json(feature)}".encode()
            opening = ",\n"
    yield (b"]}\n" if opening.startswith(",") else f"{opening}]}}\n".encode())


def _parquet(parts: _Parts) -> Iterator[bytes]:
    sink = _Sink()
    with pyarrow.parquet.ParquetWriter(sink, _SCHEMA) as writer:
        for rows in parts:
            columns = {name: [row[name] for row, _ in rows] for name in COLUMNS}
            columns["detail"] = [as_json(detail) for detail in columns["detail"]]
            places = [None if place is None else shapely.Point(place.lon_deg, place.lat_deg).wkb for _, place in rows]
            arrays = [pyarrow.array(columns.get(each.name, places), each.type) for each in _SCHEMA]
            writer.write_table(pyarrow.Table.from_arrays(arrays, schema=_SCHEMA))
            yield sink.taken()
    yield sink.taken()


class _Sink(io.RawIOBase):
    """What was written since it was taken last."""

    def __init__(self) -> None:
        self._held = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._held += memoryview(data)
        return len(memoryview(data))

    def taken(self) -> bytes:
        found = bytes(self._held)
        self._held.clear()
        return found


_WRITERS: Mapping[str, Callable[[_Parts], Iterator[bytes]]] = {
    "csv": _csv,
    "ndjson": _ndjson,
    "geojson": _geojson,
    "parquet": _parquet,
}
