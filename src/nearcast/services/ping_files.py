"""Files of pings: what is said about one before it is read, and what is found in it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias
from zoneinfo import ZoneInfo

from nearcast.domain.errors import InvalidInput
from nearcast.domain.local_time import zone
from nearcast.geo.batch import PingBatch
from nearcast.services.rows import Row

FORMATS = (
    "csv",
    "ndjson",
    "json",
    "parquet",
    "gpx",
    "kml",
    "geojson",
    "owntracks",
    "google-records",
    "google-semantic",
    "android-timeline",
    "ios-timeline",
)
COLUMNS = ("customer_id", "recorded_at", "lat", "lon", "accuracy_m", "received_at", "ping_id", "device_id", "speed_mps")


@dataclass(frozen=True, slots=True, kw_only=True)
class PingFile:
    """What is said about a file: whose pings it holds, where it does not name its customers; its format, where its
    content is not to tell; its columns by ours; what zone times without an offset are in. `is_confirmed` says that
    columns are as they are guessed.
    """

    customer: str | None = None
    format: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    zone: ZoneInfo | None = None
    is_confirmed: bool = False


SPEAKS_FOR_ITSELF = PingFile()


def said_ping_file(
    customer: str | None, file_format: str | None, columns: str, timezone: str | None, *, is_confirmed: bool
) -> PingFile:
    """What is said about a file as it is typed: `columns` are `lat=Y,lon=X`. InvalidInput where they are not that."""
    found = {}
    for pair in columns.split(",") if columns else ():
        ours, equals, theirs = (part.strip() for part in pair.partition("="))
        if not (equals and theirs):
            raise InvalidInput(f"{pair!r} is not of the form lat=COLUMN", place="--columns")
        if ours not in COLUMNS:
            raise InvalidInput(f"{ours!r} is none of {', '.join(COLUMNS)}", place="--columns")
        found[ours] = theirs
    if file_format is not None and file_format not in FORMATS:
        raise InvalidInput(f"{file_format!r} is none of {', '.join(FORMATS)}", place="--format")
    if customer is not None and not customer.strip():
        raise InvalidInput("is empty", place="--customer")
    try:
        named = zone(timezone) if timezone is not None else None
    except InvalidInput as error:
        raise error.within("--timezone") from None
    return PingFile(customer=customer, format=file_format, columns=found, zone=named, is_confirmed=is_confirmed)


@dataclass(frozen=True, slots=True, kw_only=True)
class PingRows:
    """The pings of a file that could be read; `numbers` are their rows, counted from 1. `bad` are the other rows, each
    with what is wrong in it. `left_out` counts what is in the file and is no ping, by what it is. `columns` are the
    file's by ours, and `guesses` what is only likely of them.
    """

    batch: PingBatch
    numbers: Sequence[int]
    bad: Sequence[tuple[Row, InvalidInput]] = ()
    format: str
    left_out: Mapping[str, int] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    guesses: Sequence[str] = ()


PingReader: TypeAlias = Callable[[Path, PingFile], PingBatch]
PingRowReader: TypeAlias = Callable[[Path, PingFile], PingRows]
