"""KML and KMZ, read by the standard library's expat.

GDAL's KML drivers take "1,x" for 1,0, make a layer of every folder and say nothing of links: they find no faults. Here
a document type declaration is refused before it can define an entity, and no link is followed.
"""

import xml.etree.ElementTree as ET
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.parsers import expat

from nearcast.domain.errors import InvalidInput
from nearcast.geo.columns import understood
from nearcast.geo.crs import Note
from nearcast.geo.fence_file import FenceFile, refuse_vast

MOST_BYTES = 1 << 27
_DEEPEST = 100
_IGNORED = ("NetworkLink", "GroundOverlay", "ScreenOverlay", "PhotoOverlay", "Tour")
_SHAPES = ("Point", "Polygon", "LineString", "LinearRing", "MultiGeometry", "Model", "Track", "MultiTrack")
_TYPES = {"int": int, "uint": int, "short": int, "ushort": int, "double": float, "float": float}


def read_kml(path: Path, note: Note | None) -> FenceFile:
    """The Placemarks of a .kml or .kmz file in their order, as Features."""
    place = str(path)
    try:
        data = _unzipped(path, place) if path.suffix.lower() == ".kmz" else path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror or error}", place=place) from None
    root = _parsed(data, place)
    if root.tag != "kml":
        raise InvalidInput(f"its root is {root.tag[:40]!r}, not kml", place=place)
    types = {field.get("name", ""): field.get("type", "") for field in root.iter("SimpleField")}
    features: list[Any] = []
    faults: dict[int, str] = {}
    has_altitudes = False
    for number, placemark in enumerate(root.iter("Placemark")):
        geometry = None
        try:
            geometry, is_high = _geometry_of(placemark)
            has_altitudes |= is_high
        except ValueError as error:
            faults[number] = str(error)
        features.append(_feature(placemark, types, geometry))
    _say_what_is_left_out(root, has_altitudes, place, note)
    return FenceFile(features=features, faults=faults, place_of=lambda n: f"{place}: Placemark {n}")


def _unzipped(path: Path, place: str) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.lower().endswith(".kml")]
            if not names:
                raise InvalidInput("the zip holds no .kml", place=place)
            refuse_vast(archive, MOST_BYTES, place)
            with archive.open(min(names, key=lambda name: (name.count("/"), names.index(name)))) as file:
                return file.read(MOST_BYTES + 1)  # and no more, whatever the zip says of itself
    except (zipfile.BadZipFile, EOFError, RuntimeError, ValueError, zlib.error) as error:
        raise InvalidInput(f"not a usable zip: {error}", place=place) from None


def _parsed(data: bytes, place: str) -> ET.Element:
    """The document as elements, their names without namespaces."""
    if len(data) > MOST_BYTES:
        raise InvalidInput(f"is longer than {MOST_BYTES:,} bytes", place=place)
    builder, parser, depth = ET.TreeBuilder(), expat.ParserCreate(namespace_separator=" "), [0]

    def refuse(*_: object) -> None:
        raise InvalidInput("has a document type declaration, which KML needs none of", place=place)

    def start(name: str, attributes: dict[str, str]) -> None:
        depth[0] += 1
        if depth[0] > _DEEPEST:
            raise InvalidInput(f"is nested deeper than {_DEEPEST} elements", place=place)
        builder.start(name.rpartition(" ")[2], attributes)

    def end(name: str) -> None:
        depth[0] -= 1
        builder.end(name.rpartition(" ")[2])

    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(data, True)
        return builder.close()
    except expat.ExpatError as error:
        said = expat.ErrorString(error.code)
        raise InvalidInput(f"not XML: {said}", place=f"{place}, line {error.lineno}, column {error.offset}") from None
    except (ValueError, LookupError) as error:  # an encoding that nobody knows
        raise InvalidInput(f"not usable XML: {error}", place=place) from None


