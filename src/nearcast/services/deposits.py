"""Places that are booked when a deposit was paid: a shop says how much, by `deposit` in its document.

Who confirms gets a link, and the place is held for as long as they can pay by it. What is paid books it; for a place
that is gone it is given back. A slot that begins too soon for a payment is booked without one.
"""

from datetime import datetime, timedelta

from nearcast.domain.ids import ReservationId, ShopId, TenantId
from nearcast.domain.payment import TOO_LATE, Amount, Payment, PaymentState
from nearcast.domain.reservation import Reservation, ReservationState
from nearcast.services.billing import AmountShape
from nearcast.services.conversation import Heard
from nearcast.services.payment_chat import PaymentChat
from nearcast.services.payments import begin
from nearcast.services.ports import UnitOfWork
from nearcast.services.reservation_words import ReservationWords
from nearcast.services.reservations import Booking
from nearcast.services.terms import Terms

TIME_TO_PAY = timedelta(minutes=30)
_SHORTEST = timedelta(minutes=5)
_CLOSING = timedelta(minutes=10)  # for a provider that does not answer at once when the link is to be closed


class Deposits:
    """Asks for deposits, where payments are set up."""

    def __init__(self, terms: Terms, *, is_set_up: bool) -> None:
        self._terms, self._is_set_up = terms, is_set_up

    def asks(self, uow: UnitOfWork, held: Reservation, heard: Heard, now: datetime) -> datetime | None:
        """As `BeforeBooking`."""
        deposit = _deposit_of(uow, held.shop_id) if self._is_set_up else None
        if deposit is None:
            return None
        known = [each for each in uow.payments.of(held.customer_id) if each.reservation_id == held.id]
        if any(each.state is PaymentState.PAID for each in known):
            return None
        asked = next((each for each in known if each.state is PaymentState.REQUESTED), None)
        expires_at = min(now + TIME_TO_PAY, held.starts_at - _CLOSING) if asked is None else asked.expires_at
        if asked is None:
            if expires_at < now + _SHORTEST:
                return None
            world = self._terms.of(heard.tenant_id).world(uow.catalogue)
            begin(
                uow,
                shop_id=held.shop_id,
                customer_id=held.customer_id,
                amount=deposit,
                description=ReservationWords(uow, world, [held.customer_id]).when(held),
                expires_at=expires_at,
                now=now,
                reservation_id=held.id,
            )
        return expires_at + _CLOSING


class PaidPlaces:
    """Books what was paid for, and gives places back whose deposits were not."""

    def __init__(self, chat: PaymentChat, terms: Terms) -> None:
        self._booking, self._chat, self._terms = Booking(), chat, terms

    def follow(self, uow: UnitOfWork, tenant_id: TenantId, payment: Payment, now: datetime) -> Payment:
        """As `Follower`."""
        if payment.reservation_id is None or payment.customer_id is None:
            return payment
        name = ReservationId(payment.reservation_id)
        if payment.state is PaymentState.PAID:
            booked = self._booking.book(uow, name, now)
            if booked is None:
                return payment.returning(now, TOO_LATE)
            self._say(uow, tenant_id, payment, "booked", booked, now)
        elif payment.state in (PaymentState.EXPIRED, PaymentState.CANCELLED):
            reserved = uow.reservations.get(name)
            if reserved is not None and reserved.state is ReservationState.HELD:
                self._booking.cancel(uow, reserved, now)
                self._say(uow, tenant_id, payment, "cancelled", reserved, now)
        return payment

    def _say(
        self, uow: UnitOfWork, tenant_id: TenantId, payment: Payment, what: str, about: Reservation, now: datetime
    ) -> None:
        world = self._terms.of(tenant_id).world(uow.catalogue)
        text = ReservationWords(uow, world, [about.customer_id]).of(what, about)
        self._chat.say(uow, tenant_id, payment, what, text, now)


def _deposit_of(uow: UnitOfWork, shop_id: ShopId) -> Amount | None:
    shop = uow.catalogue.shops.get(shop_id)
    said = None if shop is None else shop.doc.get("deposit")
    return None if said is None else AmountShape.model_validate(said).as_amount()
