"""What else answers which geofences a ping is in, inside this process: trees of shapely, rtree and geopandas.

Each is built from the same grounds and counts the same pairs; polygons by GEOS, circles by the WGS 84 geodesic.
"""

from typing import Protocol

import geopandas
import numpy as np
import shapely
from rtree.index import Index

from nearcast.bench.grounds import Grounds
from nearcast.bench.stopwatch import Run, counted
from nearcast.geo.batch import Floats, Ints, Texts
from nearcast.geo.geodesy import Bools, distance_m
from nearcast.geo.pairs import Pairs


class Matcher(Protocol):
    """Something built that can be asked."""

    def ready(self, lat_deg: Floats, lon_deg: Floats) -> Run:
        """Take n pings, turned into what the peer is sent before the clock runs."""


class STRtree:
    """shapely's tree with its predicate for polygons; boxes and then the geodesic for circles."""

    def __init__(self, grounds: Grounds) -> None:
        self._grounds = grounds
        self._areas = shapely.STRtree(grounds.areas)
        self._boxes = shapely.STRtree(grounds.circle_boxes())
        for tree in (self._areas, self._boxes):
            tree.query(shapely.Point(0.0, 0.0))  # it is built when first asked

    def ready(self, lat_deg: Floats, lon_deg: Floats) -> Run:
        return lambda: self.pairs(lat_deg, lon_deg).__len__

    def pairs(self, lat_deg: Floats, lon_deg: Floats) -> Pairs:
        """In no order."""
        points = shapely.points(lon_deg, lat_deg)
        area_row, area = self._areas.query(points, predicate="intersects")
        row, circle = self._boxes.query(points)
        is_inside = in_circles(self._grounds, circle, row, lat_deg, lon_deg)
        return Pairs(
            np.concatenate([area_row, row[is_inside]]),
            np.concatenate([self._grounds.area_slot[area], self._grounds.circle_slot[circle[is_inside]]]),
        )


class SpatialJoin:
    """geopandas.sjoin for polygons; of boxes, and then the geodesic, for circles."""

    def __init__(self, grounds: Grounds) -> None:
        self._grounds = grounds
        self._areas = geopandas.GeoDataFrame(geometry=grounds.areas, crs=4326)
        self._boxes = geopandas.GeoDataFrame(geometry=grounds.circle_boxes(), crs=4326)
        for frame in (self._areas, self._boxes):
            frame.sindex.query(shapely.Point(0.0, 0.0))

    def ready(self, lat_deg: Floats, lon_deg: Floats) -> Run:
        return lambda: counted(self._count(lat_deg, lon_deg))

    def _count(self, lat_deg: Floats, lon_deg: Floats) -> int:
        points = geopandas.GeoDataFrame(geometry=geopandas.points_from_xy(lon_deg, lat_deg), crs=4326)
        found = len(geopandas.sjoin(points, self._areas, predicate="intersects")) if len(self._areas) else 0
        if not len(self._boxes):
            return found
        joined = geopandas.sjoin(points, self._boxes, predicate="intersects")
        row, circle = joined.index.to_numpy(), joined["index_right"].to_numpy()
        return found + int(in_circles(self._grounds, circle, row, lat_deg, lon_deg).sum())


class RTreeLoop:
    """A ping after the other: boxes from rtree, then the prepared polygon or the geodesic of each."""

    def __init__(self, grounds: Grounds) -> None:
        self._grounds = grounds
        shapely.prepare(grounds.areas)
        boxes_deg = np.concatenate([shapely.bounds(grounds.areas), shapely.bounds(grounds.circle_boxes())])
        west_south, east_north = np.ascontiguousarray(boxes_deg[:, :2]), np.ascontiguousarray(boxes_deg[:, 2:])
        self._tree = Index((np.arange(len(boxes_deg)), west_south, east_north), interleaved=True)

    def ready(self, lat_deg: Floats, lon_deg: Floats) -> Run:
        pings = list(zip(lat_deg.tolist(), lon_deg.tolist(), strict=True))
        return lambda: counted(sum(self._count(*ping) for ping in pings))

    def _count(self, lat_deg: float, lon_deg: float) -> int:
        areas: Texts = self._grounds.areas
        found, circles = 0, []
        for entry in self._tree.intersection((lon_deg, lat_deg, lon_deg, lat_deg)):
            if entry < len(areas):
                found += bool(shapely.intersects_xy(areas[entry], lon_deg, lat_deg))
            else:
                circles.append(entry - len(areas))
        if circles:
            at, row = np.array(circles), np.zeros(len(circles), dtype=np.int64)
            found += int(in_circles(self._grounds, at, row, np.array([lat_deg]), np.array([lon_deg])).sum())
        return found


def in_circles(grounds: Grounds, circle: Ints, row: Ints, lat_deg: Floats, lon_deg: Floats) -> Bools:
    """Whether circle `circle[k]` holds ping `row[k]`: the geodesic of each, in one call."""
    away_m = distance_m(grounds.circle_lat_deg[circle], grounds.circle_lon_deg[circle], lat_deg[row], lon_deg[row])
    inside: Bools = away_m <= grounds.circle_radius_m[circle]
    return inside
