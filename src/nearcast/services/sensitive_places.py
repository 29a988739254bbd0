"""The deny list of sensitive places, an operator's: no geofence is drawn over one, and those that lie over one that is
added later send nothing any more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nearcast.domain.errors import InvalidInput
from nearcast.domain.ids import GeofenceId, TenantId
from nearcast.domain.sensitive import SensitivePlace
from nearcast.geo.overlaps import bounds_about_deg
from nearcast.geo.touching import Touching
from nearcast.services.access import Principal
from nearcast.services.audit_ports import COMMAND_LINE, AuditEntry
from nearcast.services.engines import Engines
from nearcast.services.import_report import Taken
from nearcast.services.ports import Catalogue, Documents, Revision, Store
from nearcast.services.registers import Register
from nearcast.services.rows import Row, readable
from nearcast.services.sensitive_book import sensitive_place
from nearcast.services.texts import check_id
from nearcast.services.world import World

_ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Protected:
    """A place as it is kept, and the geofences in force that lie over it: nothing is sent about them any more."""

    revision: Revision
    suppresses: list[GeofenceId]


class SensitivePlaces(Register):
    """The sensitive places of a tenant: Features with a `category`."""

    noun, plural = "sensitive place", "sensitive places"

    def __init__(self, store: Store, engines: Engines) -> None:
        super().__init__(store)
        self._engines = engines

    def documents(self, catalogue: Catalogue) -> Documents:
        return catalogue.sensitive_places

    def shop_of(self, key: str, doc: Mapping[str, Any]) -> str | None:
        return None

    def put(
        self, asker: Principal, key: str, feature: Mapping[str, Any], now: datetime, *, expected: int | None = None
    ) -> Protected:
        """Protect a place, new or changed. InvalidGeofence and InvalidInput name what is wrong with it."""
        place = sensitive_place(feature, place="")
        if place.ground.id != key:
            raise InvalidInput(f"is {place.ground.id!r}, and the address says {key!r}", place="id")
        with self._engines.of(asker.tenant_id) as engine:
            world = engine.world()
        with self._store.writing(asker.tenant_id) as uow:
            standing = self.may_write(uow, asker, key, feature, is_new=False, expected=expected)
            written = uow.catalogue.sensitive_places.put(key, feature, now)
            self.note_edit(uow, asker, key, now, before=standing, after=written.doc)
            protected = Protected(written, _lying_over(place, world, now))
            asker.keep(uow, protected)
            uow.commit()
        return protected

    def delete(self, asker: Principal, key: str, now: datetime, *, expected: int | None = None) -> None:
        """Protect a place no longer: geofences over it send again from then on."""
        self.remove(asker, key, now, expected=expected, may_go=lambda uow, standing: None)


def import_sensitive_places(
    store: Store, tenant_id: TenantId, taken: Taken, rows: Sequence[Row], now: datetime
) -> None:
    """Protect the places that are new or changed."""
    good = taken.good(rows, _read_place)
    for start in range(0, len(good), _ROWS_AT_ONCE):
        with store.writing(tenant_id) as uow:
            uow.catalogue.hold()
            for row, place in good[start : start + _ROWS_AT_ONCE]:
                standing = uow.catalogue.sensitive_places.get(place.ground.id)
                feature = readable(row)
                taken.counts["new"] += standing is None
                taken.counts["changed"] += standing is not None and standing.doc != feature
                taken.counts["unchanged"] += standing is not None and standing.doc == feature
                if standing is None or standing.doc != feature:
                    uow.catalogue.sensitive_places.put(place.ground.id, feature, now)
            uow.commit()
    with store.writing(tenant_id) as uow:
        counts = {name: taken.counts[name] for name in ("new", "changed", "unchanged")}
        kind = SensitivePlaces.plural
        uow.audit.append(
            AuditEntry(actor=COMMAND_LINE, action="imported", kind=kind, id=tenant_id, at=now, detail=counts)
        )
        uow.commit()


def _read_place(row: Row) -> tuple[str, SensitivePlace]:
    place = sensitive_place(readable(row), place="")
    check_id(place.ground.id)
    return place.ground.id, place


def _lying_over(place: SensitivePlace, world: World, now: datetime) -> list[GeofenceId]:
    box_deg = bounds_about_deg(place.ground, 0.0)
    near = list(world.geofences.all_in_force(now)) if box_deg is None else world.geofences.meeting(*box_deg.tolist())
    here = Touching([place.ground])
    return sorted(geofence.id for geofence in near if here.touched_by(geofence))
