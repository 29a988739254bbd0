"""Which geofences share ground, and how much of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import shapely

from nearcast.domain.geofence import Geofence
from nearcast.geo.batch import Floats
from nearcast.geo.geodesy import SMALLEST_RADIUS_M
from nearcast.geo.ground import Plane, Shape, middle_deg, shapes_deg

_ALL = 0.995  # of an area: circles are measured as polygons, and a line drawn twice is never quite the same


class Relation(StrEnum):
    """What a neighbour is to a geofence: the same ground, around it, within it, partly over it, or beside it."""

    SAME = "same"
    AROUND = "around"
    WITHIN = "within"
    OVERLAPS = "overlaps"
    BESIDE = "beside"


@dataclass(frozen=True, slots=True)
class Neighbour:
    """`share` of the geofence's own area lies in the neighbour, in 0…1; `distance_m` is between their boundaries where
    they share nothing, else 0.
    """

    geofence: Geofence
    relation: Relation
    share: float
    distance_m: float


class Grounds:
    """Geofences that others are compared with. Circles that hold a pole are no one's neighbours.

    Shares are right to about 1 %, better for whatever is smaller than a city.
    """

    def __init__(self, geofences: Sequence[Geofence]) -> None:
        row, self._shapes = shapes_deg(geofences)
        self._geofences = [geofences[number] for number in row.tolist()]
        self._tree = shapely.STRtree(self._shapes)

    def neighbours(self, geofence: Geofence, within_m: float = 0.0) -> list[Neighbour]:
        """Those that share ground with a geofence or lie at most `within_m` beside it, but not itself: the largest
        share first, then the nearest, then by id.
        """
        _, shapes = shapes_deg([geofence])
        if not len(shapes):
            return []
        own = shapes[0]
        plane = Plane(*middle_deg(own))
        (ground,) = plane.laid(shapes)
        shared = np.zeros(len(self._geofences))
        away = np.full(len(self._geofences), np.inf)
        size = np.ones(len(self._geofences))
        for moved_deg in (-360.0, 0.0, 360.0):
            found = self._tree.query(_box_about(own, within_m, -moved_deg))
            if len(found):
                laid = plane.laid(self._shapes[found], moved_deg)
                size[found] = shapely.area(laid)
                shared[found] += shapely.area(shapely.intersection(ground, laid))
                away[found] = np.minimum(away[found], shapely.distance(ground, laid))
        ours = shared / shapely.area(ground)
        near = [
            _neighbour(self._geofences[row], float(ours[row]), float(shared[row] / size[row]), float(away[row]))
            for row in np.flatnonzero((shared > 0.0) | (away <= within_m)).tolist()
            if self._geofences[row].id != geofence.id
        ]
        return sorted(near, key=lambda each: (-each.share, each.distance_m, each.geofence.id))


def bounds_about_deg(geofence: Geofence, within_m: float) -> Floats | None:
    """West, south, east, north of what lies within a geofence or at most `within_m` beside it; longitudes run on beyond
    ±180. None for a circle that holds a pole.
    """
    _, shapes = shapes_deg([geofence])
    return np.array(shapely.bounds(_box_about(shapes[0], within_m, 0.0))) if len(shapes) else None


def _box_about(shape: Shape, within_m: float, moved_deg: float) -> Any:
    west, south, east, north = shapely.bounds(shape).tolist()
    up_deg = float(np.degrees(within_m / SMALLEST_RADIUS_M))
    polemost = min(max(abs(south), abs(north)) + up_deg, 89.9)
    along_deg = up_deg / float(np.cos(np.radians(polemost)))
    return shapely.box(west - along_deg + moved_deg, south - up_deg, east + along_deg + moved_deg, north + up_deg)


def _neighbour(geofence: Geofence, share: float, of_theirs: float, distance_m: float) -> Neighbour:
    if share == 0.0:
        relation = Relation.BESIDE
    elif share >= _ALL:
        relation = Relation.SAME if of_theirs >= _ALL else Relation.AROUND
    else:
        relation = Relation.WITHIN if of_theirs >= _ALL else Relation.OVERLAPS
    return Neighbour(geofence, relation, min(share, 1.0), distance_m)
