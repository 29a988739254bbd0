"""Geofences from CSV: a shape in a WKT column, or a place in two and a radius in a third.

Separated by comma, semicolon or tab. Where places have decimal commas the radius has them too, and a point is refused,
for it may be meant for thousands; in any other file a comma is.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import shapely
from shapely.errors import ShapelyError

from nearcast.domain.errors import InvalidInput
from nearcast.geo.columns import PLACES, PROPERTIES, guessed, understood
from nearcast.geo.crs import Note
from nearcast.geo.fence_file import Choice, FenceFile
from nearcast.geo.layers import as_geojson

_NUMBER = re.compile(r"\s*[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?\s*")
_SRID = re.compile(r"\s*SRID\s*=\s*4326\s*;", re.IGNORECASE)
_DELIMITERS = ",;\t"


def read_fence_table(path: Path, choice: Choice, note: Note | None) -> FenceFile:
    """The rows of a .csv file as Features. The columns are those of `choice`, the others guessed by their names;
    InvalidInput shows a guess that is not exact unless it is confirmed.
    """
    place = str(path)
    text = _text_of(path, place, note)
    with _fields_of(len(text)):
        delimiter = _delimiter(text)
        header, *rows = list(_lines(text, delimiter, place)) or [[]]
    header = [name.strip() for name in header]
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise InvalidInput(f"the header has {', '.join(twice)} twice", place=place)
    columns = _columns(header, choice, place, note)
    has_commas = delimiter != "," and _has_decimal_commas(rows, header, columns)
    features: list[Any] = []
    faults: dict[int, str] = {}
    for n, cells in enumerate(rows):
        try:
            features.append(_feature(cells, header, columns, has_commas))
        except ValueError as error:
            faults[n] = str(error)
            key = dict(zip(header, cells, strict=False)).get(columns.get("id", ""))
            features.append({"type": "Feature", "properties": {"id": key} if key else {}, "geometry": None})
    return FenceFile(features=features, faults=faults, place_of=lambda n: f"{place}: row {n}")


def _text_of(path: Path, place: str, note: Note | None) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror or error}", place=place) from None
    is_utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return data.decode("utf-16" if is_utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        if is_utf16:
            raise InvalidInput("not UTF-16, as which it begins", place=place) from None
        if note:
            note(f"{place}: not UTF-8 (byte {error.start} is 0x{data[error.start]:02x}): taken as latin-1")
        return data.decode("iso-8859-1")


@contextmanager
def _fields_of(most_characters: int) -> Iterator[None]:
    """A shape can be longer than the 128 KiB that Python's reader allows."""
    before = csv.field_size_limit(most_characters + 1)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _delimiter(text: str) -> str:
    first = next((line for line in text.splitlines() if line.strip()), "")
    return max(_DELIMITERS, key=lambda each: len(next(csv.reader([first], delimiter=each), [])))


def _lines(text: str, delimiter: str, place: str) -> Iterator[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield cells
    except csv.Error as error:
        raise InvalidInput(f"not usable CSV: {error}", place=f"{place}, line {reader.line_num}") from None


def _columns(header: Sequence[str], choice: Choice, place: str, note: Note | None) -> dict[str, str]:
    """The header's name of each of ours."""
    for theirs in choice.columns.values():
        if theirs not in header:
            raise InvalidInput(f"there is no column {theirs!r}; there are {', '.join(header)}", place=place)
    chosen_places = {*PLACES} & choice.columns.keys()
    if "wkt" in chosen_places and len(chosen_places) > 1:
        raise InvalidInput("a place is in wkt, or in lat and lon, and not in both", place="--columns")
    places = (("wkt",) if "wkt" in chosen_places else ("lat", "lon")) if chosen_places else PLACES
    free = [name for name in header if name not in choice.columns.values()]
    guess = guessed(free, [ours for ours in (*places, *PROPERTIES) if ours not in choice.columns])
    found = {**guess, **choice.columns}
    if "wkt" in guess and not _is_exact("wkt", guess) and _is_exact("lat", guess) and _is_exact("lon", guess):
        del found["wkt"]
    if "wkt" in found:
        found = {ours: theirs for ours, theirs in found.items() if ours not in ("lat", "lon")}
    elif not {"lat", "lon"} <= found.keys():
        said = f"no column looks like wkt, or like lat and lon; there are {', '.join(header) or 'none'}"
        raise InvalidInput(f"{said}. Say which: --columns id=…,lat=…,lon=…,radius_m=…", place=place)
    line = ",".join(f"{ours}={theirs}" for ours, theirs in found.items())
    is_exact = all(_is_exact(ours, guess) for ours in guess if ours in found)
    if not (is_exact or choice.is_confirmed):
        raise InvalidInput(f"its columns are guessed. If they are right, say --yes or --columns {line!r}", place=place)
    if note and not is_exact:
        note(f"{place}: columns {line}")
    return found


def _is_exact(ours: str, guess: Mapping[str, str]) -> bool:
    return ours in guess and guess[ours].lower() == ours


def _has_decimal_commas(rows: Sequence[Sequence[str]], header: Sequence[str], columns: Mapping[str, str]) -> bool:
    at = [header.index(columns[name]) for name in ("lat", "lon") if name in columns]
    return any("," in cells[n] for cells in rows for n in at if n < len(cells))


def _feature(cells: Sequence[str], header: Sequence[str], columns: Mapping[str, str], has_commas: bool) -> Any:
    """One row; ValueError where its place or its shape cannot be understood."""
    if len(cells) != len(header):
        raise ValueError(f"has {len(cells)} values, the header {len(header)}")
    row = dict(zip(header, cells, strict=True))
    ours = {theirs: name for name, theirs in columns.items()}
    found: dict[str, Any] = {ours.get(name, name): cell for name, cell in row.items() if ours.get(name) not in PLACES}
    if "wkt" in columns:
        geometry = _shape(row[columns["wkt"]].strip())
    else:
        lon, lat = (_number(row[columns[name]], name, has_commas) for name in ("lon", "lat"))
        geometry = {"type": "Point", "coordinates": [lon, lat]}
    for name in ("radius_m", "dwell_s"):
        if found.get(name, "").strip():
            found[name] = _number(found[name], name, has_commas)
    return {"type": "Feature", "properties": understood(found), "geometry": geometry}


def _number(text: str, name: str, has_commas: bool) -> float:
    text = text.strip()
    if not text:
        raise ValueError(f"{name} is empty")
    if _NUMBER.fullmatch(text) is None:
        raise ValueError(f"{name} {text[:40]!r} is not a number")
    if "," in text and not has_commas:
        raise ValueError(f"{name} {text[:40]!r} has a comma, which may be for decimals or for thousands")
    if "." in text and has_commas:
        raise ValueError(f"{name} {text[:40]!r} has a point where other numbers have a comma")
    return float(text.replace(",", "."))


def _shape(text: str) -> Any:
    if not text:
        raise ValueError("its WKT is empty")
    try:
        geometry = shapely.from_wkt(_SRID.sub("", text))
    except ShapelyError as error:
        raise ValueError(f"its WKT cannot be read: {error}") from None
    return as_geojson(shapely.force_2d(geometry))
