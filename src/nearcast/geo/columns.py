"""Which column of a table means what: guessed by name, since every program calls it something else."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from nearcast.domain.errors import InvalidInput
from nearcast.geo.fence_file import Choice

# what others call it, in small letters; a Shapefile cuts names after 10 characters
_CALLED = {
    "id": ("id", "geofence_id", "geofenceid", "geofence_i", "fence_id", "fenceid", "osm_id"),
    "lat": ("lat", "latitude", "lat_deg", "breite", "breitengrad", "y"),
    "lon": ("lon", "lng", "long", "longitude", "lon_deg", "länge", "laenge", "längengrad", "laengengrad", "x"),
    "wkt": ("wkt", "geometry_wkt", "geometry", "geom", "the_geom", "shape"),
    "radius_m": ("radius_m", "radius", "radius_meters", "radius_met", "radius_in_m", "radiusm"),
    "name": ("name", "title", "label", "fence_name", "geofence_name", "geofence_n"),
    "shop_id": ("shop_id", "shopid", "shop", "store_id", "storeid", "store"),
    "dwell_s": ("dwell_s", "dwell_seconds", "dwell_seco"),
    "tags": ("tags",),
    "active_hours": ("active_hours", "active_hou", "opening_hours", "opening_ho"),
}
PROPERTIES = ("id", "radius_m", "name", "shop_id", "dwell_s", "tags", "active_hours")
PLACES = ("lat", "lon", "wkt")
_NUMBERS = ("radius_m", "dwell_s")
_TEXTS = ("id", "name", "shop_id", "active_hours")
CUT_AFTER = 10


def said_choice(
    columns: str,
    id_column: str | None = None,
    layer: str | None = None,
    *,
    is_confirmed: bool = False,
    makes_ids: bool = False,
) -> Choice:
    """A choice as it is typed: `columns` are `id=OBJECTID,name=zone`. InvalidInput where they are not that."""
    found = {}
    for pair in columns.split(",") if columns else ():
        ours, equals, theirs = (part.strip() for part in pair.partition("="))
        if not (equals and theirs):
            raise InvalidInput(f"{pair!r} is not of the form id=COLUMN", place="--columns")
        if ours not in (*PLACES, *PROPERTIES):
            raise InvalidInput(f"{ours!r} is none of {', '.join([*PLACES, *PROPERTIES])}", place="--columns")
        found[ours] = theirs
    if id_column is not None:
        found["id"] = id_column
    return Choice(columns=found, layer=layer, is_confirmed=is_confirmed, makes_ids=makes_ids)


def guessed(header: Iterable[str], wanted: Iterable[str]) -> dict[str, str]:
    """The columns of a header that look like what is wanted: the header's name by ours, the most likely first."""
    by_small: dict[str, str] = {}
    for name in header:
        by_small.setdefault(name.strip().lower().replace(" ", "_"), name)
    found = {}
    for ours in wanted:
        called = next((called for called in _CALLED[ours] if called in by_small), None)
        if called is not None:
            found[ours] = by_small[called]
    return found


def uncut(header: Iterable[str]) -> dict[str, str]:
    """Our properties that a Shapefile holds under a name cut after 10 characters: the cut name by the whole."""
    there = set(header)
    cut = {ours: ours[:CUT_AFTER] for ours in PROPERTIES if len(ours) > CUT_AFTER}
    return {ours: name for ours, name in cut.items() if name in there and ours not in there}


def understood(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The properties of a table that knows texts alone, or texts and numbers: what must be a number or a list becomes
    one where it can. What has nothing to say is left out.
    """
    found: dict[str, Any] = {}
    for name, value in properties.items():
        if value is None or value != value or value == "":
            continue
        if name in _NUMBERS and isinstance(value, str):
            value = number(value)
        elif name == "tags" and isinstance(value, str):
            value = _listed(value)
        elif name in _TEXTS and isinstance(value, float) and value.is_integer():
            value = int(value)  # a column of whole numbers with a gap in it
        found[name] = value
    return found


def number(text: str) -> float | str:
    """The number that a text says; the text itself where it says none."""
    try:
        return float(text)
    except ValueError:
        return text


def joined_tags(tags: Iterable[str]) -> str:
    """Tags as one text, from which `understood` gets them again."""
    tags = list(tags)
    is_plain = all(tag == tag.strip() and tag and ";" not in tag and not tag.startswith("[") for tag in tags)
    return ";".join(tags) if is_plain else json.dumps(tags, ensure_ascii=False)


def _listed(text: str) -> Any:
    if text.startswith("["):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return [tag.strip() for tag in text.split(";") if tag.strip()]
