"""Pings from CSV: UTF-8, commas, a header."""

from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.csv

from nearcast.domain.errors import InvalidInput
from nearcast.feeds.pings import FILE_NAMES, batch_from
from nearcast.geo.batch import PingBatch

_HEADER_ROWS = 1


def read_csv(path: Path) -> PingBatch:
    """InvalidInput as `read_pings` says; blank lines are no rows."""
    place = str(path)
    data = path.read_bytes()
    data.decode("utf-8-sig")
    if data.count(b'"') % 2:
        raise InvalidInput("the file ends inside a quoted value", place=place)
    odd_rows: list[Any] = []

    def keep_in_mind(row: Any) -> str:
        odd_rows.append(row)
        return "skip"

    try:
        table = pyarrow.csv.read_csv(
            pyarrow.py_buffer(data),
            read_options=pyarrow.csv.ReadOptions(use_threads=False),  # else the odd rows have no numbers
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=keep_in_mind),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types={name: pyarrow.string() for name in FILE_NAMES},
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
    except pyarrow.ArrowInvalid as error:
        raise InvalidInput(f"not usable CSV: {error}", place=place) from None
    if odd_rows:
        odd = odd_rows[0]
        raise InvalidInput(
            f"has {odd.actual_columns} values, the header {odd.expected_columns}",
            place=f"{place}: row {odd.number - 1 - _HEADER_ROWS}",
        )
    twice = {name for name in table.column_names if table.column_names.count(name) > 1}
    if twice & set(FILE_NAMES):
        raise InvalidInput(f"the header has {', '.join(sorted(twice))} twice", place=place)
    columns = {name: table.column(name) for name in table.column_names if name not in twice}
    return batch_from(columns, len(table), place)
