"""A circle that covers a geofence, for whoever knows circles alone."""

import numpy as np
import shapely

from nearcast.domain.geofence import MAX_RADIUS_M, Circle, Geofence
from nearcast.domain.position import Position
from nearcast.geo.geodesy import distance_m

_PIECE_DEG = 0.1  # between the ends of an edge this long, the geodesic and the straight line are a metre apart
_SLACK_M = 1.0


def covering_circle(geofence: Geofence) -> Circle:
    """The circle itself, or one round an area of at most some hundred kilometres: its centre is that of the smallest
    circle in degrees, its radius reaches every edge. Away from the equator it may be some larger than it must be.
    """
    boundary = geofence.boundary
    if isinstance(boundary, Circle):
        return boundary
    area = shapely.from_wkb(boundary.wkb)
    middle = shapely.minimum_bounding_circle(area).centroid
    lon_deg, lat_deg = shapely.get_coordinates(shapely.segmentize(area, _PIECE_DEG)).T
    away_m = distance_m(np.full_like(lat_deg, middle.y), np.full_like(lon_deg, middle.x), lat_deg, lon_deg)
    return Circle(Position(middle.y, middle.x), min(float(away_m.max()) + _SLACK_M, MAX_RADIUS_M))
