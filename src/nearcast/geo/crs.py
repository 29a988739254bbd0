"""Coordinates in other reference systems, brought to longitude and latitude in WGS 84.

GeoJSON of 2008 named its system in a `crs` member and GeoParquet names it in its metadata. Coordinates are taken as
x, y (longitude, latitude) whatever order of axes the system's own definition has: that is what both formats say.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pyproj
from pyproj.exceptions import CRSError, ProjError

from nearcast.domain.errors import InvalidInput
from nearcast.geo.batch import Floats

Note: TypeAlias = Callable[[str], None]
Projection: TypeAlias = Callable[[Floats], Floats]  # (n, 2) of x, y → (n, 2) of lon, lat; inf where there is none

_CRS84 = pyproj.CRS("OGC:CRS84")


def is_lonlat(crs: pyproj.CRS) -> bool:
    """Whether the numbers already are WGS 84 longitude and latitude: CRS84 or EPSG:4326."""
    return bool(crs.equals(_CRS84, ignore_axis_order=True)) or crs.to_epsg() == 4326


def named_crs(member: object, place: str) -> pyproj.CRS:
    """The system that a GeoJSON `crs` member names; InvalidInput where none is named or the name is unknown."""
    properties = member.get("properties") if isinstance(member, dict) and member.get("type") == "name" else None
    name = properties.get("name") if isinstance(properties, dict) else None
    if not isinstance(name, str):
        raise InvalidInput(f"crs {member!r} names no coordinate reference system", place=place)
    try:
        return pyproj.CRS.from_user_input(name)
    except CRSError:
        raise InvalidInput(f"crs {name!r} is not known", place=place) from None


def projection(crs: pyproj.CRS, place: str, note: Note | None) -> Projection | None:
    """What turns the system's coordinates into longitude and latitude, as `note` is told; None where they are that."""
    if is_lonlat(crs):
        return None
    if not (crs.is_geographic or crs.is_projected):
        raise InvalidInput(f"crs {crs.name!r} has no longitude and latitude", place=place)
    try:
        transformer = pyproj.Transformer.from_crs(crs, _CRS84, always_xy=True)
    except (CRSError, ProjError):
        raise InvalidInput(f"crs {crs.name!r} cannot be reprojected to WGS 84", place=place) from None
    if note:
        note(f"{place}: reprojected from {crs.name} to WGS 84")

    def to_lonlat(xy: Floats) -> Floats:
        lon, lat = transformer.transform(xy[:, 0], xy[:, 1])
        return np.column_stack([lon, lat])

    return to_lonlat
