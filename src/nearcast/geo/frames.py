"""Files of geofences: GeoJSON, KML, KMZ, Shapefile, GeoPackage, GeoParquet and CSV.

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

from nearcast.domain.errors import InvalidGeofence, InvalidInput
from nearcast.domain.geofence import Area, Boundary, Geofence
from nearcast.geo.columns import PLACES
from nearcast.geo.crs import Note, projection
from nearcast.geo.fence_file import AS_IT_COMES, Choice, FenceFile, chosen, lacks_id, say_how_to_choose_ids
from nearcast.geo.fence_table import read_fence_table
from nearcast.geo.geodesy import Bools
from nearcast.geo.geojson import read_geojson
from nearcast.geo.kml import read_kml
from nearcast.geo.layers import as_geojson, read_geopackage, read_shapefile
from nearcast.geo.properties import circle, geofence_with, identified
from nearcast.geo.rings import area_wkb
from nearcast.geo.validate import geofence_from_feature, refuse_duplicates

Geometries: TypeAlias = NDArray[Any]  # object arrays of shapely geometries

_GEOJSON, _GEOPARQUET = (".geojson", ".json"), (".parquet", ".geoparquet")
_ENDINGS = (*_GEOJSON, ".kml", ".kmz", ".shp", ".zip", ".gpkg", *_GEOPARQUET, ".csv")
_PROPERTIES = ("id", "osm_id", "radius_m", "shop_id", "name", "dwell_s", "tags", "active_hours")
_POINT, _POLYGON, _MULTIPOLYGON = 0, 3, 6


def read_geofences(
    path: Path,
    *,
    repair: bool = False,
    note: Callable[[str], None] | None = None,
    choice: Choice = AS_IT_COMES,
) -> list[Geofence]:
    """The geofences of a file in its order; `repair` and `note` as in `validate`. What a file is, its ending says."""
    if path.suffix.lower() in _GEOPARQUET and choice == AS_IT_COMES:
        return _from_geoparquet(path, repair, note)
    file, not_json = _read(path, choice, note)
    geofences = []
    for number, feature in enumerate(file.features):
        place = file.place_of(number)
        if number in file.faults:
            raise InvalidGeofence(file.faults[number], place=place)
        if lacks_id(feature):
            raise InvalidGeofence(say_how_to_choose_ids(file), place=place)
        geofences.append(geofence_from_feature(feature, place=place, repair=repair, note=note))
    refuse_duplicates(geofences, file.place_of)
    if not_json:  # after the geofences: one that has it in its coordinates is the better place to name
        raise InvalidInput(f"not JSON: the number {not_json[0]}", place=str(path))
    return geofences


def read_features(path: Path, choice: Choice, *, note: Callable[[str], None] | None = None) -> FenceFile:
    """As `read_geofences`, before any is checked: where one is wrong the others are none the worse.

    InvalidInput where not one of them has an id: then it has another name.
    """
    file = _read(path, choice, note)[0]
    if file.features and all(map(lacks_id, file.features)):
        raise InvalidInput(say_how_to_choose_ids(file), place=str(path))
    return file


def _read(path: Path, choice: Choice, note: Note | None) -> tuple[FenceFile, list[str]]:
    not_json: list[str] = []
    _refuse_vain_choice(path, choice)
    match path.suffix.lower():
        case ".geojson" | ".json":
            file, not_json = read_geojson(path, note)
        case ".kml" | ".kmz":
            file = read_kml(path, note)
        case ".shp" | ".zip":
            file = read_shapefile(path, choice.layer, note)
        case ".gpkg":
            file = read_geopackage(path, choice.layer, note)
        case ".parquet" | ".geoparquet":
            file = _features_of_geoparquet(path, note)
        case ".csv":
            file = read_fence_table(path, choice, note)
            choice = Choice(makes_ids=choice.makes_ids)  # its columns have their names
        case ending:
            said = f"geofences are read from {', '.join(_ENDINGS)}, not {ending!r}"
            raise InvalidInput(said, place=str(path))
    try:
        return chosen(file, choice), not_json
    except InvalidInput as error:
        raise error.within(str(path)) from None


def _refuse_vain_choice(path: Path, choice: Choice) -> None:
    """InvalidInput where a choice was made that this kind of file does not leave."""
    ending = path.suffix.lower()
    if choice.layer is not None and ending not in (".shp", ".zip", ".gpkg"):
        raise InvalidInput(f"there are no layers in a {ending}", place=str(path))
    places = [ours for ours in choice.columns if ours in PLACES]
    if places and ending != ".csv":
        raise InvalidInput(f"a {ending} has no column for {places[0]}, but geometries", place=str(path))


def _features_of_geoparquet(path: Path, note: Note | None) -> FenceFile:
    geometries, rows = _columns(path, note, every=True)
    features = [
        {"type": "Feature", "properties": row, "geometry": as_geojson(geometry)}
        for geometry, row in zip(geometries, rows, strict=True)
    ]
    plain = json.loads(json.dumps(features, default=str))  # instants as texts
    return FenceFile(features=plain, place_of=lambda n: f"{path}: row {n}")


@np.errstate(invalid="ignore")  # GEOS raises the flag over a NaN coordinate, which is refused by name
def _from_geoparquet(path: Path, repair: bool, note: Note | None) -> list[Geofence]:
    geometries, rows = _columns(path, note)
    if rows and not any("id" in row or "osm_id" in row for row in rows):
        raise InvalidGeofence(say_how_to_choose_ids(_features_of_geoparquet(path, None)), place=f"{path}: row 0")
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


def _columns(path: Path, note: Note | None, *, every: bool = False) -> tuple[Geometries, list[dict[str, Any]]]:
    """Geometries in longitude and latitude, and the properties of every row without the absent ones: those that are
    known here, or `every` one.
    """
    import geopandas  # here, for the one kind of file that needs it: it takes longer to load than all else here

    place = str(path)
    try:
        frame = geopandas.read_parquet(path)
        file = pyarrow.parquet.ParquetFile(path)
        there = file.schema_arrow.names
        wanted = [each for each in there if each in frame.columns and each != frame.geometry.name] if every else there
        table = file.read(columns=[each for each in wanted if every or each in _PROPERTIES])
        rows = table.to_pylist() if table.num_columns else [{} for _ in range(len(frame))]
        crs, shapes = frame.crs, np.asarray(frame.geometry.array, dtype=object)
        geometries = shapely.force_2d(shapes)
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror or error}", place=place) from None
    except (ValueError, TypeError, KeyError, AttributeError, ShapelyError, CRSError, pyarrow.ArrowException) as error:
        raise InvalidInput(f"not usable GeoParquet: {error}", place=place) from None
    if crs is None:
        raise InvalidInput("the file names no coordinate reference system", place=place)
    if note and shapely.has_z(shapes).any():
        note(f"{place}: altitudes are dropped")
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
