"""CSV as others write it: which delimiter, which column means what, and how its coordinates are written.

Whatever is more likely than certain is told, and is for a person to confirm.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from nearcast.domain.errors import InvalidInput
from nearcast.feeds import values
from nearcast.feeds.ping_names import called, is_ours
from nearcast.feeds.pings import REQUIRED
from nearcast.feeds.spellings import coordinate, from_e7, instant_text
from nearcast.services.ping_files import PingFile
from nearcast.services.rows import Row

_DELIMITERS = ",;\t|"
_SAMPLE_ROWS = 1_000
_PLACES = ("lat", "lon")
_MOST_LAT_DEG, _LEAST_E7, _MANY = 90, 1_000_000, 0.25
_LENGTHS = ("accuracy_m", "speed_mps")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How a CSV is read: `columns` are the file's by ours, its coordinates are ten-millionths of degrees where it is
    `e7`. `guesses` tell what is only likely.
    """

    delimiter: str
    columns: Mapping[str, str]
    e7: bool = False
    guesses: Sequence[str] = ()


def layout_of(path: Path, said: PingFile) -> Layout:
    """InvalidInput where the header has no column for what a ping must have, or not one that was named."""
    place = str(path)
    with _opened(path) as file:
        first_line = file.readline()
        delimiter = _delimiter(first_line, said.columns.values())
        header = _cells(first_line, delimiter)
        file.seek(0)
        sample = list(islice(_rows(file, delimiter, place), _SAMPLE_ROWS))
    for name in said.columns.values():
        if name not in header:
            there = ", ".join(header)
            raise InvalidInput(f"there is no column {name!r}; there are {there}", place=place)
    columns = {**called(name for name in header if name not in said.columns.values()), **said.columns}
    if said.customer is not None and "customer_id" in columns and not is_ours("customer_id", columns["customer_id"]):
        del columns["customer_id"]  # only a guess, and somebody knows better
    wanted = [ours for ours in REQUIRED if ours != "customer_id" or said.customer is None]
    missing = [ours for ours in wanted if ours not in columns]
    if missing:
        how = "--customer or --columns" if missing == ["customer_id"] else "--columns"
        there = ", ".join(header)
        raise InvalidInput(f"there is no column {missing[0]}; there are {there}; {how} says which it is", place=place)
    guesses = [
        f"{name} is {ours}" for ours, name in columns.items() if ours not in said.columns and not is_ours(ours, name)
    ]
    rows = [row.value for row in sample if row.value is not None]
    e7 = _are_e7(columns, rows)
    if e7:
        guesses.append(f"{columns['lat']} and {columns['lon']} are ten-millionths of degrees")
    if not e7 and not set(_PLACES) & said.columns.keys() and _are_swapped(columns, rows):
        guesses.append(f"{columns['lat']} and {columns['lon']} are the other way round: {columns['lat']} is beyond 90")
        columns["lat"], columns["lon"] = columns["lon"], columns["lat"]
    return Layout(delimiter=delimiter, columns=columns, e7=e7, guesses=guesses)


def csv_rows(path: Path, layout: Layout, said: PingFile) -> Iterator[Row]:
    """The rows of a CSV as pings, counted from 1."""
    with _opened(path) as file:
        for row in _rows(file, layout.delimiter, str(path)):
            yield row if row.value is None else Row(row.number, _ping(row.value, layout, said))


def _ping(cells: Mapping[str, str], layout: Layout, said: PingFile) -> dict[str, Any]:
    ping: dict[str, Any] = {ours: cells[name].strip() or None for ours, name in layout.columns.items()}
    for ours in _PLACES:
        ping[ours] = from_e7(ping[ours]) if layout.e7 else coordinate(ping[ours])
    for ours in ("recorded_at", "received_at"):
        if ours in ping:
            ping[ours] = instant_text(ping[ours], said.zone)
    for ours in _LENGTHS:
        if ping.get(ours):
            ping[ours] = ping[ours].replace(",", ".")
            if not is_ours(ours, layout.columns[ours]) and ping[ours].startswith("-"):
                ping[ours] = None  # how most programs say that they do not know
    return ping


def _opened(path: Path) -> TextIO:
    return path.open(encoding="utf-8-sig", newline="")


def _rows(file: TextIO, delimiter: str, place: str) -> Iterator[Row]:
    """The rows by column, blank lines left out."""
    header: list[str] | None = None
    number = 0
    try:
        for cells in csv.reader(file, delimiter=delimiter, strict=True):
            if not any(cells):
                continue
            if header is None:
                header = cells
                twice = sorted({name for name in header if name and header.count(name) > 1})
                if twice:
                    raise InvalidInput(f"the header has {', '.join(twice)} twice", place=place)
                continue
            number += 1
            if len(cells) == len(header):
                yield Row(number, dict(zip(header, cells, strict=True)))
            else:
                yield Row(number, fault=f"has {len(cells)} values, the header {len(header)}")
    except csv.Error as error:
        raise InvalidInput(f"not usable CSV: {error}", place=f"{place}, row {number + 1}") from None


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _delimiter(header: str, named: Any) -> str:
    """The one that shows most of what a ping has, then the most columns."""

    def found(delimiter: str) -> tuple[int, int]:
        cells = _cells(header, delimiter)
        return len(called(cells)) + len(set(named) & set(cells)), len(cells)

    return max(_DELIMITERS, key=found)


def _numbers(name: str, rows: Sequence[Mapping[str, str]]) -> list[float]:
    found = []
    for row in rows:
        try:
            found.append(values.number(coordinate(row[name])))
        except ValueError:
            continue
    return found


def _are_e7(columns: Mapping[str, str], rows: Sequence[Mapping[str, str]]) -> bool:
    """Whole numbers, so large that they can be nothing else."""
    numbers = [number for ours in _PLACES for number in _numbers(columns[ours], rows)]
    return bool(numbers) and all(number.is_integer() for number in numbers) and max(map(abs, numbers)) > _LEAST_E7


def _are_swapped(columns: Mapping[str, str], rows: Sequence[Mapping[str, str]]) -> bool:
    """One latitude beyond 90° is a wrong one; many, and no such longitude, are none."""
    lat, lon = (_numbers(columns[ours], rows) for ours in _PLACES)
    beyond = sum(abs(number) > _MOST_LAT_DEG for number in lat)
    return beyond > len(lat) * _MANY and all(abs(number) <= _MOST_LAT_DEG for number in lon)
