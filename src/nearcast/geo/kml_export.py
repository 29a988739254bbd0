"""Geofences as KML 2.2: a Placemark each, what we know of it as typed data beside its name."""

import re
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import shapely

from nearcast.domain.errors import InvalidInput
from nearcast.geo.crs import Note
from nearcast.geo.flat import Column, FlatFences

_SCHEMA = "geofences"
_TYPES = {"text": "string", "whole": "int", "real": "double", "bool": "bool"}
_NOT_IN_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_IN_ELEMENTS = ("name", "description")


def kml_of(fences: FlatFences, note: Note) -> bytes:
    """The document, in UTF-8. A circle is the Point in its middle with radius_m."""
    columns = [_writable(column, note) for column in fences.columns]
    root = ET.Element("kml", xmlns="http://www.opengis.net/kml/2.2")
    document = ET.SubElement(root, "Document")
    schema = ET.SubElement(document, "Schema", name=_SCHEMA, id=_SCHEMA)
    data = [column for column in columns if not _is_element(column)]
    for column in data:
        ET.SubElement(schema, "SimpleField", name=column.name, type=_TYPES[column.kind])
    for n, geometry in enumerate(fences.geometries):
        placemark = ET.SubElement(document, "Placemark")
        for column in columns:
            if _is_element(column) and column.values[n] is not None:
                ET.SubElement(placemark, column.name).text = column.values[n]
        extended = ET.SubElement(ET.SubElement(placemark, "ExtendedData"), "SchemaData", schemaUrl=f"#{_SCHEMA}")
        for column in data:
            if column.values[n] is not None:
                ET.SubElement(extended, "SimpleData", name=column.name).text = _said(column.values[n])
        _add_geometry(placemark, geometry)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def _is_element(column: Column) -> bool:
    return column.name in _IN_ELEMENTS and column.kind == "text"


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _writable(column: Column, note: Note) -> Column:
    if column.kind != "text":
        return column
    values = [None if value is None else _NOT_IN_XML.sub("", value) for value in column.values]
    if values != list(column.values):
        if column.name in ("id", "shop_id"):
            raise InvalidInput(f"a {column.name} has a character that XML cannot hold")
        note(f"characters of {column.name} that XML cannot hold are left out")
    return Column(column.name, column.kind, values)


def _add_geometry(holder: ET.Element, geometry: Any) -> None:
    if geometry.geom_type == "Point":
        _add_coordinates(ET.SubElement(holder, "Point"), geometry)
        return
    if geometry.geom_type == "MultiPolygon":
        holder = ET.SubElement(holder, "MultiGeometry")
    for part in shapely.get_parts(geometry):
        polygon = ET.SubElement(holder, "Polygon")
        for n, ring in enumerate(shapely.get_rings(part)):
            boundary = ET.SubElement(polygon, "innerBoundaryIs" if n else "outerBoundaryIs")
            _add_coordinates(ET.SubElement(boundary, "LinearRing"), ring)


def _add_coordinates(holder: ET.Element, geometry: Any) -> None:
    positions = np.asarray(shapely.get_coordinates(geometry)).tolist()
    ET.SubElement(holder, "coordinates").text = " ".join(f"{lon!r},{lat!r}" for lon, lat in positions)
