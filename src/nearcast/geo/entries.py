"""Geofences as rows of an index: a box each, and what decides about the points in it.

A polygon beyond ±180 has further boxes, 360° away: a point there is moved before it is tested. A polygon that reaches a
pole has a box of the pole alone, which decides by itself. A circle's geodesic needs no moving, but its boxes do.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import numpy as np
import shapely
from numpy.typing import NDArray

from nearcast.domain.geofence import Area, Circle, Geofence
from nearcast.geo.batch import Floats, Ints
from nearcast.geo.geodesy import Bools, circle_bounds_deg, is_within

Polygons: TypeAlias = NDArray[Any]  # object arrays of shapely polygons

POLYGON, CIRCLE, POLE = 0, 1, 2  # kinds
_SLACK_DEG = 1e-9  # moving a box rounds its sides
WORTH_PREPARING = 100  # vertices; below that a plain test is as fast and keeps no index per polygon


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Entries:
    """n entries; `box_deg` is (n, 4) of west, south, east, north, the other columns have length n.

    `moved_deg` is how far the box was moved east. Columns that an entry's kind does not need are None or NaN.
    """

    slot: Ints
    kind: NDArray[np.int8]
    box_deg: Floats
    moved_deg: Floats
    polygon: Polygons
    center_lat_deg: Floats
    center_lon_deg: Floats
    radius_m: Floats

    def __len__(self) -> int:
        return len(self.slot)

    def covers(self, entry: Ints, lat_deg: Floats, lon_deg: Floats) -> Bools:
        """Whether entry `entry[k]` takes point k, which lies in its box; n answers for n columns."""
        kind = self.kind[entry]
        inside: Bools = kind == POLE
        at = np.flatnonzero(kind == POLYGON)
        polygons = entry[at]
        inside[at] = shapely.intersects_xy(self.polygon[polygons], lon_deg[at] - self.moved_deg[polygons], lat_deg[at])
        at = np.flatnonzero(kind == CIRCLE)
        circles = entry[at]
        inside[at] = is_within(
            self.center_lat_deg[circles], self.center_lon_deg[circles], lat_deg[at], lon_deg[at], self.radius_m[circles]
        )
        return inside


def entries_of(geofences: Sequence[Geofence], slots: Sequence[int]) -> Entries:
    """The entries of geofences, each with its slot."""
    circles: list[tuple[int, Circle]] = []
    areas: list[tuple[int, Area]] = []
    for slot, geofence in zip(slots, geofences, strict=True):
        if isinstance(geofence.boundary, Circle):
            circles.append((slot, geofence.boundary))
        else:
            areas.append((slot, geofence.boundary))
    return joined(_of_circles(circles), *_of_areas(areas))


def joined(*blocks: Entries) -> Entries:
    """The entries of all blocks, in order."""
    columns = {field.name: [getattr(block, field.name) for block in blocks] for field in fields(Entries)}
    return Entries(**{name: np.concatenate(parts) for name, parts in columns.items()})


def _of_circles(circles: list[tuple[int, Circle]]) -> Entries:
    slot = np.array([slot for slot, _ in circles], dtype=np.int64)
    lat_deg, lon_deg, radius_m = circle_columns([circle for _, circle in circles])
    row, moved_deg, box_deg = boxes_in_view(circle_bounds_deg(lat_deg, lon_deg, radius_m))
    return Entries(
        slot=slot[row],
        kind=np.full(len(row), CIRCLE, dtype=np.int8),
        box_deg=box_deg,
        moved_deg=moved_deg,
        polygon=np.full(len(row), None, dtype=object),
        center_lat_deg=lat_deg[row],
        center_lon_deg=lon_deg[row],
        radius_m=radius_m[row],
    )


def circle_columns(circles: Sequence[Circle]) -> tuple[Floats, Floats, Floats]:
    """Centres' latitudes and longitudes, and radii."""
    rows = [(circle.center.lat_deg, circle.center.lon_deg, circle.radius_m) for circle in circles]
    lat_deg, lon_deg, radius_m = np.array(rows, dtype=np.float64).reshape(-1, 3).T.copy()
    return lat_deg, lon_deg, radius_m


def _of_areas(areas: list[tuple[int, Area]]) -> tuple[Entries, Entries]:
    """Every part of every area by its sides, and the poles by the parts that reach them."""
    geometries = shapely.from_wkb(np.array([area.wkb for _, area in areas], dtype=object))
    polygon, number = shapely.get_parts(geometries, return_index=True)
    slot = np.array([slot for slot, _ in areas], dtype=np.int64)[number]
    shapely.prepare(polygon[shapely.get_num_coordinates(polygon) >= WORTH_PREPARING])
    bounds_deg = shapely.bounds(polygon).reshape(-1, 4)  # NaN for an empty part, which then gets no box
    row, moved_deg, box_deg = boxes_in_view(bounds_deg)
    sides = _polygon_entries(POLYGON, slot[row], box_deg, moved_deg, polygon[row])
    south_row, north_row = np.flatnonzero(bounds_deg[:, 1] == -90.0), np.flatnonzero(bounds_deg[:, 3] == 90.0)
    pole_lat_deg = np.repeat([-90.0, 90.0], [len(south_row), len(north_row)])
    whole = np.full(len(pole_lat_deg), 180.0)
    pole_box_deg = np.column_stack([-whole, pole_lat_deg, whole, pole_lat_deg])
    row = np.concatenate([south_row, north_row])
    return sides, _polygon_entries(POLE, slot[row], pole_box_deg, np.zeros(len(row)), polygon[row])


def _polygon_entries(kind: int, slot: Ints, box_deg: Floats, moved_deg: Floats, polygon: Polygons) -> Entries:
    nothing = np.full(len(slot), np.nan)
    return Entries(
        slot=slot,
        kind=np.full(len(slot), kind, dtype=np.int8),
        box_deg=box_deg,
        moved_deg=moved_deg,
        polygon=polygon,
        center_lat_deg=nothing,
        center_lon_deg=nothing,
        radius_m=nothing,
    )


def boxes_in_view(box_deg: Floats) -> tuple[Ints, Floats, Floats]:
    """Boxes at every whole turn at which they meet [-180, 180): the row they came from, degrees moved east, box."""
    rows, moves, boxes = [], [], []
    for by_deg in (0.0, -360.0, 360.0):
        slack_deg = _SLACK_DEG if by_deg else 0.0
        moved = box_deg + np.array([by_deg - slack_deg, 0.0, by_deg + slack_deg, 0.0])
        row = np.flatnonzero((moved[:, 0] < 180.0) & (moved[:, 2] >= -180.0))
        rows.append(row)
        moves.append(np.full(len(row), by_deg))
        boxes.append(moved[row])
    return np.concatenate(rows), np.concatenate(moves), np.concatenate(boxes)
