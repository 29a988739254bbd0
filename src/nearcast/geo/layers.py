"""Shapefiles, alone or in a zip, and GeoPackages: read by GDAL, each geometry then taken or refused by itself.

GDAL is asked for bytes and not for shapes, so that one geometry that nobody can read leaves the others in peace.
"""

import math
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pyogrio.raw
import pyproj
import shapely
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, FieldError, GeometryError
from pyproj.exceptions import CRSError
from shapely.errors import ShapelyError
from shapely.geometry import mapping

from nearcast.domain.errors import InvalidInput
from nearcast.geo.columns import guessed, uncut, understood
from nearcast.geo.crs import Note, Projection, projection
from nearcast.geo.fence_file import FenceFile, refuse_vast

MOST_BYTES = 1 << 30
_GDAL_ERRORS = (DataLayerError, DataSourceError, FeatureError, FieldError, GeometryError)


def read_shapefile(path: Path, layer: str | None, note: Note | None) -> FenceFile:
    """A .shp beside its parts, or all Shapefiles in a .zip; `layer` is the name of the one to take."""
    if path.suffix.lower() != ".zip":
        _refuse_unreadable(path)
        return _read(path, {path.stem: str(path)}, layer, note)
    place = str(path)
    try:
        with zipfile.ZipFile(path) as archive:
            refuse_vast(archive, MOST_BYTES, place)
            names = sorted(name for name in archive.namelist() if _is_shapefile(name))
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror or error}", place=place) from None
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise InvalidInput(f"not a usable zip: {error}", place=place) from None
    if not names:
        raise InvalidInput("the zip holds no Shapefile (.shp)", place=place)
    return _read(path, {Path(name).stem: f"/vsizip/{{{path.resolve()}}}/{name}" for name in names}, layer, note)


def _is_shapefile(name: str) -> bool:
    return name.lower().endswith(".shp") and not Path(name).name.startswith(".") and not name.startswith("__MACOSX")


def read_geopackage(path: Path, layer: str | None, note: Note | None) -> FenceFile:
    """One layer of a GeoPackage; InvalidInput names them where there are several and none was chosen."""
    _refuse_unreadable(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they are said when the layer is read
            found = [str(name) for name, kind in pyogrio.list_layers(path) if kind is not None]
    except _GDAL_ERRORS as error:
        raise InvalidInput(f"not usable: {error}", place=str(path)) from None
    if layer is None and len(found) > 1:
        raise InvalidInput(f"has the layers {', '.join(found)}: choose one with --layer", place=str(path))
    return _read(path, dict.fromkeys(found, str(path)), layer, note, is_layered=True)


def _refuse_unreadable(path: Path) -> None:
    try:
        path.open("rb").close()
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror}", place=str(path)) from None


def _read(
    path: Path, sources: Mapping[str, str], layer: str | None, note: Note | None, *, is_layered: bool = False
) -> FenceFile:
    if layer is not None and layer not in sources:
        raise InvalidInput(f"has no layer {layer!r}; it has {', '.join(sources) or 'none'}", place=str(path))
    features: list[Any] = []
    faults: dict[int, str] = {}
    places: list[str] = []
    for name in [layer] if layer is not None else sources:
        place = f"{path}, layer {name}" if len(sources) > 1 else str(path)
        found, unreadable = _read_layer(sources[name], name if is_layered else None, place, note)
        faults |= {len(features) + n: fault for n, fault in unreadable.items()}
        features += found
        places += [f"{place}: row {n}" for n in range(len(found))]
    return FenceFile(features=features, faults=faults, place_of=places.__getitem__)


def _read_layer(source: str, layer: str | None, place: str, note: Note | None) -> tuple[list[Any], dict[int, str]]:
    meta, wkb, rows = _columns(source, layer, place, note)
    geometries, faults = _shapes(wkb)
    flat = shapely.force_2d(geometries)
    if note and (shapely.has_z(geometries) | shapely.has_m(geometries)).any():
        note(f"{place}: altitudes and measures are dropped")
    to_lonlat = _projection(meta["crs"], flat, place, note)
    if to_lonlat is not None:
        flat = shapely.transform(flat, to_lonlat)
    renamed = _called(meta["fields"].tolist(), place, note)
    features = []
    for geometry, row in zip(flat, rows, strict=True):
        properties = understood({renamed.get(name, name): value for name, value in row.items()})
        features.append({"type": "Feature", "properties": properties, "geometry": as_geojson(geometry)})
    return features, faults


