"""What a file of geofences is before any of them is checked, and how somebody wants it to be taken."""

import hashlib
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from nearcast.domain.errors import InvalidInput

_MADE_ID_LENGTH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """How a file is to be taken where it can be taken in several ways.

    `columns` are what the file calls our properties, by our names (`{"id": "OBJECTID"}`); `layer` is the one to take of
    several. A table whose columns had to be guessed is taken if `is_confirmed`. With `makes_ids` a feature without an
    id gets one, made of its name and its geometry, so that it is the same the next time.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    layer: str | None = None
    is_confirmed: bool = False
    makes_ids: bool = False


AS_IT_COMES = Choice()


@dataclass(frozen=True, slots=True, kw_only=True)
class FenceFile:
    """GeoJSON Features in longitude and latitude, none of them checked yet.

    `faults` say, by number from 0, why a feature could not be read. `place_of` leads to a feature in the file.
    """

    features: Sequence[Any]
    place_of: Callable[[int], str]
    faults: Mapping[int, str] = field(default_factory=dict)


def chosen(file: FenceFile, choice: Choice) -> FenceFile:
    """The file with its properties under the names that were chosen for them, and with ids where they are to be made.

    InvalidInput where a chosen name is that of no property in the whole file.
    """
    if not (choice.columns or choice.makes_ids):
        return file
    known = {name for feature in file.features for name in properties_of(feature)}
    missing = [name for name in choice.columns.values() if name not in known]
    if missing and file.features:
        raise InvalidInput(f"there is no column {missing[0]!r}; there are {', '.join(sorted(known)) or 'none'}")
    features = [_renamed(feature, choice.columns) for feature in file.features]
    if choice.makes_ids:
        features = [_with_id(feature) for feature in features]
    return replace(file, features=features)


def properties_of(feature: Any) -> Mapping[str, Any]:
    """A Feature's properties, as far as it has any."""
    found = feature.get("properties") if isinstance(feature, dict) else None
    return found if isinstance(found, dict) else {}


def _renamed(feature: Any, columns: Mapping[str, str]) -> Any:
    if not isinstance(feature, dict) or not columns:
        return feature
    found = properties_of(feature)
    taken = {ours: found[theirs] for ours, theirs in columns.items() if found.get(theirs) is not None}
    others = {name: value for name, value in found.items() if name not in {*columns, *columns.values()}}
    if "id" in columns:  # and no other, where this feature lacks it
        feature = {name: value for name, value in feature.items() if name != "id"}
        others.pop("osm_id", None)
    return {**feature, "properties": {**taken, **others}}


def lacks_id(feature: Any) -> bool:
    """Whether this is a Feature that would need an id."""
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        return False
    if not isinstance(feature.get("properties"), dict | None):
        return False
    found = properties_of(feature)
    return all(value is None for value in (found.get("id"), feature.get("id"), found.get("osm_id")))


def say_how_to_choose_ids(file: FenceFile) -> str:
    """What to do about a file without ids: the columns that could be one are in every feature and never the same."""
    message = "an id is needed: property 'id', the feature's 'id' or property 'osm_id'"
    rows = [properties_of(feature) for feature in file.features]
    able = [name for name in rows[0] if _tells_apart(name, rows)]
    return f"{message}. Choose one with --id-column: {', '.join(able)}" if able else message


def _tells_apart(name: str, rows: Sequence[Mapping[str, Any]]) -> bool:
    values = [row.get(name) for row in rows]
    return all(isinstance(value, str | int) for value in values) and len(set(values)) == len(values)


def _with_id(feature: Any) -> Any:
    found = properties_of(feature)
    if not lacks_id(feature):
        return feature
    said = json.dumps([found.get("name"), feature.get("geometry")], sort_keys=True, default=str)
    made = hashlib.sha256(said.encode(errors="replace")).hexdigest()[:_MADE_ID_LENGTH]
    return {**feature, "properties": {"id": made, **found}}


def refuse_vast(archive: zipfile.ZipFile, most_bytes: int, place: str) -> None:
    """InvalidInput where an archive would unpack to more than that: a few kilobytes can hold a terabyte."""
    unpacked = sum(each.file_size for each in archive.infolist())
    if unpacked > most_bytes:
        raise InvalidInput(f"would unpack to {unpacked:,} bytes, more than {most_bytes:,}", place=place)
