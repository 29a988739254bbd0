"""Pings into files that `read_pings` reads: the same pings again."""

import csv
import json
import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow
import pyarrow.parquet
import shapely

from nearcast.domain.errors import InvalidInput
from nearcast.feeds.geoparquet import with_places
from nearcast.geo.batch import PingBatch
from nearcast.services.instants import as_instant
from nearcast.services.report import rfc3339
from nearcast.services.whole_file import whole_file

_Batches: TypeAlias = Iterable[PingBatch]
_NAMES = ("customer_id", "recorded_at", "lat", "lon", "accuracy_m", "speed_mps", "ping_id", "device_id")
_TEXT, _NUMBER = pyarrow.string(), pyarrow.float64()
_KINDS = (_TEXT, pyarrow.timestamp("us", tz="UTC"), _NUMBER, _NUMBER, _NUMBER, _NUMBER, _TEXT, _TEXT)
_SCHEMA = with_places(dict(zip(_NAMES, _KINDS, strict=True)))


def write_pings(path: Path, batches: _Batches) -> None:
    """By its ending .csv, .ndjson or .parquet, which is GeoParquet too; the file is there whole or not at all.

    InvalidInput for another ending, or where the file cannot be written.
    """
    write = _WRITERS.get(path.suffix.lower())
    if write is None:
        raise InvalidInput(f"pings are written to {', '.join(_WRITERS)}, not {path.suffix!r}", place=str(path))
    with whole_file(path) as unfinished:
        write(unfinished, batches)


def _csv(path: Path, batches: _Batches) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_NAMES)
        for batch in batches:
            writer.writerows(_rows(batch))


def _ndjson(path: Path, batches: _Batches) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for batch in batches:
            for row in _rows(batch):
                said = {name: value for name, value in zip(_NAMES, row, strict=True) if value is not None}
                file.write(json.dumps(said, ensure_ascii=False, separators=(",", ":")) + "\n")


def _parquet(path: Path, batches: _Batches) -> None:
    with pyarrow.parquet.ParquetWriter(path, _SCHEMA) as writer:
        for batch in batches:
            places = shapely.to_wkb(shapely.points(batch.lon_deg, batch.lat_deg))
            recorded_at = batch.recorded_at_us.astype("datetime64[us]")
            numbers = (batch.accuracy_m, batch.speed_mps)
            columns = [
                batch.customer_id,
                recorded_at,
                batch.lat_deg,
                batch.lon_deg,
                *(np.ma.masked_invalid(each) for each in numbers),
                batch.ping_id,
                batch.device_id,
                places,
            ]
            arrays = [pyarrow.array(column, field.type) for column, field in zip(columns, _SCHEMA, strict=True)]
            writer.write_table(pyarrow.Table.from_arrays(arrays, schema=_SCHEMA))


def _rows(batch: PingBatch) -> Iterator[list[Any]]:
    """Values in the order of the columns, None where there is none."""
    columns = (batch.lat_deg, batch.lon_deg, batch.accuracy_m, batch.speed_mps)
    numbers = zip(*(column.tolist() for column in columns), strict=True)
    named = zip(batch.customer_id, batch.recorded_at_us.tolist(), numbers, batch.ping_id, batch.device_id, strict=True)
    for customer_id, recorded_at_us, measured, ping_id, device_id in named:
        known = [None if math.isnan(number) else number for number in measured]
        yield [customer_id, rfc3339(as_instant(recorded_at_us)), *known, ping_id, device_id]


_WRITERS: dict[str, Callable[[Path, _Batches], None]] = {".csv": _csv, ".ndjson": _ndjson, ".parquet": _parquet}