def _columns(source: str, layer: str | None, place: str, note: Note | None) -> tuple[Any, Any, list[dict[str, Any]]]:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            meta, _, wkb, columns = _as_utf8_or_as_said(source, layer, place, note)
        except _GDAL_ERRORS as error:
            raise InvalidInput(f"not usable: {error}", place=place) from None
        except UnboundLocalError:  # what pyogrio makes of a .prj that is no text
            raise InvalidInput("its coordinate reference system cannot be read", place=place) from None
        except ValueError as error:
            raise InvalidInput(f"has texts or numbers that cannot be read: {error}", place=place) from None
    for warning in said:
        if note:
            note(f"{place}: {warning.message}")
    if wkb is None:
        raise InvalidInput("holds no geometry", place=place)
    names = meta["fields"].tolist()
    values = [[_plain(value) for value in column.tolist()] for column in columns]
    rows = [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)] if names else [{} for _ in wkb]
    return meta, wkb, rows


def _as_utf8_or_as_said(source: str, layer: str | None, place: str, note: Note | None) -> Any:
    """A Shapefile that does not say how its texts are encoded (.cpg) has them in UTF-8, if they can be that."""
    says_encoding = layer is not None or any(_is_there(source[: -len("shp")] + ending) for ending in ("cpg", "CPG"))
    if says_encoding:
        return pyogrio.raw.read(source, layer=layer)
    try:
        return pyogrio.raw.read(source, encoding="utf-8")
    except UnicodeDecodeError:
        if note:
            note(f"{place}: texts are not UTF-8, and no .cpg says what they are: taken as the .dbf says, or latin-1")
        return pyogrio.raw.read(source)


def _is_there(source: str) -> bool:
    if not source.startswith("/vsizip/{"):
        return Path(source).exists()
    archive, _, name = source.removeprefix("/vsizip/{").partition("}/")
    with zipfile.ZipFile(archive) as opened:
        return name in opened.namelist()


def _plain(value: Any) -> Any:
    """As JSON has it; what JSON has not is left out."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, bytes) or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value


def _shapes(wkb: Sequence[bytes | None]) -> tuple[Any, dict[int, str]]:
    shapes = np.full(len(wkb), None, dtype=object)
    faults: dict[int, str] = {}
    for n, each in enumerate(wkb):
        try:
            shapes[n] = None if each is None else shapely.from_wkb(each)
        except ShapelyError as error:
            faults[n] = f"its geometry cannot be read: {error}"
    return shapes, faults


def _projection(said: str | None, geometries: Any, place: str, note: Note | None) -> Projection | None:
    if said is not None:
        try:
            return projection(pyproj.CRS.from_user_input(said), place, note)
        except CRSError:
            raise InvalidInput("its coordinate reference system is not known", place=place) from None
    if not all(abs(x) <= 180.0 and abs(y) <= 90.0 for x, y in shapely.get_coordinates(geometries).tolist()):
        raise InvalidInput(
            "names no coordinate reference system (a Shapefile has it in its .prj), and its coordinates are no"
            " longitudes and latitudes",
            place=place,
        )
    if note:
        note(f"{place}: names no coordinate reference system; taken as WGS 84, which its coordinates fit")
    return None


def _called(header: list[str], place: str, note: Note | None) -> dict[str, str]:
    """Our names by the header's, where they differ."""
    ours = {**uncut(header), **guessed(header, ["id", "radius_m"])}
    renamed = {theirs: name for name, theirs in ours.items() if theirs != name and name not in header}
    for theirs, name in renamed.items():
        if note:
            note(f"{place}: column {theirs} is taken as {name}")
    return renamed


def as_geojson(geometry: Any) -> Any:
    """A geometry of two dimensions as decoded GeoJSON: lists, not tuples."""
    match None if geometry is None else geometry.geom_type:
        case None:
            return None
        case "Polygon":
            return {"type": "Polygon", "coordinates": _rings(geometry)}
        case "MultiPolygon":
            polygons = [_rings(part) for part in shapely.get_parts(geometry)]
            return {"type": "MultiPolygon", "coordinates": polygons}
        case _:
            return _listed(mapping(geometry))


def _rings(polygon: Any) -> list[Any]:
    return [shapely.get_coordinates(ring).tolist() for ring in shapely.get_rings(polygon)]


def _listed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _listed(each) for key, each in value.items()}
    return [_listed(each) for each in value] if isinstance(value, tuple | list) else value
