"""The times at which a shop has places, as its owner says them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from nearcast.domain.errors import Conflict, InUse, InvalidInput, NotFound
from nearcast.domain.ids import ShopId, SlotId, slot_id
from nearcast.domain.reservation import Slot
from nearcast.services.access import Principal
from nearcast.services.audit_ports import AuditEntry
from nearcast.services.auditing import edit_entry
from nearcast.services.cursors import Cursors
from nearcast.services.ports import Page, Store, UnitOfWork
from nearcast.services.report import rfc3339
from nearcast.services.shops import Shops


class Slots:
    """The slots of the shops of a tenant."""

    def __init__(self, store: Store, shops: Shops, cursors: Cursors) -> None:
        self._store, self._shops, self._cursors = store, shops, cursors

    def page(
        self,
        asker: Principal,
        shop_id: str,
        now: datetime,
        *,
        since: datetime | None,
        until: datetime | None,
        cursor: str | None,
        limit: int,
    ) -> Page[dict[str, Any]]:
        """A cursor page by their beginning, of those that are not over or end after `since`; NotFound for a shop that
        is not theirs.
        """
        with self._store.reading(asker.tenant_id) as uow:
            self._shops.seen(uow, asker, shop_id)
            place = self._cursors.open(asker.tenant_id, cursor)
            page = uow.slots.page(ShopId(shop_id), since=since or now, until=until, cursor=place, limit=limit)
            shown = _shown(uow, page.items, now)
        return Page(shown, self._cursors.seal(asker.tenant_id, page.next_cursor))

    def put(
        self, asker: Principal, shop_id: str, said: Sequence[Mapping[str, Any]], now: datetime
    ) -> list[dict[str, Any]]:
        """Write slots, each `{"starts_at", "ends_at", "capacity"}`, beside those that the shop has; one that begins at
        the same instant is changed. Conflict where that would take a place from a customer. All are written or none.
        """
        with self._store.writing(asker.tenant_id) as uow:
            self._shops.seen(uow, asker, shop_id)
            slots = _read(asker, ShopId(shop_id), said, now)
            known = uow.slots.of(slots)
            for n, slot in enumerate(slots.values()):
                if slot.id in known:
                    _check(uow, slot, now, place=f"slots[{n}]")
            uow.slots.put(slots.values())
            changed = {key: slot for key, slot in slots.items() if slot != known.get(key)}
            uow.audit.append(*(_entry(asker, key, now, known.get(key), slot) for key, slot in changed.items()))
            shown = _shown(uow, list(slots.values()), now)
            asker.keep(uow, shown)
            uow.commit()
        return shown

    def delete(self, asker: Principal, shop_id: str, key: str, now: datetime) -> None:
        """Take a slot out; InUse while customers have places in it."""
        with self._store.writing(asker.tenant_id) as uow:
            self._shops.seen(uow, asker, shop_id)
            standing = uow.slots.hold(SlotId(key))
            if standing is None or standing.shop_id != shop_id:
                raise NotFound(f"there is no slot {key!r}")
            if taken := uow.reservations.taken([standing.id], now).get(standing.id, 0):
                raise InUse(f"{taken} of its places are taken")
            uow.slots.delete(standing.id)
            uow.audit.append(_entry(asker, standing.id, now, standing, None))
            asker.keep(uow, None)
            uow.commit()


def _read(asker: Principal, shop_id: ShopId, said: Sequence[Mapping[str, Any]], now: datetime) -> dict[SlotId, Slot]:
    found: dict[SlotId, Slot] = {}
    for n, each in enumerate(said):
        place, starts_at = f"slots[{n}]", each["starts_at"]
        if starts_at <= now:
            raise InvalidInput("has passed", place=f"{place}.starts_at")
        name = slot_id(asker.tenant_id, shop_id, starts_at)
        if name in found:
            raise InvalidInput("there is one before that begins at the same instant", place=f"{place}.starts_at")
        try:
            found[name] = Slot(id=name, shop_id=shop_id, **each)
        except InvalidInput as error:
            raise InvalidInput(error.message, place=f"{place}.{error.place}") from None
    return found


def _check(uow: UnitOfWork, slot: Slot, now: datetime, *, place: str) -> None:
    """Conflict where customers have places in a slot, and it is to end at another time or to have fewer."""
    standing = uow.slots.hold(slot.id)
    taken = uow.reservations.taken([slot.id], now).get(slot.id, 0)
    if standing is not None and taken and (slot.ends_at != standing.ends_at or slot.capacity < taken):
        raise Conflict(f"{place}: {taken} places at {rfc3339(slot.starts_at)} are taken")


def _entry(asker: Principal, key: SlotId, now: datetime, before: Slot | None, after: Slot | None) -> AuditEntry:
    was, is_now = (None if each is None else _document(each) for each in (before, after))
    return edit_entry(asker.actor, "slot", key, now, before=was, after=is_now)


def _document(slot: Slot) -> dict[str, Any]:
    times = {"starts_at": rfc3339(slot.starts_at), "ends_at": rfc3339(slot.ends_at)}
    return {"shop_id": slot.shop_id, **times, "capacity": slot.capacity}


def _shown(uow: UnitOfWork, slots: Sequence[Slot], now: datetime) -> list[dict[str, Any]]:
    taken = uow.reservations.taken([each.id for each in slots], now)
    return [{"slot_id": each.id, **_document(each), "taken": taken.get(each.id, 0)} for each in slots]
