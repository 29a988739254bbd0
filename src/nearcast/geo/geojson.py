"""GeoJSON as it is found: JSON that is not quite, and Features that are not quite.

Which side of a ring is inside does not depend on the way it winds here, a bounding box is worth nothing, and members
that belong to another kind of object say nothing: all of that is taken, and said. What could be read in two ways is
not.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nearcast.domain.errors import InvalidInput
from nearcast.geo.crs import Note, Projection
from nearcast.geo.fence_file import FenceFile
from nearcast.geo.validate import collection

_MEMBERS_OF_OTHERS = {
    "FeatureCollection": ("coordinates", "geometries", "geometry", "properties"),
    "Feature": ("coordinates", "geometries", "features"),
    "geometry": ("geometry", "properties", "features"),
}
_GEOMETRIES = ("Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection")
_VAST = 1e300  # beyond it an integer of JSON may be no number of NumPy
_AGAINST = "rings wind against the right-hand rule; the area that they enclose is taken"
_ALTITUDES = "altitudes are dropped"


class Remarks:
    """What is to be said of many features, once for all of them."""

    def __init__(self) -> None:
        self._named: dict[str, list[str]] = {}

    def add(self, what: str, name: str) -> None:
        self._named.setdefault(what, []).append(name)

    def say(self, place: str, note: Note | None) -> None:
        for what, names in self._named.items():
            others = f" and {len(names) - 1:,} more" if len(names) > 1 else ""
            if note:
                note(f"{place}: repaired {names[0]}{others}: {what}")


def read_geojson(path: Path, note: Note | None) -> tuple[FenceFile, list[str]]:
    """The file, and the numbers in it that JSON does not have. A lone Feature or geometry is a collection of one."""
    document, not_json = json_document(path)
    place, remarks = str(path), Remarks()
    members, to_lonlat = collection(_as_collection(document, place, remarks), place, note)
    features = [tidied(each, f"feature {n}", remarks) for n, each in enumerate(members)]
    if to_lonlat is not None:
        features = [_moved(feature, to_lonlat) for feature in features]
    remarks.say(place, note)
    return FenceFile(features=features, place_of=lambda n: f"{place}: features[{n}]"), not_json


def json_document(path: Path) -> tuple[Any, list[str]]:
    """What a file says, and the numbers in it that JSON does not have. InvalidInput leads to what is no JSON."""
    place = str(path)
    not_json: list[str] = []

    def number_out_of_json(literal: str) -> float:
        not_json.append(literal)
        return float(literal)

    try:
        return json.loads(
            path.read_bytes().decode("utf-8-sig"), parse_constant=number_out_of_json, object_pairs_hook=_object
        ), not_json
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror}", place=place) from None
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise InvalidInput(f"not UTF-8: byte {error.start} is 0x{byte:02x}", place=place) from None
    except json.JSONDecodeError as error:
        raise InvalidInput(
            f"not JSON: {error.msg}", place=f"{place}, line {error.lineno}, column {error.colno}"
        ) from None
    except (RecursionError, ValueError) as error:
        raise InvalidInput(f"not usable JSON: {error}", place=place) from None


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) < len(members):
        names = [name for name, _ in members]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object has {twice!r} twice")
    return found


def _as_collection(document: Any, place: str, remarks: Remarks) -> Any:
    kind = document.get("type") if isinstance(document, dict) else None
    if kind == "FeatureCollection":
        return _without_others(document, "FeatureCollection", place, remarks)
    if kind == "Feature":
        lone = {"type": "FeatureCollection", "features": [document]}
    elif kind in _GEOMETRIES:
        lone = {"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {}, "geometry": document}]}
    else:
        return document
    return {**lone, "crs": document["crs"]} if "crs" in document else lone


def tidied(feature: Any, place: str, remarks: Remarks) -> Any:
    """A Feature without what says nothing in it; `remarks` hear what that was. What is no Feature stays as it is."""
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        return feature
    properties = feature.get("properties")
    inside = properties.get("id") if isinstance(properties, dict) else None
    key = feature.get("id") if inside is None else inside
    name = str(key) if isinstance(key, str | int) else place
    feature = _without_others(feature, "Feature", name, remarks)
    geometry = feature.get("geometry")
    if not isinstance(geometry, dict):
        return feature
    tidy = _without_others(geometry, "geometry", name, remarks)
    _look_at_rings(tidy, name, remarks)
    return feature if tidy is geometry else {**feature, "geometry": tidy}


def _without_others(holder: dict[str, Any], kind: str, name: str, remarks: Remarks) -> dict[str, Any]:
    wrong = [member for member in _MEMBERS_OF_OTHERS[kind] if member in holder]
    for member in wrong:
        remarks.add(f"{member!r} says nothing in a {kind} and is dropped", name)
    if "bbox" in holder and not _is_bbox(holder["bbox"]):
        remarks.add("its bbox is not 4 or 6 numbers and is dropped", name)
        wrong.append("bbox")
    return {member: value for member, value in holder.items() if member not in wrong} if wrong else holder


def _is_bbox(value: Any) -> bool:
    return isinstance(value, list) and len(value) in (4, 6) and all(_is_number(each) for each in value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _VAST


def _look_at_rings(geometry: dict[str, Any], name: str, remarks: Remarks) -> None:
    kind: Any = geometry.get("type")
    coordinates: Any = geometry.get("coordinates")
    try:
        if kind == "Point":
            positions: Sequence[Any] = [[coordinates]]
        else:
            polygons = coordinates if kind == "MultiPolygon" else [coordinates] if kind == "Polygon" else []
            positions = [ring for polygon in polygons for ring in polygon]
            if any(_winds_against(ring, n > 0) for polygon in polygons for n, ring in enumerate(polygon)):
                remarks.add(_AGAINST, name)
        if any(max(map(len, ring), default=2) == 3 for ring in positions):
            remarks.add(_ALTITUDES, name)
    except (TypeError, ValueError, IndexError, OverflowError):
        return  # what is wrong there is found, and said, by the check


def _winds_against(ring: Sequence[Sequence[float]], is_hole: bool) -> bool:
    """Whether a shell winds clockwise or a hole does not, by the sign of the shoelace sum; longitudes run on."""
    first_lon, first_lat = ring[0][0], ring[0][1]
    doubled = x = y = 0.0  # of the vertex before, from the first
    for position in ring:
        step = position[0] - first_lon - x
        if step > 180.0 or step < -180.0:
            step -= 360.0 * round(step / 360.0)
        next_x, next_y = x + step, position[1] - first_lat
        doubled += x * next_y - next_x * y
        x, y = next_x, next_y
    return doubled > 0.0 if is_hole else doubled < 0.0


def _moved(feature: Any, to_lonlat: Projection) -> Any:
    geometry = feature.get("geometry") if isinstance(feature, dict) else None
    if not isinstance(geometry, dict):
        return feature
    return {**feature, "geometry": {**geometry, "coordinates": _lonlat(geometry.get("coordinates"), to_lonlat)}}


def _lonlat(coordinates: Any, to_lonlat: Projection) -> Any:
    """Positions, however deep they lie, in longitude and latitude; what is none is left for the check."""
    if not isinstance(coordinates, list):
        return coordinates
    if _is_position(coordinates):
        return to_lonlat(np.array([coordinates[:2]], dtype=np.float64))[0].tolist()
    if coordinates and all(map(_is_position, coordinates)):
        return to_lonlat(np.array([each[:2] for each in coordinates], dtype=np.float64)).tolist()
    return [_lonlat(each, to_lonlat) for each in coordinates]


def _is_position(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 1 and all(map(_is_number, value))
