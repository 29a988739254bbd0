"""Geofence revisions: the GeoJSON Feature as it came, and its ground as a geometry with a box round it."""

import struct
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
import shapely
from sqlalchemy import Connection, or_, select

from nearcast.domain.geofence import Area, Boundary, Circle, Geofence
from nearcast.domain.ids import GeofenceId, TenantId
from nearcast.geo.geodesy import circle_bounds_deg
from nearcast.services.ports import Revision
from nearcast.store.dialect import lock_names
from nearcast.store.revisions import Revisions
from nearcast.store.tables import geofence_revision

_POINT = 1


class GeofenceRevisions(Revisions):
    """As `Revisions`; a geofence is put with its feature."""

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        super().__init__(connection, tenant, geofence_revision)

    def hold(self, *, shared: bool) -> None:
        """Hold all geofences of the tenant until the transaction ends."""
        lock_names(self._connection, [f"geofences {self._tenant}"], shared=shared)

    def delete(self, key: str, at: datetime) -> bool:
        """As `Revisions`; waits for all who are deciding on the geofences as they are."""
        self.hold(shared=False)
        return super().delete(key, at)

    def put_geofence(self, geofence: Geofence, feature: Mapping[str, Any], at: datetime) -> Revision:
        """Write the next revision of a geofence; `feature` is what `geofence` was read from. As `delete`, it waits."""
        self.hold(shared=False)
        west, south, east, north = bounds_deg(geofence.boundary)
        radius_m = geofence.boundary.radius_m if isinstance(geofence.boundary, Circle) else None
        return self.put(
            geofence.id,
            feature,
            at,
            shop_id=geofence.shop_id,
            geom=as_wkb(geofence.boundary),
            radius_m=radius_m,
            min_lat_deg=south,
            max_lat_deg=north,
            min_lon_deg=west,
            max_lon_deg=east,
        )

    def ids_within(self, west_deg: float, south_deg: float, east_deg: float, north_deg: float) -> list[GeofenceId]:
        """Current geofences whose boxes meet that one, by id; west is above east where it spans the antimeridian."""
        table = geofence_revision
        east_deg = east_deg + 360.0 if west_deg > east_deg else east_deg
        beside = [
            (table.c.min_lon_deg <= east_deg + turn_deg) & (table.c.max_lon_deg >= west_deg + turn_deg)
            for turn_deg in (-720.0, -360.0, 0.0, 360.0, 720.0)
        ]
        found = self._current().where(table.c.min_lat_deg <= north_deg, table.c.max_lat_deg >= south_deg, or_(*beside))
        ids = found.with_only_columns(table.c.id).order_by(table.c.id)
        return [GeofenceId(key) for key in self._connection.scalars(ids)]

    def geometry(self, geofence_id: GeofenceId, revision: int) -> bytes | None:
        """The ground of one revision as WKB, a circle's centre; None where there is none."""
        table = geofence_revision
        found: bytes | None = self._connection.scalar(
            select(table.c.geom).where(
                table.c.tenant_id == self._tenant, table.c.id == geofence_id, table.c.revision == revision
            )
        )
        return found


def as_wkb(boundary: Boundary) -> bytes:
    """An area's own bytes; a circle's centre."""
    if isinstance(boundary, Area):
        return boundary.wkb
    return struct.pack("<BIdd", 1, _POINT, boundary.center.lon_deg, boundary.center.lat_deg)


def bounds_deg(boundary: Boundary) -> tuple[float, float, float, float]:
    """West, south, east, north; longitudes run on beyond ±180 as the boundary's own do."""
    if isinstance(boundary, Area):
        box = shapely.bounds(shapely.from_wkb(boundary.wkb))
    else:
        columns = (boundary.center.lat_deg, boundary.center.lon_deg, boundary.radius_m)
        (box,) = circle_bounds_deg(*(np.array([value], dtype=np.float64) for value in columns))
    west, south, east, north = box.tolist()
    return west, south, east, north
