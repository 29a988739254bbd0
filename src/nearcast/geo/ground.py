"""What a geofence encloses as a shape: in degrees, and on a plane in metres about one place."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Geod

from nearcast.domain.geofence import Area, Circle, Geofence
from nearcast.domain.position import Position
from nearcast.geo.batch import Floats, Ints
from nearcast.geo.geodesy import SMALLEST_RADIUS_M
from nearcast.geo.seam import moved_east

Shape: TypeAlias = Any  # a shapely polygon or multipolygon
Shapes: TypeAlias = NDArray[Any]

_WGS84 = Geod(ellps="WGS84")
_CORNERS = 64
_EQUAL_AREA = math.sqrt(2 * math.pi / _CORNERS / math.sin(2 * math.pi / _CORNERS))  # a polygon's radius per circle's
_STEEPEST_LAT_DEG = 89.9  # a plane that touched nearer to a pole would have no width


class Plane:
    """Lambert's cylindrical equal-area projection about a place: areas keep their ratios everywhere, metres are true
    near the place. On the sphere of the ellipsoid's radii there, which changes ratios by less than 1 %.
    """

    def __init__(self, lat_deg: float, lon_deg: float) -> None:
        lat_deg = max(-_STEEPEST_LAT_DEG, min(_STEEPEST_LAT_DEG, lat_deg))
        sine, cosine = math.sin(math.radians(lat_deg)), math.cos(math.radians(lat_deg))
        flatness = 1.0 - _WGS84.es * sine * sine
        self._lon_deg, self._sine = lon_deg, sine
        self._x_m_per_deg = math.radians(_WGS84.a / math.sqrt(flatness) * cosine)
        self._y_m = _WGS84.a * (1.0 - _WGS84.es) / flatness**1.5 / cosine

    def xy_m(self, lonlat: Floats) -> Floats:
        """n places as (n, 2) of metres east and north; longitudes are taken as they run on, not wrapped."""
        east = (lonlat[:, 0] - self._lon_deg) * self._x_m_per_deg
        return np.column_stack([east, (np.sin(np.radians(lonlat[:, 1])) - self._sine) * self._y_m])

    def laid(self, shapes: Shapes, moved_deg: float = 0.0) -> Shapes:
        """Shapes in degrees, moved east, as valid shapes in metres."""
        flat = np.atleast_1d(
            shapely.transform(shapely.transform(shapes, partial(moved_east, by_deg=moved_deg)), self.xy_m)
        )
        bent = ~shapely.is_valid(flat)  # parallels move together towards the poles: slivers may close
        flat[bent] = shapely.make_valid(flat[bent])
        return flat


def shapes_deg(geofences: Sequence[Geofence]) -> tuple[Ints, Shapes]:
    """Which of the geofences have a shape in longitude and latitude, and these. A circle becomes a polygon of 64
    corners and its own area; one that holds a pole has no shape.
    """
    rows, found = list[int](), list[Shape]()
    circles = [(row, each.boundary) for row, each in enumerate(geofences) if isinstance(each.boundary, Circle)]
    areas = [(row, each.boundary) for row, each in enumerate(geofences) if isinstance(each.boundary, Area)]
    flat = [(row, circle) for row, circle in circles if not _holds_pole(circle)]
    rows += [row for row, _ in flat] + [row for row, _ in areas]
    found += list(_polygons([circle for _, circle in flat]))
    found += list(shapely.from_wkb(np.array([area.wkb for _, area in areas], dtype=object)))
    shapes = np.empty(len(found), dtype=object)
    shapes[:] = found
    return np.array(rows, dtype=np.int64), shapes


def area_m2(geofence: Geofence) -> float | None:
    """How large it is, to about 1 %; None for a circle that holds a pole."""
    _, shapes = shapes_deg([geofence])
    if not len(shapes):
        return None
    (ground,) = Plane(*middle_deg(shapes[0])).laid(shapes)
    return float(shapely.area(ground))


def middle_of(geofence: Geofence) -> Position:
    """A circle's centre, the middle of an area's box."""
    if isinstance(geofence.boundary, Circle):
        return geofence.boundary.center
    return Position(*middle_deg(shapely.from_wkb(geofence.boundary.wkb)))


def middle_deg(shape: Shape) -> tuple[float, float]:
    """Latitude and longitude in the middle of a shape's box."""
    west, south, east, north = shapely.bounds(shape).tolist()
    return (south + north) / 2.0, (west + east) / 2.0


def _holds_pole(circle: Circle) -> bool:
    return abs(circle.center.lat_deg) + math.degrees(_EQUAL_AREA * circle.radius_m / SMALLEST_RADIUS_M) >= 90.0


def _polygons(circles: Sequence[Circle]) -> Shapes:
    lat = np.repeat([circle.center.lat_deg for circle in circles], _CORNERS)
    lon = np.repeat([circle.center.lon_deg for circle in circles], _CORNERS)
    radius_m = np.repeat([circle.radius_m * _EQUAL_AREA for circle in circles], _CORNERS)
    turned_deg = np.tile(np.arange(_CORNERS) * (360.0 / _CORNERS), len(circles))
    lon_deg, lat_deg, _ = _WGS84.fwd(lon, lat, turned_deg, radius_m)
    lon_deg = lon + (np.asarray(lon_deg) - lon + 180.0) % 360.0 - 180.0
    corners = np.column_stack([lon_deg, lat_deg]).reshape(len(circles), _CORNERS, 2)
    polygons: Shapes = shapely.polygons(corners)
    return polygons
