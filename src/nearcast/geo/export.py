"""Files of geofences, out: GeoJSON, KML, KMZ, Shapefile, GeoPackage, GeoParquet and CSV.

Read again, each gives the same geofences. GeoJSON is the documents as they are; the others are tables, and what does
not fit into one is said. A file appears whole or not at all.
"""

import csv
import json
import os
import warnings
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pyogrio.raw
import shapely
from pyogrio.errors import DataSourceError, FeatureError, FieldError, GeometryError

from nearcast.domain.errors import InvalidInput
from nearcast.geo.columns import CUT_AFTER
from nearcast.geo.crs import Note
from nearcast.geo.flat import Column, FlatFences, as_array, flattened
from nearcast.geo.kml_export import kml_of
from nearcast.geo.rings import area_wkb
from nearcast.geo.validate import geofence_from_feature

_LONGEST_TEXT_BYTES = 254  # of a Shapefile's .dbf
_TAKEN_BY_GEOPACKAGE = ("fid", "geom")
_ARROW = {"text": pyarrow.string(), "whole": pyarrow.int64(), "real": pyarrow.float64(), "bool": pyarrow.bool_()}
_AREAS, _CIRCLES = "geofences_areas", "geofences_circles"


def write_fence_file(path: Path, features: Sequence[Mapping[str, Any]], note: Callable[[str], None]) -> None:
    """Write the geofences of valid Features into a file of the kind that its ending says; `note` hears what is lost.

    InvalidInput where there is no such kind, or where nothing can be written there.
    """
    ending = path.suffix.lower()
    write = _WRITERS.get(ending)
    if write is None:
        raise InvalidInput(f"geofences are written to {', '.join(_WRITERS)}, not {ending!r}", place=str(path))
    try:
        with TemporaryDirectory(dir=path.parent, prefix=".nearcast-") as folder:
            made = Path(folder) / f"made{ending}"
            write(made, features, note)
            os.replace(made, path)
    except OSError as error:
        raise InvalidInput(f"cannot be written: {error.strerror or error}", place=str(path)) from error
    except (DataSourceError, FeatureError, FieldError, GeometryError) as error:
        raise InvalidInput(f"cannot be written: {error}", place=str(path)) from error


def _flat(features: Sequence[Mapping[str, Any]], note: Note) -> FlatFences:
    geofences = [geofence_from_feature(feature, place=f"features[{n}]") for n, feature in enumerate(features)]
    return flattened(geofences, features, note)


def _geojson(path: Path, features: Sequence[Mapping[str, Any]], note: Note) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write('{"type":"FeatureCollection","features":[\n')
        lines = (json.dumps(feature, ensure_ascii=False, separators=(",", ":")) for feature in features)
        file.write(",\n".join(lines) + "\n]}\n")


def _kml(path: Path, features: Sequence[Mapping[str, Any]], note: Note) -> None:
    path.write_bytes(kml_of(_flat(features, note), note))


def _kmz(path: Path, features: Sequence[Mapping[str, Any]], note: Note) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        _put(archive, "doc.kml", kml_of(_flat(features, note), note))


def _put(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    """With no time in it: the same geofences, the same file."""
    archive.writestr(zipfile.ZipInfo(name), data, compress_type=zipfile.ZIP_DEFLATED)


def _csv(path: Path, features: Sequence[Mapping[str, Any]], note: Note) -> None:
    fences = _flat(features, note)
    numbers = [column.name for column in fences.columns if column.kind != "text"]
    untold = [name for name in numbers if name not in ("radius_m", "dwell_s")]
    if untold:
        note(f"CSV knows texts alone: {', '.join(untold)} will be read as texts")
    columns = [column for column in fences.columns if column.name != "wkt"]
    if len(columns) < len(fences.columns):
        note("property wkt is left out: that column holds the geometry")
    shapes = shapely.to_wkt(np.array(fences.geometries, dtype=object), rounding_precision=17)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*(column.name for column in columns), "wkt"])
        for n, shape in enumerate(shapes):
            writer.writerow([*(_cell(column.values[n]) for column in columns), shape])


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _geoparquet(path: Path, features: Sequence[Mapping[str, Any]], note: Note) -> None:
    """GeoParquet 1.1.0: WKB, and no `crs`, which means longitude and latitude in WGS 84."""
    fences = _flat(features, note)
    columns = {
        each.name: pyarrow.array(each.values, type=_ARROW[each.kind])
        for each in fences.columns
        if each.name not in ("tags", "geometry")
    }
    columns["tags"] = pyarrow.array([tags or None for tags in fences.tags], type=pyarrow.list_(pyarrow.string()))
    columns["geometry"] = pyarrow.array(_wkb(fences.geometries), type=pyarrow.binary())
    if any(each.name == "geometry" for each in fences.columns):
        note("property geometry is left out: that column holds the geometry")
    kinds = sorted({geometry.geom_type for geometry in fences.geometries})
    meta = {"encoding": "WKB", "geometry_types": kinds}
    geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": meta}}
    table = pyarrow.table(columns).replace_schema_metadata({"geo": json.dumps(geo)})
    pyarrow.parquet.write_table(table, path)


