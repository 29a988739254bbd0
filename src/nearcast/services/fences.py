"""Geofences as their owners see them: GeoJSON Features, in and out, with what is worth knowing of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from nearcast.domain.errors import InvalidInput, NotAllowed
from nearcast.domain.geofence import Geofence
from nearcast.domain.ids import GeofenceId, ShopId
from nearcast.domain.position import Position
from nearcast.geo.overlaps import bounds_about_deg
from nearcast.services.access import Principal
from nearcast.services.addresses import Geocoder, locate
from nearcast.services.engines import Engines
from nearcast.services.fence_care import CONFUSABLE_M, Surroundings, care_for
from nearcast.services.fence_input import CARE, Drawn, drawn, is_without_ground, with_circle
from nearcast.services.ports import Catalogue, Documents, Revision, Store, UnitOfWork
from nearcast.services.registers import Register, check_revision
from nearcast.services.shops import shop_of_document
from nearcast.services.texts import check_id
from nearcast.services.world import World


@dataclass(frozen=True, slots=True)
class Cared:
    """A geofence as it is kept, or would be, and what is worth knowing of it."""

    feature: Mapping[str, Any]
    care: Mapping[str, Any]
    revision: Revision | None = None

    @property
    def is_new(self) -> bool:
        return self.revision is not None and self.revision.revision == 1

    @property
    def shown(self) -> dict[str, Any]:
        return {**self.feature, CARE: self.care}


class Fences(Register):
    """The geofences of a tenant. Without a `geocoder` no addresses are looked up."""

    noun, plural = "geofence", "geofences"

    def __init__(self, store: Store, engines: Engines, geocoder: Geocoder | None = None) -> None:
        super().__init__(store)
        self._engines, self._geocoder = engines, geocoder

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
        repair: bool = False,
    ) -> Cared:
        """Bring a geofence into force, new or changed. InvalidGeofence names what is wrong and where in the feature."""
        found, care = self._looked_at(asker, feature, now, key=key, repair=repair)
        key = found.geofence.id

        def may(uow: UnitOfWork) -> None:
            standing = self.may_write(uow, asker, key, found.feature, is_new=is_new, expected=expected)
            shop_id = found.geofence.shop_id
            if shop_id is not None and uow.catalogue.shops.get(shop_id) is None:
                raise _no_shop(shop_id)
            self.note_edit(uow, asker, key, now, before=standing, after=found.feature)

        kept: list[Cared] = []

        def keep(uow: UnitOfWork, written: Revision) -> None:
            kept.append(Cared(written.doc, care, written))
            asker.keep(uow, kept[-1])

        with self._engines.of(asker.tenant_id) as engine:
            engine.put_geofence(found.feature, now, place="", may=may, keep=keep)
        return kept[-1]

    def check(self, asker: Principal, feature: Mapping[str, Any], now: datetime, *, repair: bool = False) -> Cared:
        """What `put` would keep and say, and nothing is kept."""
        found, care = self._looked_at(asker, feature, now, repair=repair)
        return Cared(found.feature, care)

    def care(self, asker: Principal, key: str, now: datetime) -> dict[str, Any]:
        """What is worth knowing of a geofence in force, as things stand."""
        found = drawn(self.get(asker, key).doc)
        return self._care(asker, found, self._world(asker), now)

    def delete(self, asker: Principal, key: str, now: datetime, *, expected: int | None = None) -> None:
        """Take a geofence out of force: visits there end, what is queued for it is cancelled. Campaigns that name it
        go on without it.
        """

        def may(uow: UnitOfWork) -> None:
            uow.catalogue.hold()
            standing = self.seen(uow, asker, key)
            check_revision(standing, expected)
            self.note_edit(uow, asker, key, now, before=standing, after=None)
            asker.keep(uow, None)

        with self._engines.of(asker.tenant_id) as engine:
            engine.delete_geofence(GeofenceId(key), now, may=may)

    def _looked_at(
        self, asker: Principal, feature: Mapping[str, Any], now: datetime, *, key: str | None = None, repair: bool
    ) -> tuple[Drawn, dict[str, Any]]:
        """A feature as it may be kept, with its care. Whatever takes long is done here, outside any transaction."""
        shop_id = shop_of_document(feature)
        if not asker.may_see(shop_id):
            raise NotAllowed(f"this key may edit {self.plural} of its own shops only")
        world = self._world(asker)
        if is_without_ground(feature):
            feature = with_circle(feature, partial(_shop_at, shop_id, world), partial(locate, self._geocoder))
        found = drawn(feature, repair=repair)
        check_id(found.geofence.id)
        if key is not None and key != found.geofence.id:
            raise InvalidInput(f"is {found.geofence.id!r}, and the address says {key!r}", place="id")
        if found.geofence.shop_id is not None and found.geofence.shop_id not in world.shops:
            raise _no_shop(found.geofence.shop_id)
        world.sensitive.refuse(found.geofence)
        return found, self._care(asker, found, world, now)

    def _world(self, asker: Principal) -> World:
        with self._engines.of(asker.tenant_id) as engine:
            return engine.world()

    def _care(self, asker: Principal, found: Drawn, world: World, now: datetime) -> dict[str, Any]:
        geofence = found.geofence
        about = Surroundings(
            shop=None if geofence.shop_id is None else world.shops.get(geofence.shop_id),
            neighbours=_neighbours(geofence, world),
            may_see=asker.may_see,
        )
        return care_for(geofence, about, now, repaired=found.repaired)


def _neighbours(geofence: Geofence, world: World) -> list[Geofence]:
    box_deg = bounds_about_deg(geofence, CONFUSABLE_M)
    return [] if box_deg is None else world.geofences.meeting(*box_deg.tolist())


def _shop_at(shop_id: str | None, world: World) -> Position | None:
    shop = world.shops.get(ShopId(shop_id or ""))
    if shop is None:
        raise _no_shop(shop_id)
    return shop.position


def _no_shop(shop_id: str | None) -> InvalidInput:
    return InvalidInput(f"there is no shop {shop_id!r}", place="properties.shop_id")
