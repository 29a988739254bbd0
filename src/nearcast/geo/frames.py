"""Geofence files: GeoJSON and GeoParquet.

A file that cannot be read is InvalidInput, a geofence that cannot be used InvalidGeofence; both name the file and the
place in it.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow
import pyarrow.parquet
import shapely
from numpy.typing import NDArray
from pyproj.exceptions import CRSError
from shapely.errors import ShapelyError
from shapely.geometry import mapping

from nearcast.domain.errors import InvalidInput
from nearcast.domain.geofence import Area, Boundary, Geofence
from nearcast.geo.crs import Note, Projection, projection
from nearcast.geo.geodesy import Bools
from nearcast.geo.properties import circle, geofence_with, identified
from nearcast.geo.rings import area_wkb
from nearcast.geo.validate import collection, geofence_from_feature, geofences_from_collection, refuse_duplicates

Geometries: TypeAlias = NDArray[Any]  # object arrays of shapely geometries

_PROPERTIES = ("id", "osm_id", "radius_m", "shop_id", "name", "dwell_s", "tags", "active_hours")
_POINT, _POLYGON, _MULTIPOLYGON = 0, 3, 6


def read_geofences(path: Path, *, repair: bool = False, note: Callable[[str], None] | None = None) -> list[Geofence]:
    """The geofences of a .geojson, .json or .parquet file in its order; `repair` and `note` as in `validate`."""
    match path.suffix.lower():
        case ".geojson" | ".json":
            return _from_geojson(path, repair, note)
        case ".parquet" | ".geoparquet":
            return _from_geoparquet(path, repair, note)
        case _:
            raise _other_ending(path)


def read_features(path: Path, *, note: Callable[[str], None] | None = None) -> list[Any]:
    """The GeoJSON Features of a file as `read_geofences` reads it, in longitude and latitude; none is checked yet, and
    where a geofence is wrong the others are none the worse. A .parquet file's have the properties known here alone.
    """
    if path.suffix.lower() in (".parquet", ".geoparquet"):
        geometries, rows = _columns(path, note)
        pairs = zip((None if each is None else mapping(each) for each in geometries), rows, strict=True)
        features = [{"type": "Feature", "properties": row, "geometry": geometry} for geometry, row in pairs]
        return list(json.loads(json.dumps(features)))  # tuples become lists
    if path.suffix.lower() not in (".geojson", ".json"):
        raise _other_ending(path)
    document, _ = _json_document(path)
    found, to_lonlat = collection(document, str(path), note)
    return list(found) if to_lonlat is None else [_moved(feature, to_lonlat) for feature in found]


def _other_ending(path: Path) -> InvalidInput:
    return InvalidInput(
        f"geofences are read from .geojson, .json and .parquet, not {path.suffix.lower()!r}", place=str(path)
    )


def _moved(feature: Any, to_lonlat: Projection) -> Any:
    geometry = feature.get("geometry") if isinstance(feature, dict) else None
    if not isinstance(geometry, dict):
        return feature
    return {**feature, "geometry": {**geometry, "coordinates": _lonlat(geometry.get("coordinates"), to_lonlat)}}


def _lonlat(coordinates: Any, to_lonlat: Projection) -> Any:
    """Positions, however deep they lie, in longitude and latitude; what is none is left for the check."""
    if not isinstance(coordinates, list):
        return coordinates
    if len(coordinates) > 1 and all(isinstance(each, int | float) for each in coordinates):
        return to_lonlat(np.array([coordinates[:2]], dtype=np.float64))[0].tolist()
    return [_lonlat(each, to_lonlat) for each in coordinates]


def _from_geojson(path: Path, repair: bool, note: Note | None) -> list[Geofence]:
    document, not_json = _json_document(path)
    geofences = geofences_from_collection(document, place=str(path), repair=repair, note=note)
    if not_json:  # after the geofences: one that has it in its coordinates is the better place to name
        raise InvalidInput(f"not JSON: the number {not_json[0]}", place=str(path))
    return geofences


def _json_document(path: Path) -> tuple[Any, list[str]]:
    """What the file says, and the numbers in it that JSON does not have."""
    place = str(path)
    not_json: list[str] = []

    def number_out_of_json(literal: str) -> float:
        not_json.append(literal)
        return float(literal)

    try:
        document = json.loads(path.read_bytes().decode("utf-8-sig"), parse_constant=number_out_of_json)
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
    return document, not_json


@np.errstate(invalid="ignore")  # GEOS raises the flag over a NaN coordinate, which is refused by name
def _from_geoparquet(path: Path, repair: bool, note: Note | None) -> list[Geofence]:
    geometries, rows = _columns(path, note)
    circles, areas = _plain_points(geometries), _plain_areas(geometries)
    lonlat = np.full((len(rows), 2), np.nan)
    lonlat[circles] = shapely.get_coordinates(geometries[circles])
    wkb = np.full(len(rows), None, dtype=object)
    wkb[areas] = area_wkb(geometries[areas])
    geofences = []
    for number, properties in enumerate(rows):
        place = f"{path}: row {number}"
        if not circles[number] and (wkb[number] is None or "radius_m" in properties):
            shape = None if geometries[number] is None else mapping(geometries[number])
            feature = {"type": "Feature", "properties": properties, "geometry": shape}
            geofences.append(geofence_from_feature(feature, place=place, repair=repair, note=note))
            continue
        name = identified(None, properties, place)
        place = f"{place} (id {name})"
        if circles[number]:
            lon_deg, lat_deg = lonlat[number].tolist()
            boundary: Boundary = circle(lat_deg, lon_deg, properties.get("radius_m"), place)
        else:
            boundary = Area(wkb[number])
        geofences.append(geofence_with(boundary, name, properties, place))
    refuse_duplicates(geofences, lambda number: f"{path}: row {number}")
    return geofences


def _columns(path: Path, note: Note | None) -> tuple[Geometries, list[dict[str, Any]]]:
    """Geometries in longitude and latitude, and the known properties of every row without the absent ones."""
    import geopandas  # here, for the one kind of file that needs it: it takes longer to load than all else here

    place = str(path)
    try:
        frame = geopandas.read_parquet(path)
        file = pyarrow.parquet.ParquetFile(path)
        table = file.read(columns=[name for name in _PROPERTIES if name in file.schema_arrow.names])
        rows = table.to_pylist() if table.num_columns else [{} for _ in range(len(frame))]
        crs, geometries = frame.crs, shapely.force_2d(np.asarray(frame.geometry.array, dtype=object))
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror or error}", place=place) from None
    except (ValueError, TypeError, KeyError, AttributeError, ShapelyError, CRSError, pyarrow.ArrowException) as error:
        raise InvalidInput(f"not usable GeoParquet: {error}", place=place) from None
    if crs is None:
        raise InvalidInput("the file names no coordinate reference system", place=place)
    to_lonlat = projection(crs, place, note)
    if to_lonlat is not None:
        geometries = shapely.transform(geometries, to_lonlat)
    return geometries, [{key: value for key, value in row.items() if not _is_absent(value)} for row in rows]


def _is_absent(value: object) -> bool:
    """A column of numbers has NaN where others have nothing."""
    return value is None or value != value


def _plain_points(geometries: Geometries) -> Bools:
    """Which geometries are points that need no second look."""
    is_point: Bools = (shapely.get_type_id(geometries) == _POINT) & ~shapely.is_empty(geometries)
    is_point[is_point] = (np.abs(shapely.get_coordinates(geometries[is_point])) <= (180.0, 90.0)).all(axis=1)
    return is_point


def _plain_areas(geometries: Geometries) -> Bools:
    """Which are valid areas within ±180 and at most half round the earth, where no edge can go the other way."""
    west, south, east, north = shapely.bounds(geometries).reshape(-1, 4).T  # NaN, comparing false, where empty
    is_area: Bools = np.isin(shapely.get_type_id(geometries), (_POLYGON, _MULTIPOLYGON))
    is_area &= (west >= -180.0) & (east <= 180.0) & (east - west <= 180.0) & (south >= -90.0) & (north <= 90.0)
    is_area[is_area] = shapely.is_valid(geometries[is_area])
    return is_area
