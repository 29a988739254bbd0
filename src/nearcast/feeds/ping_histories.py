"""Which reader a format of pings has; each yields rows as it reads, and counts what in the file is no ping."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import tzinfo
from typing import Any, BinaryIO, TypeAlias

import msgspec

from nearcast.feeds.geojson_points import geojson_rows
from nearcast.feeds.gpx import gpx_rows
from nearcast.feeds.json_parts import outline, parts
from nearcast.feeds.kml_tracks import kml_rows
from nearcast.feeds.owntracks_recorder import recorder_rows
from nearcast.feeds.rows import lines_of
from nearcast.feeds.takeout import records_rows, semantic_rows
from nearcast.feeds.timeline import android_rows, ios_rows
from nearcast.services.rows import Row

HistoryReader: TypeAlias = Callable[[BinaryIO, str, Counter[str], tzinfo | None], Iterator[Row]]
"""Reads an open file that goes by a name in errors; the zone is that of times without an offset."""


def _ndjson(file: BinaryIO, place: str, left_out: Counter[str], zone: tzinfo | None) -> Iterator[Row]:
    return lines_of(file)


def _json(file: BinaryIO, place: str, left_out: Counter[str], zone: tzinfo | None) -> Iterator[Row]:
    """A list of pings with our names."""
    for number, ping in parts(outline(file, list[msgspec.Raw], place), dict[str, Any]):
        yield ping if isinstance(ping, Row) else Row(number, ping)


def _with_offsets(
    read: Callable[[BinaryIO, str, Counter[str]], Iterator[Row]],
) -> HistoryReader:
    """For a format whose times are never without an offset."""
    return lambda file, place, left_out, zone: read(file, place, left_out)


HISTORIES: Mapping[str, HistoryReader] = {
    "ndjson": _ndjson,
    "json": _json,
    "geojson": geojson_rows,
    "gpx": _with_offsets(gpx_rows),
    "kml": _with_offsets(kml_rows),
    "owntracks": _with_offsets(recorder_rows),
    "google-records": _with_offsets(records_rows),
    "google-semantic": _with_offsets(semantic_rows),
    "android-timeline": _with_offsets(android_rows),
    "ios-timeline": _with_offsets(ios_rows),
}