def _wkb(geometries: Sequence[Any]) -> list[bytes]:
    return list(area_wkb(np.array(geometries, dtype=object)))


def _geopackage(path: Path, features: Sequence[Mapping[str, Any]], note: Note) -> None:
    fences = _flat(features, note)
    names = _unlike([each.name for each in fences.columns], _TAKEN_BY_GEOPACKAGE, None)
    columns = [Column(name, each.kind, each.values) for name, each in zip(names, fences.columns, strict=True)]
    _say_renamed(fences.columns, columns, note)
    _write_layer(path, FlatFences(fences.geometries, columns), "Unknown", "GPKG", layer="geofences")


def _shapefile(path: Path, features: Sequence[Mapping[str, Any]], note: Note) -> None:
    """A Shapefile holds shapes of one kind: the areas are one, the circles' middles another."""
    fences = _flat(features, note)
    columns = _shortened(fences.columns, note)
    is_point = [geometry.geom_type == "Point" for geometry in fences.geometries]
    folder = path.parent / "layers"
    folder.mkdir()
    for name, kind, wants_points in ((_AREAS, "MultiPolygon", False), (_CIRCLES, "Point", True)):
        rows = [n for n, is_it in enumerate(is_point) if is_it is wants_points]
        if rows or not (is_point or wants_points):
            kept = [column.at(rows) for column in columns if wants_points or column.name != "radius_m"]
            fences_of_kind = FlatFences([fences.geometries[row] for row in rows], kept)
            _write_layer(folder / f"{name}.shp", fences_of_kind, kind, "ESRI Shapefile", encoding="UTF-8")
    with zipfile.ZipFile(path, "w") as archive:
        for part in sorted(folder.iterdir()):
            _put(archive, part.name, part.read_bytes())


def _shortened(columns: Sequence[Column], note: Note) -> list[Column]:
    """As a .dbf can hold them: names of 10 characters, texts of 254 bytes, no booleans."""
    names = _unlike([column.name for column in columns], (), CUT_AFTER)
    short = []
    for name, column in zip(names, columns, strict=True):
        values, kind = column.values, column.kind
        if kind == "bool":
            values, kind = [None if value is None else _cell(value) for value in values], "text"
        if kind == "text":
            values = [None if value is None else _cut(value) for value in values]
            cut = sum(now != before for now, before in zip(values, column.values, strict=True) if kind == column.kind)
            if cut and column.name in ("id", "shop_id"):
                raise InvalidInput(f"a Shapefile holds no {column.name} longer than {_LONGEST_TEXT_BYTES} bytes")
            if cut:
                note(f"{cut} texts of {column.name} are cut after {_LONGEST_TEXT_BYTES} bytes")
        short.append(Column(name, kind, values))
    _say_renamed(columns, short, note)
    return short


def _cut(text: str) -> str:
    return text.encode()[:_LONGEST_TEXT_BYTES].decode(errors="ignore")


def _unlike(names: Sequence[str], taken: Sequence[str], longest: int | None) -> list[str]:
    """The names, cut where they must be and told apart where small letters and great ones are the same."""
    used, found = set(taken), []
    for name in names:
        short, n = name[:longest], 0
        while short.lower() in used:
            n += 1
            short = f"{name[: None if longest is None else longest - 1 - len(str(n))]}_{n}"
        used.add(short.lower())
        found.append(short)
    return found


def _say_renamed(before: Sequence[Column], after: Sequence[Column], note: Note) -> None:
    renamed = [f"{old.name} as {new.name}" for old, new in zip(before, after, strict=True) if old.name != new.name]
    if renamed:
        note(f"columns are named {', '.join(renamed)}")


def _write_layer(path: Path, fences: FlatFences, kind: str, driver: str, **options: str) -> None:
    values, absent = zip(*(as_array(column) for column in fences.columns), strict=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is changed was said before
        pyogrio.raw.write(
            path,
            np.array(_wkb(fences.geometries), dtype=object),
            list(values),
            [column.name for column in fences.columns],
            field_mask=list(absent),
            geometry_type=kind,
            crs="EPSG:4326",
            driver=driver,
            promote_to_multi=False,
            **options,
        )


_WRITERS: Mapping[str, Callable[[Path, Sequence[Mapping[str, Any]], Note], None]] = {
    ".geojson": _geojson,
    ".json": _geojson,
    ".kml": _kml,
    ".kmz": _kmz,
    ".zip": _shapefile,
    ".gpkg": _geopackage,
    ".parquet": _geoparquet,
    ".geoparquet": _geoparquet,
    ".csv": _csv,
}
