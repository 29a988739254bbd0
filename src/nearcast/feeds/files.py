"""Ping files, by their ending."""

from pathlib import Path

from nearcast.domain.errors import InvalidInput
from nearcast.feeds.csv import read_csv
from nearcast.feeds.ndjson import read_ndjson
from nearcast.feeds.parquet import read_parquet
from nearcast.geo.batch import PingBatch

_READERS = {
    ".csv": read_csv,
    ".ndjson": read_ndjson,
    ".jsonl": read_ndjson,
    ".parquet": read_parquet,
    ".geoparquet": read_parquet,
}


def read_pings(path: Path) -> PingBatch:
    """The pings of a .csv, .ndjson, .jsonl or .parquet file in its order, places not yet checked for range.

    InvalidInput names the file and, where there is one, the row (counted from 0), the column and the value.
    """
    read = _READERS.get(path.suffix.lower())
    if read is None:
        raise InvalidInput(f"pings are read from {', '.join(_READERS)}, not {path.suffix!r}", place=str(path))
    try:
        return read(path)
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror or error}", place=str(path)) from None
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise InvalidInput(f"not UTF-8: byte {error.start} is 0x{byte:02x}", place=str(path)) from None
