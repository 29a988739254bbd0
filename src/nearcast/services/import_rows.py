"""Rows of files as the documents that they stand for; what is wrong with one is said by path, without the value."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from nearcast.domain.errors import InvalidInput
from nearcast.services.consent_lines import ConsentDocument
from nearcast.services.documents import read_document
from nearcast.services.rows import Row, RowReader
from nearcast.services.scenario import dotted

M = TypeVar("M", bound=BaseModel)

_DOCUMENTS = (".json", ".yaml", ".yml")
_ROWS = (".csv", ".ndjson", ".jsonl")
_COLUMNS = {
    "shops": ("id", "name", "lat", "lon", "timezone", "opening_hours", "closed_on"),
    "customers": ("id", "timezone", "language", "tags", "suppressed", "paused_until"),
}
_LISTS = ("tags", "suppressed", "closed_on")
_NUMBERS = ("lat", "lon")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_CONTACT, _ATTRIBUTE = "contact.", "attributes."


def rows_of(path: Path, plural: str, read_rows: RowReader) -> list[Row]:
    """The shops or customers of a file, each as a document. InvalidInput where there is no list of them."""
    ending = path.suffix.lower()
    if ending in _DOCUMENTS:
        return _of_document(read_document(path), plural, str(path))
    if ending not in _ROWS:
        raise InvalidInput(f"{plural} are read from {', '.join(_ROWS + _DOCUMENTS)}, not {ending!r}", place=str(path))
    rows = read_rows(path)
    if ending != ".csv":
        return rows
    for row in rows[:1]:
        _check_header(row.value or {}, plural, str(path))
    return [row if row.fault else Row(row.number, _of_cells(row.value)) for row in rows]


def _of_document(document: Any, plural: str, place: str) -> list[Row]:
    found = document.get(plural) if isinstance(document, dict) else document
    if not isinstance(found, list):
        raise InvalidInput(f"is neither a list of {plural} nor a document with `{plural}`", place=place)
    rows = [Row(number, value) for number, value in enumerate(found, 1)]
    consents = document.get("consents") if isinstance(document, dict) and plural == "customers" else None
    return rows if consents is None else _with_consents(rows, consents, place)


def _with_consents(rows: list[Row], consents: Any, place: str) -> list[Row]:
    """A document's own list of consents, each at its customer's row. What belongs to none is a row of its own."""
    if not isinstance(consents, list):
        raise InvalidInput("is not a list", place=f"{place}: consents")
    said: dict[object, list[object]] = {}
    for consent in consents:
        said.setdefault(consent.get("customer_id") if isinstance(consent, dict) else None, []).append(consent)
    found = []
    for row in rows:
        mine = said.pop(row.value["id"], []) if isinstance(row.value, dict) and _is_text(row.value.get("id")) else []
        own = row.value.get("consents", []) if mine else []
        found.append(Row(row.number, {**row.value, "consents": [*own, *mine]}) if mine else row)
    fault = "consents whose customer_id is that of no customer here"
    return [*found, *(Row(len(rows) + n, {"id": key}, fault) for n, key in enumerate(said, 1))]


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _check_header(cells: Mapping[str, str], plural: str, place: str) -> None:
    known = _COLUMNS[plural]
    groups = (_CONTACT, _ATTRIBUTE) if plural == "customers" else ()
    for name in cells:
        if name not in known and not any(name.startswith(group) and name != group for group in groups):
            there = ", ".join([*known, *(f"{group}<name>" for group in groups)])
            raise InvalidInput(f"there is no column {name!r}; there are {there}", place=place)


def _of_cells(cells: Mapping[str, str]) -> dict[str, Any]:
    """The document of a CSV row: empty cells say nothing, lists are separated by semicolons."""
    document: dict[str, Any] = {}
    for name, cell in cells.items():
        if not cell:
            continue
        if name.startswith(_CONTACT):
            document.setdefault("contacts", []).append({"channel": name.removeprefix(_CONTACT), "address": cell})
        elif name.startswith(_ATTRIBUTE):
            document.setdefault("attributes", {})[name.removeprefix(_ATTRIBUTE)] = cell
        elif name in _LISTS:
            document[name] = [part.strip() for part in cell.split(";") if part.strip()]
        else:
            document[name] = float(cell) if name in _NUMBERS and _NUMBER.fullmatch(cell) else cell
    return document


def checked(model: type[M], document: object, place: str = "") -> M:
    """The document as that shape; InvalidInput with the path of what is wrong first."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        said = {"extra_forbidden": "unknown key", "missing": "is missing"}.get(fault["type"])
        path = ".".join(part for part in (place, dotted(fault["loc"])) if part)
        raise InvalidInput(said or fault["msg"].removeprefix("Value error, "), place=path) from None


def checked_consents(key: str, said: object) -> Iterable[tuple[str, ConsentDocument]]:
    """The consents of a customer's row, each with its place. An import must say when it was given, and by which proof
    whatever is live once it is granted: nothing else would tell it from a claim.
    """
    if not isinstance(said, list):
        raise InvalidInput("is not a list", place="consents")
    for n, consent in enumerate(said):
        place = f"consents[{n}]"
        if isinstance(consent, dict) and consent.get("customer_id", key) != key:
            raise InvalidInput("is another customer's", place=f"{place}.customer_id")
        mine = {k: v for k, v in consent.items() if k != "customer_id"} if isinstance(consent, dict) else consent
        found = checked(ConsentDocument, mine, place)
        if found.at is None:
            raise InvalidInput("is missing", place=f"{place}.at")
        try:
            found.provable()
        except InvalidInput as fault:
            raise InvalidInput(fault.message, place=f"{place}.{fault.place}") from None
        yield place, found


def column_of(path: str, document: Mapping[str, Any]) -> str:
    """A path inside a CSV row's document as its column's name."""
    contact = re.fullmatch(r"contacts\[(\d+)\].*", path)
    if contact is None:
        return path
    return f"{_CONTACT}{document['contacts'][int(contact[1])]['channel']}"
