"""Files of shops and of geofences. Rows are written together where they can be: each is an edit of one catalogue."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

from nearcast.domain.errors import InvalidInput
from nearcast.domain.geofence import Geofence
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.geo.validate import geofence_from_feature
from nearcast.services.assembly import assemble
from nearcast.services.audit_ports import COMMAND_LINE, AuditEntry
from nearcast.services.auditing import edit_entry
from nearcast.services.catalogue import CATALOGUE
from nearcast.services.engines import Engines
from nearcast.services.import_report import Taken
from nearcast.services.import_rows import checked
from nearcast.services.ports import Revision, Store, UnitOfWork
from nearcast.services.registers import check_catalogue
from nearcast.services.rows import Row, readable
from nearcast.services.scenario import PresenceShape, ScenarioShape, ShopShape
from nearcast.services.sensitive_book import SensitiveBook
from nearcast.services.shops import Shops, shop_of_document
from nearcast.services.texts import check_id
from nearcast.services.working_set import WorkingSet

_Shops: TypeAlias = Sequence[tuple[Row, ShopShape]]
_Fences: TypeAlias = Sequence[tuple[Row, Geofence]]
BATCH = 500
_BECAME = ("new", "changed", "unchanged")


def import_shops(store: Store, tenant_id: TenantId, taken: Taken, rows: Sequence[Row], now: datetime) -> None:
    """Write the shops that are new or changed."""
    good = taken.good(rows, _read_shop)
    for start in range(0, len(good), BATCH):
        batch = good[start : start + BATCH]
        try:
            taken.counts.update(_write_shops(store, tenant_id, batch, now))
        except InvalidInput:  # one of them does not go together with the rest of the catalogue
            for row, shop in batch:
                try:
                    taken.counts.update(_write_shops(store, tenant_id, [(row, shop)], now))
                except InvalidInput as fault:
                    taken.refuse(row, fault)


def _read_shop(row: Row) -> tuple[str, ShopShape]:
    shop = checked(ShopShape, readable(row))
    check_id(shop.id)
    place = f"{CATALOGUE}: shops[0]"
    alone = ScenarioShape(presence=PresenceShape(profile="raw"), shops=[shop])
    try:
        assemble(alone, Path(CATALOGUE), lambda path: [], lambda note: None, repair=False)
    except InvalidInput as fault:
        raise InvalidInput(fault.message, place=fault.place.removeprefix(place).lstrip(".: ")) from fault
    return shop.id, shop


def _write_shops(store: Store, tenant_id: TenantId, batch: _Shops, now: datetime) -> Counter[str]:
    counts, edits = Counter(dict.fromkeys(_BECAME, 0)), list[AuditEntry]()
    with store.writing(tenant_id) as uow:
        uow.catalogue.hold()
        for _, shop in batch:
            doc = shop.model_dump(mode="json", by_alias=True, exclude_unset=True)
            standing = uow.catalogue.shops.get(shop.id)
            if standing is None or standing.doc != doc:
                uow.catalogue.shops.put(shop.id, doc, now)
                edits.append(_edit("shop", shop.id, standing, doc, now))
            counts[_became(standing is not None, standing is None or standing.doc != doc)] += 1
        uow.audit.append(*edits)
        check_catalogue(uow, tenant_id, Shops.plural, batch[0][1].id)
        uow.commit()
    return counts


def import_geofences(
    engines: Engines,
    tenant_id: TenantId,
    taken: Taken,
    rows: Sequence[Row],
    now: datetime,
    note: Callable[[str], None],
) -> None:
    """Bring the geofences into force that are new or changed; `note` hears of rings that were closed."""
    good = taken.good(rows, lambda row: _read_geofence(row, note))
    for start in range(0, len(good), BATCH):
        _write_geofences(engines, tenant_id, taken, good[start : start + BATCH], now)


def _read_geofence(row: Row, note: Callable[[str], None]) -> tuple[str, Geofence]:
    feature = readable(row)
    try:
        geofence = geofence_from_feature(feature, place="", note=note)
    except InvalidInput as fault:
        # the id, which the place begins with, is said beside it
        raise InvalidInput(fault.message, place=fault.place.rpartition(")")[2].strip(" ,:")) from fault
    check_id(geofence.id)
    return geofence.id, geofence


def _write_geofences(engines: Engines, tenant_id: TenantId, taken: Taken, batch: _Fences, now: datetime) -> None:
    counts = Counter(dict.fromkeys(_BECAME, 0))
    bad: list[tuple[Row, InvalidInput]] = []
    with engines.of(tenant_id) as engine:
        try:
            with engine.store.writing(tenant_id) as uow:
                uow.catalogue.hold()
                edited, edits = set[CustomerId](), list[AuditEntry]()
                sensitive = engine.catalogue.world(uow.catalogue).sensitive
                for row, geofence in batch:
                    try:
                        _check(uow, sensitive, row, geofence)
                    except InvalidInput as refused:
                        bad.append((row, refused))
                        continue
                    standing = uow.catalogue.geofences.get(geofence.id)
                    if standing is None or standing.doc != row.value:
                        uow.catalogue.geofences.put_geofence(geofence, row.value, now)
                        edits.append(_edit("geofence", geofence.id, standing, row.value, now))
                        edited.update(uow.tracks.visiting(geofence.id))
                    counts[_became(standing is not None, standing is None or standing.doc != row.value)] += 1
                uow.audit.append(*edits)
                working = WorkingSet(uow, engine.catalogue, edited)
                working.save_tracks(key for key in working.customer_ids if key in working.world.tracks)
                uow.commit()
        except BaseException:
            engine.catalogue = engine.catalogue.fresh()  # it may have read what was not kept
            raise
    taken.counts.update(counts)
    for row, fault in bad:
        taken.refuse(row, fault)


def _edit(kind: str, key: str, standing: Revision | None, doc: Mapping[str, Any], now: datetime) -> AuditEntry:
    return edit_entry(COMMAND_LINE, kind, key, now, before=None if standing is None else standing.doc, after=doc)


def _check(uow: UnitOfWork, sensitive: SensitiveBook, row: Row, geofence: Geofence) -> None:
    """InvalidInput for a geofence of a shop that is not there, or over a sensitive place."""
    shop_id = shop_of_document(row.value)
    if shop_id is not None and uow.catalogue.shops.get(shop_id) is None:
        raise InvalidInput(f"there is no shop {shop_id!r}", place="properties.shop_id")
    sensitive.refuse(geofence)


def _became(was_there: bool, is_changed: bool) -> str:
    return ("changed" if was_there else "new") if is_changed else "unchanged"
