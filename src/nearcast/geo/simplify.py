"""A plainer outline that means the same ground: an offer for whoever drew more than phones can tell apart."""

from dataclasses import dataclass

import numpy as np
import shapely

from nearcast.domain.geofence import Area, Geofence
from nearcast.geo.ground import Plane, Shape, middle_deg
from nearcast.geo.rings import area_wkb

MAX_MOVED_M = 1.0
MAX_CHANGED = 0.01  # of the area, counting what is lost and what is gained
_DETAILED = 50  # vertices; below that nobody gains
_WORTH = 0.75  # of the vertices: an offer leaves at most so many
_HALVINGS = 5


@dataclass(frozen=True, slots=True)
class Simplified:
    """An outline with fewer vertices; `changed` is the share of the old area that lies in one of the two alone."""

    area: Area
    vertices_before: int
    vertices_after: int
    changed: float


def simplified(geofence: Geofence) -> Simplified | None:
    """A plainer outline whose boundary moves by at most 1 m and which changes at most 1 % of the area; None where the
    outline is plain already, and for circles.

    Vertices are left out as Douglas and Peucker (1973) do, where no ring comes to meet another; those that stay are the
    old ones to the last digit.
    """
    if not isinstance(geofence.boundary, Area):
        return None
    drawn = shapely.from_wkb(geofence.boundary.wkb)
    before = _vertices(drawn)
    if before <= _DETAILED:
        return None
    plane = Plane(*middle_deg(drawn))
    flat = shapely.transform(drawn, plane.xy_m)
    for halvings in range(_HALVINGS):
        plain = shapely.simplify(flat, MAX_MOVED_M / 2**halvings, preserve_topology=True)
        changed = float(shapely.area(shapely.symmetric_difference(flat, plain)) / shapely.area(flat))
        if changed <= MAX_CHANGED and _stays(flat, plain):
            break
    else:
        return None
    corners = map(tuple, shapely.get_coordinates(flat).tolist())
    degrees_of = dict(zip(corners, shapely.get_coordinates(drawn).tolist(), strict=True))
    back = shapely.transform(plain, lambda xy: np.array([degrees_of[corner] for corner in map(tuple, xy.tolist())]))
    after = _vertices(plain)
    if after > _WORTH * before or not shapely.is_valid(back):
        return None
    return Simplified(Area(area_wkb(back)), before, after, changed)


def _stays(flat: Shape, plain: Shape) -> bool:
    """Whether no old vertex is farther from the new boundary than allowed; a ring's first may be left out without that
    those beside it were looked at.
    """
    boundary = shapely.boundary(plain)
    shapely.prepare(boundary)
    return bool(shapely.dwithin(boundary, shapely.points(shapely.get_coordinates(flat)), MAX_MOVED_M).all())


def _vertices(shape: Shape) -> int:
    """How many, the closing one of each ring not counted."""
    return int(shapely.get_num_coordinates(shape)) - len(shapely.get_rings(shapely.get_parts(shape)))