def _feature(placemark: ET.Element, types: dict[str, str], geometry: Any) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for name in ("name", "description"):
        text = (placemark.findtext(name) or "").strip()
        if text:
            properties[name] = text
    for name, text, kind in _extended_data(placemark, types):
        properties[name] = _typed(text, kind)
    key = placemark.get("id")
    feature = {"type": "Feature", "properties": understood(properties), "geometry": geometry}
    return feature if key is None else {**feature, "id": key}


def _extended_data(placemark: ET.Element, types: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    for data in placemark.iter("Data"):
        if data.get("name"):
            yield data.get("name", ""), (data.findtext("value") or "").strip(), ""
    for data in placemark.iter("SimpleData"):
        name = data.get("name", "")
        if name:
            yield name, (data.text or "").strip(), types.get(name, "")


def _typed(text: str, kind: str) -> Any:
    if kind == "bool" and text.lower() in ("true", "false", "1", "0"):
        return text.lower() in ("true", "1")
    try:
        return _TYPES[kind](text) if kind in _TYPES else text
    except ValueError:
        return text


def _geometry_of(placemark: ET.Element) -> tuple[Any, bool]:
    """A Placemark's geometry as GeoJSON, and whether it had altitudes; ValueError says why it is none."""
    shapes = [child for child in placemark if child.tag in _SHAPES]
    if not shapes:
        return None, False
    parts = list(_parts(shapes[0]))
    wrong = [part.tag for part in parts if part.tag not in ("Point", "Polygon")]
    if wrong:
        raise ValueError(f"a {wrong[0]} is no geofence: it encloses nothing")
    altitudes: list[bool] = []
    if len(parts) == 1 and parts[0].tag == "Point":
        positions = _positions(parts[0], altitudes)
        if len(positions) != 1:
            raise ValueError(f"a Point has {len(positions)} positions")
        return {"type": "Point", "coordinates": positions[0]}, any(altitudes)
    if any(part.tag == "Point" for part in parts):
        raise ValueError("a MultiGeometry of several Points, or of Points and Polygons, is no geofence")
    polygons = [_rings(part, altitudes) for part in parts]
    if shapes[0].tag == "Polygon":
        return {"type": "Polygon", "coordinates": polygons[0]}, any(altitudes)
    return {"type": "MultiPolygon", "coordinates": polygons}, any(altitudes)


def _parts(shape: ET.Element) -> Iterator[ET.Element]:
    if shape.tag != "MultiGeometry":
        yield shape
        return
    for child in shape:
        if child.tag in _SHAPES:
            yield from _parts(child)


def _rings(polygon: ET.Element, altitudes: list[bool]) -> list[Any]:
    shells, holes = polygon.findall("outerBoundaryIs/LinearRing"), polygon.findall("innerBoundaryIs/LinearRing")
    if len(shells) != 1:
        raise ValueError(f"a Polygon has {len(shells)} outer boundaries")
    return [_positions(ring, altitudes) for ring in [*shells, *holes]]


def _positions(holder: ET.Element, altitudes: list[bool]) -> list[list[float]]:
    """Longitude and latitude of each tuple; altitudes are heard of and dropped."""
    text = holder.findtext("coordinates") or ""
    found = []
    for number, said in enumerate(text.split()):
        try:
            values = [float(value) for value in said.split(",")]
        except ValueError:
            values = []
        if len(values) not in (2, 3):
            raise ValueError(f"coordinates {number} {said[:40]!r} are not lon,lat or lon,lat,altitude")
        altitudes.append(len(values) == 3 and values[2] != 0.0)
        found.append(values[:2])
    return found


def _say_what_is_left_out(root: ET.Element, has_altitudes: bool, place: str, note: Note | None) -> None:
    if note is None:
        return
    for kind, count in Counter(each.tag for each in root.iter() if each.tag in _IGNORED).items():
        note(f"{place}: {count} {kind} ignored; no link is followed")
    if has_altitudes:
        note(f"{place}: altitudes are dropped")
