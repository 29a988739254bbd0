"""Pings from Parquet and GeoParquet."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pyproj
import shapely
from pyproj.exceptions import CRSError
from shapely.errors import ShapelyError

from nearcast.domain.errors import InvalidInput
from nearcast.feeds.columns import ArrowColumn
from nearcast.feeds.pings import FILE_NAMES, NAMES, batch_from
from nearcast.geo.batch import PingBatch
from nearcast.geo.crs import is_lonlat

_POINT = 0


def read_parquet(path: Path, customer: str | None = None) -> PingBatch:
    """InvalidInput as `read_pings` says. A GeoParquet point geometry stands in where there are no lat and lon, and
    `customer` where nobody is named.
    """
    place = str(path)
    try:
        file = pyarrow.parquet.ParquetFile(path)
        names = [name for name in file.schema_arrow.names if name in FILE_NAMES]
        table = file.read(columns=names)
        columns = {name: table.column(name) for name in names}
        metadata = file.schema_arrow.metadata or {}
        if b"geo" in metadata and not {"lat", "lon"} <= columns.keys():
            geo = json.loads(metadata[b"geo"])
            name = str(geo["primary_column"])
            columns |= _lat_lon(file.read(columns=[name]).column(name), geo["columns"][name], name, place)
    except (pyarrow.ArrowException, ShapelyError, CRSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(f"not usable Parquet: {error}", place=place) from None
    rows = file.metadata.num_rows
    if customer is not None:
        if columns.keys() & set(NAMES["customer_id"]):
            raise InvalidInput("names its customers itself: --customer is not for it", place=place)
        columns["customer_id"] = pyarrow.chunked_array([pyarrow.array([customer] * rows, pyarrow.string())])
    return batch_from(columns, rows, place)


def _lat_lon(cells: ArrowColumn, about: dict[str, Any], name: str, place: str) -> dict[str, ArrowColumn]:
    """Columns lat and lon of a column of points."""
    crs = about.get("crs", "OGC:CRS84")
    if crs is None or not is_lonlat(pyproj.CRS.from_user_input(crs)):
        raise InvalidInput("pings are read in WGS 84 longitude and latitude only", place=f"{place}: column {name}")
    if about.get("encoding") != "WKB":
        raise InvalidInput(f"encoding {about.get('encoding')!r} is not WKB", place=f"{place}: column {name}")
    points = shapely.from_wkb(np.array(cells.to_pylist(), dtype=object))
    wrong = (shapely.get_type_id(points) != _POINT) | shapely.is_empty(points)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise InvalidInput(f"{points[row]} is not a point", place=f"{place}: row {row}, column {name}")
    lon, lat = shapely.get_coordinates(points).T
    return {"lat": pyarrow.chunked_array([lat]), "lon": pyarrow.chunked_array([lon])}
