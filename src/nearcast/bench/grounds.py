"""Geofences as the peers take them: polygons as shapely has them, circles as columns."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from nearcast.domain.geofence import Area, Circle, Geofence
from nearcast.geo.batch import Floats, Ints, Texts
from nearcast.geo.geodesy import circle_bounds_deg


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grounds:
    """m areas and n circles; `*_slot` says where each stands among all geofences."""

    areas: Texts
    area_slot: Ints
    circle_lat_deg: Floats
    circle_lon_deg: Floats
    circle_radius_m: Floats
    circle_slot: Ints

    @classmethod
    def of(cls, geofences: Sequence[Geofence]) -> "Grounds":
        areas = [(slot, each.boundary.wkb) for slot, each in enumerate(geofences) if isinstance(each.boundary, Area)]
        circles = [(slot, each.boundary) for slot, each in enumerate(geofences) if isinstance(each.boundary, Circle)]
        return cls(
            areas=shapely.from_wkb(np.array([wkb for _, wkb in areas], dtype=object)),
            area_slot=np.array([slot for slot, _ in areas], dtype=np.int64),
            circle_lat_deg=np.array([circle.center.lat_deg for _, circle in circles], dtype=np.float64),
            circle_lon_deg=np.array([circle.center.lon_deg for _, circle in circles], dtype=np.float64),
            circle_radius_m=np.array([circle.radius_m for _, circle in circles], dtype=np.float64),
            circle_slot=np.array([slot for slot, _ in circles], dtype=np.int64),
        )

    def __len__(self) -> int:
        return len(self.area_slot) + len(self.circle_slot)

    def circle_boxes(self) -> Texts:
        """The boxes that hold the circles, as polygons."""
        bounds_deg = circle_bounds_deg(self.circle_lat_deg, self.circle_lon_deg, self.circle_radius_m)
        boxes: Texts = shapely.box(*bounds_deg.T)
        return boxes
