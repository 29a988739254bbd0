"""Shops: where they stand, when they are open."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

from nearcast.domain.errors import InUse
from nearcast.domain.ids import ShopId
from nearcast.services.access import Principal
from nearcast.services.ports import Catalogue, Documents, Revision, UnitOfWork
from nearcast.services.registers import Register, check_catalogue
from nearcast.services.reserved_keys import with_reserved
from nearcast.services.scenario import ShopShape

_RESERVED = {"rank": 0}


class Shops(Register):
    """The shops of a tenant."""

    noun, plural = "shop", "shops"

    def documents(self, catalogue: Catalogue) -> Documents:
        return catalogue.shops

    def shop_of(self, key: str, doc: Mapping[str, Any]) -> str | None:
        return key

    def put(
        self, asker: Principal, shop: ShopShape, now: datetime, *, is_new: bool = False, expected: int | None = None
    ) -> Revision:
        """Write a shop, new or changed."""
        doc = shop.model_dump(mode="json", by_alias=True, exclude_unset=True)
        with self._store.writing(asker.tenant_id) as uow:
            standing = self.may_write(uow, asker, shop.id, doc, is_new=is_new, expected=expected)
            doc = with_reserved(asker, doc, standing, _RESERVED)
            written = uow.catalogue.shops.put(shop.id, doc, now)
            self.note_edit(uow, asker, shop.id, now, before=standing, after=doc)
            check_catalogue(uow, asker.tenant_id, self.plural, shop.id)
            asker.keep(uow, written)
            uow.commit()
        return written

    def delete(self, asker: Principal, key: str, now: datetime, *, expected: int | None = None) -> None:
        """Take a shop out; InUse while campaigns or geofences belong to it, or slots that are not over."""
        self.remove(asker, key, now, expected=expected, may_go=partial(_nobody_needs, now=now))


def _nobody_needs(uow: UnitOfWork, shop: Revision, *, now: datetime) -> None:
    for plural, documents in (("campaigns", uow.catalogue.campaigns), ("geofences", uow.catalogue.geofences)):
        using = [each.id for each in documents.all() if shop_of_document(each.doc) == shop.id]
        if using:
            raise InUse(f"shop {shop.id!r} has {plural}: {', '.join(using[:5])}")
    if uow.slots.page(ShopId(shop.id), since=now, until=None, cursor=None, limit=1).items:
        raise InUse(f"shop {shop.id!r} has slots that are not over")


def shop_of_document(doc: Mapping[str, Any]) -> str | None:
    """The shop of a campaign or of a geofence's Feature."""
    inside = doc.get("properties") if doc.get("type") == "Feature" else doc
    shop_id = inside.get("shop_id") if isinstance(inside, Mapping) else None
    return None if shop_id is None else str(shop_id)
