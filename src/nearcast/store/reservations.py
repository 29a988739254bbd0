"""Slots, and reservations in them. Whoever gives a place away holds its slot: places are counted one by one."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, func, or_, select, update

from nearcast.domain.ids import CustomerId, ReservationId, ShopId, SlotId, TenantId
from nearcast.domain.reservation import Reservation, ReservationState, Slot
from nearcast.services.ports import Page
from nearcast.services.reservation_ports import ReservationFilter
from nearcast.store.dialect import among, insert_unseen, upsert
from nearcast.store.page import as_seq, chunks, page_of
from nearcast.store.pruning import delete_some
from nearcast.store.reservation_tables import reservation, slot

_HELD, _BOOKED = ReservationState.HELD.value, ReservationState.BOOKED.value
_EPOCH, _TICK = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


class Slots:
    """One tenant's slots."""

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        self._connection, self._tenant = connection, tenant

    def put(self, slots: Iterable[Slot]) -> None:
        """Add slots, or change the end and the capacity of those that are there."""
        upsert(self._connection, slot, [{**asdict(each), "tenant_id": self._tenant} for each in slots])

    def of(self, slot_ids: Iterable[SlotId]) -> dict[SlotId, Slot]:
        """Those that are there."""
        found = (each for ids in chunks(slot_ids) for each in self._found(among(slot.c.id, ids)))
        return {each.id: each for each in found}

    def hold(self, slot_id: SlotId) -> Slot | None:
        """A slot in which nobody else gives a place away until the transaction ends; None where there is none."""
        asked = select(slot).where(self._mine, slot.c.id == slot_id).with_for_update()
        row = self._connection.execute(asked).one_or_none()
        return None if row is None else _slot(row)

    def free(self, shop_id: ShopId, now: datetime, *, limit: int) -> list[Slot]:
        """The next slots of a shop that have not begun and have a place."""
        taken = (
            select(func.count())
            .where(reservation.c.tenant_id == self._tenant, reservation.c.slot_id == slot.c.id, _takes_a_place(now))
            .scalar_subquery()
        )
        is_free = slot.c.shop_id == shop_id, slot.c.starts_at > now, slot.c.capacity > taken
        return self._found(*is_free, limit=limit)

    def page(
        self, shop_id: ShopId, *, since: datetime, until: datetime | None, cursor: str | None, limit: int
    ) -> Page[Slot]:
        """A shop's slots that end after `since` and begin before `until`, by their beginning."""
        which = [slot.c.shop_id == shop_id, slot.c.ends_at > since]
        if until is not None:
            which.append(slot.c.starts_at < until)
        if cursor is not None:
            which.append(slot.c.starts_at > _EPOCH + as_seq(cursor) * _TICK)
        found = self._found(*which, limit=limit + 1)
        return page_of([(str((each.starts_at - _EPOCH) // _TICK), each) for each in found], limit)

    def delete(self, slot_id: SlotId) -> None:
        """Take a slot out."""
        self._connection.execute(delete(slot).where(self._mine, slot.c.id == slot_id))

    def prune(self, before: datetime, *, limit: int) -> int:
        """Delete slots that ended before an instant, at most `limit`; how many."""
        return delete_some(self._connection, slot, self._mine, slot.c.ends_at < before, limit=limit)

    @property
    def _mine(self) -> Any:
        return slot.c.tenant_id == self._tenant

    def _found(self, *which: Any, limit: int | None = None) -> list[Slot]:
        asked = select(slot).where(self._mine, *which).order_by(slot.c.starts_at, slot.c.id).limit(limit)
        return [_slot(row) for row in self._connection.execute(asked)]


class Reservations:
    """One tenant's reservations."""

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        self._connection, self._tenant = connection, tenant

    def insert(self, made: Reservation) -> bool:
        """Add one; False where the same was made before, or the customer has a place in that slot already."""
        row = {**asdict(made), "state": made.state.value, "tenant_id": self._tenant}
        return bool(insert_unseen(self._connection, reservation, [row], "id"))

    def get(self, name: ReservationId) -> Reservation | None:
        return next(iter(self._found(reservation.c.id == name)), None)

    def move(self, before: Reservation, after: Reservation) -> bool:
        """Write what became of one; False where it is not what it was any more."""
        same = self._mine, reservation.c.id == before.id, reservation.c.state == before.state.value
        as_held = reservation.c.held_until == before.held_until
        changes = {
            "state": after.state.value,
            "held_until": after.held_until,
            "booked_at": after.booked_at,
            "ended_at": after.ended_at,
        }
        return self._connection.execute(update(reservation).where(*same, as_held).values(changes)).rowcount == 1

    def taken(self, slot_ids: Iterable[SlotId], now: datetime) -> dict[SlotId, int]:
        """How many places of these slots are taken; slots in which none is are left out."""
        found: dict[SlotId, int] = {}
        for ids in chunks(slot_ids):
            of_slots = self._mine, among(reservation.c.slot_id, ids), _takes_a_place(now)
            asked = select(reservation.c.slot_id, func.count().label("places")).where(*of_slots)
            rows = self._connection.execute(asked.group_by(reservation.c.slot_id))
            found |= {SlotId(row.slot_id): row.places for row in rows}
        return found

    def live(self, customer_ids: Iterable[CustomerId], now: datetime) -> list[Reservation]:
        """Those of these customers that somebody may still come for, the next first."""
        is_live = _takes_a_place(now), reservation.c.ends_at > now
        return self._found(among(reservation.c.customer_id, sorted(set(customer_ids))), *is_live)

    def of(self, customer_id: CustomerId) -> list[Reservation]:
        """A customer's, by their slots' beginning."""
        return self._found(reservation.c.customer_id == customer_id)

    def page(self, wanted: ReservationFilter, *, cursor: str | None, limit: int) -> Page[Reservation]:
        """Those that the filter takes, the last made first."""
        seq = reservation.c.seq
        found = select(reservation).where(self._mine).order_by(seq.desc()).limit(limit + 1)
        if wanted.shop_ids is not None:
            found = found.where(among(reservation.c.shop_id, wanted.shop_ids))
        if wanted.state is not None:
            found = found.where(reservation.c.state == wanted.state.value)
        if wanted.since is not None:
            found = found.where(reservation.c.starts_at >= wanted.since)
        if wanted.until is not None:
            found = found.where(reservation.c.starts_at < wanted.until)
        if cursor is not None:
            found = found.where(seq < as_seq(cursor))
        return page_of([(str(row.seq), _reservation(row)) for row in self._connection.execute(found)], limit)

    def expire(self, now: datetime, *, limit: int) -> int:
        """Write down of those whose hold has run out that it has, at most `limit`; how many."""
        is_over = self._mine, reservation.c.state == _HELD, reservation.c.held_until <= now
        some = select(reservation.c.seq).where(*is_over).order_by(reservation.c.seq).limit(limit)
        ended = {"state": ReservationState.EXPIRED.value, "ended_at": reservation.c.held_until}
        mine = update(reservation).where(reservation.c.seq.in_(some), *is_over).values(ended)
        return self._connection.execute(mine).rowcount

    def prune(self, before: datetime, *, limit: int) -> int:
        """Delete those whose slots ended before an instant, at most `limit`; how many."""
        return delete_some(self._connection, reservation, self._mine, reservation.c.ends_at < before, limit=limit)

    @property
    def _mine(self) -> Any:
        return reservation.c.tenant_id == self._tenant

    def _found(self, *which: Any) -> list[Reservation]:
        asked = select(reservation).where(self._mine, *which).order_by(reservation.c.starts_at, reservation.c.seq)
        return [_reservation(row) for row in self._connection.execute(asked)]


def _takes_a_place(now: datetime) -> Any:
    is_held = and_(reservation.c.state == _HELD, reservation.c.held_until > now)
    return or_(reservation.c.state == _BOOKED, is_held)


def _slot(row: Row[Any]) -> Slot:
    return Slot(
        id=SlotId(row.id),
        shop_id=ShopId(row.shop_id),
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        capacity=row.capacity,
    )


def _reservation(row: Row[Any]) -> Reservation:
    return Reservation(
        id=ReservationId(row.id),
        slot_id=SlotId(row.slot_id),
        shop_id=ShopId(row.shop_id),
        customer_id=CustomerId(row.customer_id),
        channel=row.channel,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        state=ReservationState(row.state),
        made_at=row.made_at,
        held_until=row.held_until,
        booked_at=row.booked_at,
        ended_at=row.ended_at,
    )
