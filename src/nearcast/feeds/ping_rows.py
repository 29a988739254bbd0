"""Files of pings in any format, read row by row into columns. Where some rows are wrong, the others are taken."""

import re
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from nearcast.domain.errors import InvalidInput
from nearcast.feeds.csv import read_csv
from nearcast.feeds.csv_columns import Layout, csv_rows, layout_of
from nearcast.feeds.ndjson import MEANINGS, batch_of
from nearcast.feeds.parquet import read_parquet
from nearcast.feeds.ping_formats import format_of
from nearcast.feeds.ping_histories import HISTORIES
from nearcast.feeds.pings import EARLIEST_US, LATEST_US, REQUIRED
from nearcast.geo.batch import PingBatch, joined
from nearcast.services.ping_files import SPEAKS_FOR_ITSELF, PingFile, PingRows
from nearcast.services.rows import Row

_AT_ONCE = 1_000
_LENGTHS, _INSTANTS = ("accuracy_m", "speed_mps"), ("recorded_at", "received_at")
_COLUMN = re.compile(r"column (\S+)$")


def read_ping_rows(path: Path, said: PingFile = SPEAKS_FOR_ITSELF) -> PingRows:
    """The pings of a file in its order, places not yet checked for range. Parquet is read whole or not at all; of the
    others what is wrong with a row refuses that row alone.

    InvalidInput names the file, and says what is missing where it has no customers, no times or no places.
    """
    place = str(path)
    try:
        return _read(path, said)
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror or error}", place=place) from None
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise InvalidInput(f"not UTF-8: byte {error.start} is 0x{byte:02x}", place=place) from None


def _read(path: Path, said: PingFile) -> PingRows:
    named = said.format or format_of(path)
    if named == "parquet":
        batch = read_parquet(path, said.customer)
        return PingRows(batch=batch, numbers=range(1, len(batch) + 1), format=named)
    if named == "csv":
        return _read_csv(path, said)
    left_out: Counter[str] = Counter()
    with path.open("rb") as file:
        rows = _of_customer(HISTORIES[named](file, str(path), left_out, said.zone), said, named, str(path))
        batch, numbers, bad = _gathered(rows)
    return PingRows(batch=batch, numbers=numbers, bad=bad, format=named, left_out=+left_out)


def _read_csv(path: Path, said: PingFile) -> PingRows:
    layout = layout_of(path, said)
    if _is_plain(layout, said):
        try:
            batch = read_csv(path)
            numbers: Sequence[int] = range(1, len(batch) + 1)
            return PingRows(batch=batch, numbers=numbers, format="csv", columns=layout.columns)
        except InvalidInput:
            pass  # row by row it is found which are wrong
    batch, numbers, bad = _gathered(_of_customer(csv_rows(path, layout, said), said, "csv", str(path)))
    return PingRows(batch=batch, numbers=numbers, bad=bad, format="csv", columns=layout.columns, guesses=layout.guesses)


def _is_plain(layout: Layout, said: PingFile) -> bool:
    """Whether the file is as we would write it, so that Arrow reads it in one go."""
    is_ours = all(ours == name for ours, name in layout.columns.items())
    return is_ours and layout.delimiter == "," and not layout.guesses and said.customer is None and said.zone is None


def _of_customer(rows: Iterator[Row], said: PingFile, named: str, place: str) -> Iterator[Row]:
    """The rows, each with its customer: the one that is said, where the file names none."""
    is_asked = named != "ndjson"
    for row in rows:
        if not isinstance(row.value, dict):
            yield row if row.fault else Row(row.number, fault="is no object")
            continue
        theirs = row.value.get("customer_id")
        if said.customer is None:
            if theirs is None and is_asked and "customer_id" not in row.value:
                raise InvalidInput("does not say whose pings it holds: --customer says it", place=place)
            yield row
        elif theirs in (None, said.customer):
            yield Row(row.number, {**row.value, "customer_id": said.customer})
        else:
            raise InvalidInput("names its customers itself: --customer is not for it", place=place)
        is_asked = False


def _gathered(rows: Iterator[Row]) -> tuple[PingBatch, Sequence[int], list[tuple[Row, InvalidInput]]]:
    """All rows as columns, by portions: of the rows themselves no more are held at once than a portion."""
    batches, numbers, names = list[PingBatch](), array("q"), dict[Any, Any]()
    bad: list[tuple[Row, InvalidInput]] = []
    while portion := list(islice(rows, _AT_ONCE)):
        sound = []
        for row in portion:
            fault = _fault(row)
            if fault is None:
                sound.append(Row(row.number, _said(row.value)))
            else:
                bad.append((_named(row), fault))
        good: list[tuple[PingBatch, Sequence[Row]]] = []
        _part(sound, good, bad)
        for batch, taken in good:
            batches.append(_sharing(batch, names))
            numbers.extend(row.number for row in taken)
    bad.sort(key=lambda found: found[0].number)
    return joined(batches), numbers, bad


def _sharing(batch: PingBatch, names: dict[Any, Any]) -> PingBatch:
    """The same pings; customers and devices of one name share one text."""
    for column in (batch.customer_id, batch.device_id):
        column[:] = [names.setdefault(name, name) for name in column]
    return batch


def _fault(row: Row) -> InvalidInput | None:
    if row.fault:
        return InvalidInput(row.fault)
    for ours in REQUIRED:
        if ours in row.value and row.value[ours] in (None, ""):
            return InvalidInput("is missing", place=ours)
    return None


def _said(cells: dict[str, Any]) -> dict[str, Any]:
    """An empty cell says nothing."""
    return {name: None if cell == "" else cell for name, cell in cells.items()}


def _named(row: Row) -> Row:
    """What a report needs of a bad row, and no more: there may be many."""
    customer = row.value.get("customer_id") if isinstance(row.value, dict) else None
    return Row(row.number, {"customer_id": customer})


def _part(
    rows: Sequence[Row], good: list[tuple[PingBatch, Sequence[Row]]], bad: list[tuple[Row, InvalidInput]]
) -> None:
    """Take all rows if they are right together, else those whose values are right by themselves, else each half by
    itself, down to the row that is wrong.
    """
    if not rows:
        return
    try:
        good.append((batch_of([row.value for row in rows], ""), rows))
        return
    except InvalidInput as fault:
        if len(rows) == 1:
            column = _COLUMN.search(fault.place)
            bad.append((_named(rows[0]), InvalidInput(fault.message, place=column[1] if column else "")))
            return
    faults = [_wrong_value(row.value) for row in rows]
    if any(faults):
        bad += [(_named(row), fault) for row, fault in zip(rows, faults, strict=True) if fault is not None]
        _part([row for row, fault in zip(rows, faults, strict=True) if fault is None], good, bad)
        return
    half = len(rows) // 2
    _part(rows[:half], good, bad)
    _part(rows[half:], good, bad)


def _wrong_value(cells: dict[str, Any]) -> InvalidInput | None:
    """What is wrong with a row that can be told without the others."""
    for ours, (meaning, _) in MEANINGS.items():
        value = cells.get(ours)
        if value is None:
            continue
        try:
            found = meaning(value)
        except ValueError as error:
            return InvalidInput(str(error), place=ours)
        if ours in _LENGTHS and found < 0:
            return InvalidInput(f"{value!r} is less than 0", place=ours)
        if ours in _INSTANTS and not EARLIEST_US <= found < LATEST_US:
            return InvalidInput("is not between 1900 and 2200", place=ours)
    return None
