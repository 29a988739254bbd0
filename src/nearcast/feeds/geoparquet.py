"""What makes a Parquet file of rows with places a GeoParquet one: https://geoparquet.org/releases/v1.1.0/"""

import json
from collections.abc import Mapping
from typing import Any

import pyarrow

GEOMETRY = "geometry"
_GEO = {
    "version": "1.1.0",
    "primary_column": GEOMETRY,
    "columns": {GEOMETRY: {"encoding": "WKB", "geometry_types": ["Point"]}},
}


def with_places(columns: Mapping[str, Any]) -> pyarrow.Schema:
    """These columns, by name with their types, and one of points in longitude and latitude behind them."""
    return pyarrow.schema([*columns.items(), (GEOMETRY, pyarrow.binary())], metadata={"geo": json.dumps(_GEO)})
