"""Ping files in which some rows are wrong: the others are taken."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from nearcast.domain.errors import InvalidInput
from nearcast.feeds.files import read_pings
from nearcast.feeds.ndjson import batch_of
from nearcast.feeds.pings import NAMES, REQUIRED
from nearcast.feeds.rows import read_rows
from nearcast.geo.batch import PingBatch
from nearcast.services.rows import PingRows, Row

_AT_ONCE = 1_000
_COLUMN = re.compile(r"column (\S+)$")


def read_ping_rows(path: Path) -> PingRows:
    """The pings of a file as `read_pings` reads it. Of .csv, .ndjson and .jsonl files with wrong rows the right ones;
    other files are read whole or not at all.
    """
    try:
        whole = read_pings(path)
        return PingRows(whole, range(1, len(whole) + 1))
    except InvalidInput:
        if path.suffix.lower() not in (".csv", ".ndjson", ".jsonl"):
            raise
        rows = read_rows(path)
        if path.suffix.lower() == ".csv" and not _has_columns(rows):
            raise
    bad = [(row, InvalidInput(_fault(row))) for row in rows if _fault(row)]
    sound = [Row(row.number, _said(row.value)) for row in rows if not _fault(row)]
    good: list[tuple[PingBatch, Sequence[Row]]] = []
    for start in range(0, len(sound), _AT_ONCE):
        _part(sound[start : start + _AT_ONCE], good, bad)
    batches = [batch for batch, _ in good] or [batch_of([], "")]
    batch = PingBatch(
        **{each.name: np.concatenate([getattr(one, each.name) for one in batches]) for each in fields(PingBatch)}
    )
    return PingRows(batch, [row.number for _, taken in good for row in taken], bad)


def _has_columns(rows: Sequence[Row]) -> bool:
    header: Mapping[str, Any] = next((row.value for row in rows if row.value), {})
    return all(any(name in header for name in NAMES[ours]) for ours in REQUIRED)


def _fault(row: Row) -> str:
    return row.fault or ("" if isinstance(row.value, dict) else "is no object")


def _said(cells: dict[str, Any]) -> dict[str, Any]:
    """An empty cell says nothing."""
    return {name: None if cell == "" else cell for name, cell in cells.items()}


def _part(
    rows: Sequence[Row], good: list[tuple[PingBatch, Sequence[Row]]], bad: list[tuple[Row, InvalidInput]]
) -> None:
    """Take all rows if they are right together, else each half by itself, down to the row that is wrong."""
    try:
        good.append((batch_of([row.value for row in rows], ""), rows))
    except InvalidInput as fault:
        if len(rows) == 1:
            column = _COLUMN.search(fault.place)
            bad.append((rows[0], InvalidInput(fault.message, place=column[1] if column else "")))
            return
        half = len(rows) // 2
        _part(rows[:half], good, bad)
        _part(rows[half:], good, bad)
