"""Which of many grounds a geofence touches, by an R-tree. A boundary belongs to both sides; circles are taken as
polygons of 64 corners, and those that hold a pole by the distances of what lies about.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
import shapely

from nearcast.domain.geofence import Circle, Geofence
from nearcast.domain.position import Position
from nearcast.geo import oracle
from nearcast.geo.geodesy import distance_m
from nearcast.geo.ground import Shape, shapes_deg
from nearcast.geo.seam import moved_east

_TURNS_DEG = (0.0, 360.0, -360.0)


class Touching:
    """Grounds that geofences and places are held against."""

    def __init__(self, grounds: Sequence[Geofence]) -> None:
        self._grounds = list(grounds)
        self._row, self._shapes = shapes_deg(self._grounds)
        self._tree = shapely.STRtree(self._shapes)
        shapeless = set(range(len(self._grounds))) - set(self._row.tolist())
        self._polar = sorted(shapeless)

    def touched_by(self, geofence: Geofence) -> list[Geofence]:
        """The grounds that share at least a point with a geofence, in their order."""
        if not self._grounds:
            return []
        _, own = shapes_deg([geofence])
        if len(own):
            rows = {row for turn_deg in _TURNS_DEG for row in self._meeting(_moved(own[0], turn_deg))}
            rows |= {row for row in self._polar if _reaches(self._grounds[row], own[0], of=geofence)}
        else:
            held = zip(self._row.tolist(), self._shapes, strict=True)
            rows = {row for row, shape in held if _reaches(geofence, shape, of=self._grounds[row])}
            rows |= set(self._polar)  # whatever holds a pole is so large that it is taken to touch all others that do
        return [self._grounds[row] for row in sorted(rows)]

    def at(self, position: Position) -> list[Geofence]:
        """The grounds that hold a place, in their order."""
        spots = (shapely.Point(position.lon_deg + turn_deg, position.lat_deg) for turn_deg in _TURNS_DEG)
        near = {row for spot in spots for row in self._row[self._tree.query(spot)].tolist()}
        rows = sorted(near | set(self._polar))
        return [self._grounds[row] for row in rows if oracle.covers(self._grounds[row], position)]

    def _meeting(self, shape: Shape) -> list[int]:
        found: list[int] = self._row[self._tree.query(shape, predicate="intersects")].tolist()
        return found


def _moved(shape: Shape, turn_deg: float) -> Shape:
    return shape if turn_deg == 0.0 else shapely.transform(shape, partial(moved_east, by_deg=turn_deg))


def _reaches(circle: Geofence, shape: Shape, *, of: Geofence) -> bool:
    """Whether a circle that holds a pole holds a corner of a shape, or has its centre in the shape's ground."""
    boundary = circle.boundary
    if not isinstance(boundary, Circle):
        return False
    lon_deg, lat_deg = shapely.get_coordinates(shape).T
    here = np.full(len(lat_deg), boundary.center.lat_deg), np.full(len(lat_deg), boundary.center.lon_deg)
    holds_a_corner = bool((distance_m(*here, lat_deg, lon_deg) <= boundary.radius_m).any())
    return holds_a_corner or oracle.covers(of, boundary.center)
