"""What `match` writes: who was where, as Parquet or NDJSON."""

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow
import pyarrow.parquet

from nearcast.domain.errors import InvalidInput
from nearcast.geo.batch import Ints, Texts
from nearcast.services.whole_file import whole_file

_SCHEMA = pyarrow.schema(
    [
        pyarrow.field("ping_row", pyarrow.int64(), nullable=False),
        pyarrow.field("customer_id", pyarrow.string(), nullable=False),
        pyarrow.field("geofence_id", pyarrow.string(), nullable=False),
    ]
)


def write_pairs(path: Path, *, ping_row: Ints, customer_id: Texts, geofence_id: Texts) -> None:
    """Three columns of one length, as .parquet or .ndjson by ending; the file is there whole or not at all.

    InvalidInput for another ending, or where the file cannot be written.
    """
    ending = path.suffix.lower()
    if ending not in (".parquet", ".ndjson", ".jsonl"):
        raise InvalidInput(f"pairs are written to .parquet and .ndjson, not {ending!r}", place=str(path))
    with whole_file(path) as unfinished:
        if ending == ".parquet":
            columns = [pyarrow.array(column) for column in (ping_row, customer_id.tolist(), geofence_id.tolist())]
            pyarrow.parquet.write_table(pyarrow.Table.from_arrays(columns, schema=_SCHEMA), unfinished)
        else:
            with unfinished.open("w", encoding="utf-8", newline="\n") as file:
                file.writelines(_lines(ping_row, customer_id, geofence_id))


def _lines(ping_row: Ints, customer_id: Texts, geofence_id: Texts) -> Iterator[str]:
    rows = zip(ping_row.tolist(), customer_id.tolist(), geofence_id.tolist(), strict=True)
    for row, customer, geofence in rows:
        pair = {"ping_row": row, "customer_id": customer, "geofence_id": geofence}
        yield json.dumps(pair, ensure_ascii=False, separators=(",", ":")) + "\n"
