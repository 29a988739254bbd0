"""Ping files, by their ending."""

from pathlib import Path

from nearcast.domain.errors import InvalidInput
from nearcast.feeds.csv import read_csv
from nearcast.feeds.ndjson import read_ndjson
from nearcast.feeds.parquet import read_parquet
from nearcast.feeds.ping_rows import read_ping_rows
from nearcast.geo.batch import PingBatch
from nearcast.services.ping_files import SPEAKS_FOR_ITSELF, PingFile

_READERS = {
    ".csv": read_csv,
    ".ndjson": read_ndjson,
    ".jsonl": read_ndjson,
    ".parquet": read_parquet,
    ".geoparquet": read_parquet,
}


def read_pings(path: Path, said: PingFile = SPEAKS_FOR_ITSELF) -> PingBatch:
    """The pings of a .csv, .ndjson, .jsonl or .parquet file in its order, places not yet checked for range; those of
    other files, and of any of which something is `said`, as `read_ping_rows` reads them, all or none.

    InvalidInput names the file and, where there is one, the row (counted from 0), the column and the value.
    """
    read = _READERS.get(path.suffix.lower())
    if read is None or said != SPEAKS_FOR_ITSELF:
        return _read_whole(path, said)
    try:
        return read(path)
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror or error}", place=str(path)) from None
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise InvalidInput(f"not UTF-8: byte {error.start} is 0x{byte:02x}", place=str(path)) from None


def _read_whole(path: Path, said: PingFile) -> PingBatch:
    found = read_ping_rows(path, said)
    for row, fault in found.bad:
        raise fault.within(f"{path}: row {row.number - 1}")
    if found.guesses and not said.is_confirmed:
        raise InvalidInput(f"it looks as if {'; '.join(found.guesses)}: nothing says so", place=str(path))
    return found.batch
