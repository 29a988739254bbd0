"""Geofences as their owners see them: GeoJSON Features, in and out."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from nearcast.domain.errors import InvalidGeofence, InvalidInput
from nearcast.domain.ids import GeofenceId
from nearcast.geo.validate import geofence_from_feature
from nearcast.services.access import Principal
from nearcast.services.engines import Engines
from nearcast.services.ports import Catalogue, Documents, Revision, Store, UnitOfWork
from nearcast.services.registers import Register, check_revision
from nearcast.services.shops import shop_of_document


class Fences(Register):
    """The geofences of a tenant."""

    noun, plural = "geofence", "geofences"

    def __init__(self, store: Store, engines: Engines) -> None:
        super().__init__(store)
        self._engines = engines

    def documents(self, catalogue: Catalogue) -> Documents:
        return catalogue.geofences

    def shop_of(self, key: str, doc: Mapping[str, Any]) -> str | None:
        return shop_of_document(doc)

    def put(
        self,
        asker: Principal,
        feature: Mapping[str, Any],
        now: datetime,
        *,
        key: str | None = None,
        is_new: bool = False,
        expected: int | None = None,
    ) -> Revision:
        """Bring a geofence into force, new or changed. InvalidGeofence names what is wrong and where in the feature."""
        try:
            geofence = geofence_from_feature(feature, place="")
        except InvalidGeofence as error:
            raise InvalidGeofence(error.message, place=_path(error)) from error
        if key is not None and key != geofence.id:
            raise InvalidInput(f"is {geofence.id!r}, and the address says {key!r}", place="id")

        def may(uow: UnitOfWork) -> None:
            self.may_write(uow, asker, geofence.id, feature, is_new=is_new, expected=expected)
            shop_id = shop_of_document(feature)
            if shop_id is not None and uow.catalogue.shops.get(shop_id) is None:
                raise InvalidInput(f"there is no shop {shop_id!r}", place="properties.shop_id")

        with self._engines.of(asker.tenant_id) as engine:
            engine.put_geofence(feature, now, place="", may=may)
        return self.get(asker, geofence.id)

    def delete(self, asker: Principal, key: str, now: datetime, *, expected: int | None = None) -> None:
        """Take a geofence out of force: visits there end, what is queued for it is cancelled. Campaigns that name it
        go on without it.
        """

        def may(uow: UnitOfWork) -> None:
            uow.catalogue.hold()
            check_revision(self.seen(uow, asker, key), expected)

        with self._engines.of(asker.tenant_id) as engine:
            engine.delete_geofence(GeofenceId(key), now, may=may)


_VERTEX = re.compile(r"(?:polygon|ring|vertex) (\d+)")
_PROPERTIES = ("name", "shop_id", "radius_m", "dwell_s", "tags", "active_hours")


def _path(error: InvalidGeofence) -> str:
    """Where in the Feature it is: `geometry.coordinates[0][3]` for vertex 3 of ring 0."""
    numbers = _VERTEX.findall(error.place.rpartition(")")[2])
    if numbers:
        return "geometry.coordinates" + "".join(f"[{number}]" for number in numbers)
    named = next((name for name in _PROPERTIES if re.match(rf"{name}\b", error.message)), None)
    if named:
        return f"properties.{named}"
    return next((part for part in ("geometry", "properties", "id") if part in error.message.split()[:3]), "")
