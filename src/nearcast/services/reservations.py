"""Places in the slots of shops: held for a customer, booked, given back, and shown to whose shop it is.

A slot is held while its places are counted, so that the last one is one customer's. A hold that ran out takes no place,
whether or not anybody has written that down: who confirms too late is refused if somebody else came first or not.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from nearcast.domain.ids import CustomerId, ReservationId, ShopId, SlotId, TenantId, reservation_id
from nearcast.domain.reservation import Reservation, ReservationState
from nearcast.services.access import Principal
from nearcast.services.conversation import Heard
from nearcast.services.cursors import Cursors
from nearcast.services.figures import Figure
from nearcast.services.match_log import shops_seen
from nearcast.services.ports import Page, Store, UnitOfWork
from nearcast.services.pseudonyms import Pseudonyms
from nearcast.services.reservation_ports import ReservationFilter

_AT_ONCE = 1_000


class BeforeBooking(Protocol):
    """What must come first when somebody confirms, like a deposit. Whoever asks for it books afterwards by
    `Booking.book`; what is not booked by then runs out.
    """

    def asks(self, uow: UnitOfWork, held: Reservation, heard: Heard, now: datetime) -> datetime | None:
        """Ask for it, in that transaction and however often somebody confirms: until when the place is held for it;
        None where nothing has to come first.
        """


class Confirmed(StrEnum):
    """What became of a confirmation."""

    BOOKED = "booked"
    WAITS = "waits"
    GONE = "gone"


class Booking:
    """Gives places away and takes them back, in transactions of others in which the customer is held."""

    def __init__(self, first: Sequence[BeforeBooking] = ()) -> None:
        self._first = first

    def hold(
        self, uow: UnitOfWork, heard: Heard, customer_id: CustomerId, slot_id: SlotId, now: datetime
    ) -> Reservation | None:
        """A place for a customer, which takes that of any other hold of theirs in the shop; the one that they have in
        this slot, if they do. None where the slot has begun, is full, or is none.
        """
        slot = uow.slots.hold(slot_id)
        if slot is None or now >= slot.starts_at:
            return None
        mine = [each for each in uow.reservations.of(customer_id) if each.shop_id == slot.shop_id]
        for each in mine:
            if each.state is not each.standing(now):
                uow.reservations.move(each, each.end(now))
        live = [each for each in mine if each.is_live(now)]
        if (same := next((each for each in live if each.slot_id == slot_id), None)) is not None:
            return same
        if uow.reservations.taken([slot_id], now).get(slot_id, 0) >= slot.capacity:
            return None
        name = reservation_id(heard.tenant_id, slot_id, customer_id, heard.inbound.key)
        made = Reservation.held(slot, name, customer_id, heard.channel, now)
        if not uow.reservations.insert(made):
            return None
        for each in live:
            if each.state is ReservationState.HELD:
                self.cancel(uow, each, now)
        uow.tell(Figure.RESERVATIONS, made.state.value)
        return made

    def confirm(
        self, uow: UnitOfWork, name: ReservationId, heard: Heard, now: datetime
    ) -> tuple[Confirmed, Reservation | None]:
        """Book what is held, or ask for what has to come first. What is booked stays so."""
        held = self._held(uow, name, now)
        if held is None or held.state is ReservationState.BOOKED:
            return (Confirmed.GONE if held is None else Confirmed.BOOKED), held
        until = next(filter(None, (each.asks(uow, held, heard, now) for each in self._first)), None)
        if until is None:
            return Confirmed.BOOKED, self._book(uow, held, now)
        waits = held.hold_until(until)
        uow.reservations.move(held, waits)
        return Confirmed.WAITS, waits

    def book(self, uow: UnitOfWork, name: ReservationId, now: datetime) -> Reservation | None:
        """Book what is held, for what had to come first has come; None where it is not held any more."""
        held = self._held(uow, name, now)
        return held if held is None or held.state is ReservationState.BOOKED else self._book(uow, held, now)

    def cancel(self, uow: UnitOfWork, reserved: Reservation, now: datetime) -> bool:
        """Give a place back; False where it was given back before."""
        is_given = uow.reservations.move(reserved, reserved.end(now))
        if is_given:
            uow.tell(Figure.RESERVATIONS, ReservationState.CANCELLED.value)
        return is_given

    def _held(self, uow: UnitOfWork, name: ReservationId, now: datetime) -> Reservation | None:
        """A reservation that takes a place of its slot, which is held as well. None where it takes none any more."""
        known = uow.reservations.get(name)
        slot = None if known is None else uow.slots.hold(known.slot_id)
        if slot is None:
            return None
        found = uow.reservations.get(name)  # as it stands now that the slot is held
        if found is None or not found.is_live(now):
            return None
        # another clock may have seen the hold run out, and have given the place to somebody else
        is_over = uow.reservations.taken([slot.id], now).get(slot.id, 0) > slot.capacity
        return None if is_over and found.state is ReservationState.HELD else found

    def _book(self, uow: UnitOfWork, held: Reservation, now: datetime) -> Reservation | None:
        booked = held.book(now)
        if not uow.reservations.move(held, booked):
            return None
        uow.tell(Figure.RESERVATIONS, booked.state.value)
        return booked


class Reservations:
    """The reservations of a tenant. Owners see those of their shops, their customers by daily pseudonyms: whoever comes
    shows the reference.
    """

    def __init__(self, store: Store, whole: Store, pseudonyms: Pseudonyms, cursors: Cursors) -> None:
        self._store, self._whole, self._pseudonyms, self._cursors = store, whole, pseudonyms, cursors

    def page(
        self,
        asker: Principal,
        now: datetime,
        *,
        shop_id: ShopId | None,
        state: ReservationState | None,
        since: datetime | None,
        until: datetime | None,
        cursor: str | None,
        limit: int,
    ) -> Page[dict[str, Any]]:
        """A cursor page, the last made first."""
        seen = shops_seen(asker, shop_id)
        wanted = ReservationFilter(shop_ids=seen, state=state, since=since, until=until)
        with self._store.reading(asker.tenant_id) as uow:
            place = self._cursors.open(asker.tenant_id, cursor)
            page = uow.reservations.page(wanted, cursor=place, limit=limit)
        shown = [self._shown(asker, each, now) for each in page.items]
        return Page(shown, self._cursors.seal(asker.tenant_id, page.next_cursor))

    def expire(self, tenant_id: TenantId, now: datetime) -> int:
        """Write down which holds have run out; how many."""
        with self._whole.writing(tenant_id) as uow:
            expired = uow.reservations.expire(now, limit=_AT_ONCE)
            uow.tell(Figure.RESERVATIONS, ReservationState.EXPIRED.value, by=expired)
            uow.commit()
        return expired

    def _shown(self, asker: Principal, reserved: Reservation, now: datetime) -> dict[str, Any]:
        known_as = self._pseudonyms.name(asker, reserved.shop_id, reserved.made_at, reserved.customer_id)
        return {**reservation_row(reserved, now), "customer_id": known_as}


def reservation_row(reserved: Reservation, now: datetime) -> dict[str, Any]:
    """A reservation as it is shown, without whose it is."""
    return {
        "reservation_id": reserved.id,
        "reference": reserved.reference,
        "slot_id": reserved.slot_id,
        "shop_id": reserved.shop_id,
        "channel": reserved.channel,
        "starts_at": reserved.starts_at,
        "ends_at": reserved.ends_at,
        "state": reserved.standing(now).value,
        "made_at": reserved.made_at,
        "held_until": reserved.held_until,
        "booked_at": reserved.booked_at,
        "ended_at": reserved.ended_at,
    }
