"""Geofences as a table, for files that know columns and no documents. What does not fit a column is said."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
import shapely

from nearcast.domain.geofence import Circle, Geofence
from nearcast.geo.columns import PROPERTIES, joined_tags
from nearcast.geo.crs import Note
from nearcast.geo.fence_file import properties_of

Kind: TypeAlias = Literal["text", "whole", "real", "bool"]
_LARGEST_WHOLE = 2**53  # beyond that, a program that keeps numbers as doubles changes them
_FEATURE = ("type", "id", "properties", "geometry", "bbox")


@dataclass(frozen=True, slots=True)
class Column:
    """One property of all geofences; None where one has not got it."""

    name: str
    kind: Kind
    values: Sequence[Any]

    def at(self, rows: Sequence[int]) -> "Column":
        return Column(self.name, self.kind, [self.values[row] for row in rows])


@dataclass(frozen=True, slots=True)
class FlatFences:
    """`geometries` are shapely's: a circle is the point in its middle, with its radius in the column radius_m."""

    geometries: Sequence[Any]
    columns: Sequence[Column]
    tags: Sequence[tuple[str, ...]] = field(default_factory=tuple)


def flattened(geofences: Sequence[Geofence], features: Sequence[Mapping[str, Any]], note: Note) -> FlatFences:
    """Geofences, each with the Feature it was read from, as columns: those that we know first, then the others."""
    ours: dict[str, Sequence[Any]] = {
        "id": [each.id for each in geofences],
        "radius_m": [each.boundary.radius_m if isinstance(each.boundary, Circle) else None for each in geofences],
        "name": [each.name for each in geofences],
        "shop_id": [each.shop_id for each in geofences],
        "dwell_s": [each.dwell_s for each in geofences],
        "tags": [joined_tags(each.tags) if each.tags else None for each in geofences],
        "active_hours": [properties_of(feature).get("active_hours") for feature in features],
    }
    columns = [Column(name, "real" if name in ("radius_m", "dwell_s") else "text", ours[name]) for name in PROPERTIES]
    others = dict.fromkeys(name for each in features for name in properties_of(each) if name not in ours)
    for name in others:
        columns.append(_column(name, [properties_of(feature).get(name) for feature in features], note))
    lost = sorted({member for feature in features for member in feature if member not in _FEATURE})
    if lost:
        note(f"members beside the properties are left out: {', '.join(lost)}")
    return FlatFences([geometry_of(each) for each in geofences], columns, [each.tags for each in geofences])


def geometry_of(geofence: Geofence) -> Any:
    """An area's polygons; the middle of a circle."""
    boundary = geofence.boundary
    if isinstance(boundary, Circle):
        return shapely.Point(boundary.center.lon_deg, boundary.center.lat_deg)
    return shapely.from_wkb(boundary.wkb)


def _column(name: str, values: Sequence[Any], note: Note) -> Column:
    kinds = {_kind(value) for value in values if value is not None}
    if kinds <= {"text"}:
        return Column(name, "text", values)
    if kinds <= {"whole", "real"}:
        return Column(name, "whole" if kinds == {"whole"} else "real", values)
    if kinds == {"bool"}:
        return Column(name, "bool", values)
    note(f"property {name} is written as text: it is not always a number or a text")
    return Column(name, "text", [_as_text(value) for value in values])


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "whole" if abs(value) <= _LARGEST_WHOLE else "other"
    return {str: "text", float: "real"}.get(type(value), "other")


def _as_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def as_array(column: Column) -> tuple[Any, Any]:
    """A column as an array, and which of its values are absent."""
    absent = np.array([value is None for value in column.values], dtype=bool)
    if column.kind == "text":
        return np.array(column.values, dtype=object), absent
    filled = [0 if value is None else value for value in column.values]
    kinds = {"whole": np.int64, "real": np.float64, "bool": np.bool_}
    return np.array(filled, dtype=kinds[column.kind]), absent
