"""Payments that a shop asks its customers for, by a link that goes to them in a chat that is open."""

import secrets
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from nearcast.domain.errors import Conflict, NotFound, OutOfSight
from nearcast.domain.ids import CustomerId, ShopId
from nearcast.domain.payment import Amount, Payment, PaymentState
from nearcast.services.access import Principal
from nearcast.services.billing import AmountShape
from nearcast.services.cursors import Cursors
from nearcast.services.figures import Figure
from nearcast.services.match_log import shops_seen
from nearcast.services.payment_changes import PaymentChanges, note
from nearcast.services.payment_chat import PaymentChat
from nearcast.services.payment_ports import PaymentFilter
from nearcast.services.ports import Page, Store, UnitOfWork
from nearcast.services.pseudonyms import Pseudonyms
from nearcast.services.scalars import Id, Said
from nearcast.services.shops import Shops

SHORTEST_S, LONGEST_S = 300, 82_800


class PaymentsOff(Conflict):
    """Nobody has set up a payment provider here."""

    code = "payments_off"


class NoOpenChat(Conflict):
    """The customer did not write within a day, or wants nothing there: no link may be sent to them."""

    code = "no_open_chat"


class PaymentOver(Conflict):
    """It has come to its end, and cannot be cancelled."""

    code = "payment_over"


class NothingPaid(Conflict):
    """There is nothing to give back."""

    code = "nothing_paid"


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class PaymentRequestShape(_Shape):
    """What is to be paid, by whom and for what; the customer reads `description`, and has `expires_in_s` seconds."""

    customer_id: Id
    shop_id: Id
    amount: AmountShape
    description: Annotated[Said, StringConstraints(max_length=200)]
    expires_in_s: Annotated[int, Field(ge=SHORTEST_S, le=LONGEST_S)] = 3600


class Payments:
    """The payments of a tenant. Owners see those of their shops, their customers by daily pseudonyms. Where
    `is_set_up` is false, nothing can be asked for.
    """

    def __init__(
        self,
        store: Store,
        changes: PaymentChanges,
        chat: PaymentChat,
        pseudonyms: Pseudonyms,
        cursors: Cursors,
        *,
        is_set_up: bool,
    ) -> None:
        self._store, self._changes, self._chat, self.is_set_up = store, changes, chat, is_set_up
        self._pseudonyms, self._cursors, self._shops = pseudonyms, cursors, Shops(store)

    def request(self, asker: Principal, said: PaymentRequestShape, now: datetime) -> dict[str, Any]:
        """Ask a customer for a payment. The link is made and sent afterwards. PaymentsOff without a provider, NotFound
        for a shop or a customer that is not there, NoOpenChat where nothing may be sent to them.
        """
        with self._store.writing(asker.tenant_id) as uow:
            self._shops.seen(uow, asker, said.shop_id)
            if uow.customers.get(CustomerId(said.customer_id)) is None:
                raise NotFound(f"there is no customer {said.customer_id!r}")
            if not self.is_set_up:
                raise PaymentsOff("payments are not set up here: NEARCAST_PAYMENTS_SECRET_KEY is not given")
            payment = begin(
                uow,
                shop_id=ShopId(said.shop_id),
                customer_id=CustomerId(said.customer_id),
                amount=said.amount.as_amount(),
                description=said.description,
                expires_at=now + timedelta(seconds=said.expires_in_s),
                now=now,
            )
            if not self._chat.is_open(uow, asker.tenant_id, payment, now):
                raise NoOpenChat("the customer did not write within 24 hours on a channel where they want answers")
            note(uow, asker.actor, "requested", payment, now)
            answer = self._shown(asker, payment)
            asker.keep(uow, answer)
            uow.commit()
        return answer

    def get(self, asker: Principal, reference: str) -> dict[str, Any]:
        """One payment; NotFound where there is none that the asker may see."""
        with self._store.reading(asker.tenant_id) as uow:
            return self._shown(asker, _seen(asker, reference, uow.payments.get(reference)))

    def page(
        self, asker: Principal, shop_id: ShopId | None, state: PaymentState | None, *, cursor: str | None, limit: int
    ) -> Page[dict[str, Any]]:
        """A cursor page, the newest first."""
        wanted = PaymentFilter(shop_ids=shops_seen(asker, shop_id), state=state)
        with self._store.reading(asker.tenant_id) as uow:
            place = self._cursors.open(asker.tenant_id, cursor)
            found, after = uow.payments.page(wanted, cursor=place, limit=limit)
        shown = [self._shown(asker, payment) for payment in found]
        return Page(shown, self._cursors.seal(asker.tenant_id, after))

    def cancel(self, asker: Principal, reference: str, now: datetime) -> dict[str, Any]:
        """Nobody is to pay any more; what is paid before the link is closed is given back. PaymentOver where it has
        come to its end.
        """
        with self._store.writing(asker.tenant_id) as uow:
            before = _seen(asker, reference, self._changes.held(uow, reference))
            if before.state is not PaymentState.REQUESTED:
                raise PaymentOver(f"it is {before.state}")
            return self._changed(uow, asker, "cancelled", before, before.cancelled(now, "by_shop"), now)

    def refund(self, asker: Principal, reference: str, now: datetime) -> dict[str, Any]:
        """Give back all that was paid, also where it was another amount than asked for. NothingPaid where nothing was,
        or it is given back already.
        """
        with self._store.writing(asker.tenant_id) as uow:
            before = _seen(asker, reference, self._changes.held(uow, reference))
            if not before.holds_money:
                raise NothingPaid("nothing was paid that could be given back")
            return self._changed(uow, asker, "refunded", before, before.returning(now, "by_shop"), now)

    def _changed(
        self, uow: UnitOfWork, asker: Principal, action: str, before: Payment, after: Payment, now: datetime
    ) -> dict[str, Any]:
        self._changes.keep(uow, asker.tenant_id, before, after, now)
        note(uow, asker.actor, action, after, now)
        answer = self._shown(asker, after)
        asker.keep(uow, answer)
        uow.commit()
        return answer

    def _shown(self, asker: Principal, payment: Payment) -> dict[str, Any]:
        whose = payment.customer_id
        shown = None if whose is None else self._pseudonyms.name(asker, payment.shop_id, payment.created_at, whose)
        return {**payment_row(payment), "customer_id": shown}


def begin(
    uow: UnitOfWork,
    *,
    shop_id: ShopId,
    customer_id: CustomerId,
    amount: Amount,
    description: str,
    expires_at: datetime,
    now: datetime,
    reservation_id: str | None = None,
) -> Payment:
    """Ask for a payment in a transaction of others; the link is made and sent afterwards."""
    payment = Payment(
        reference=f"pay-{secrets.token_hex(16)}",
        shop_id=shop_id,
        customer_id=customer_id,
        amount=amount,
        description=description,
        created_at=now,
        expires_at=expires_at,
        reservation_id=reservation_id,
    ).goes_on(now)
    uow.payments.insert(payment)
    uow.tell(Figure.PAYMENTS, payment.state.value)
    return payment


def payment_row(payment: Payment) -> dict[str, Any]:
    """A payment as it is shown, without whose it is."""
    return {
        "reference": payment.reference,
        "shop_id": payment.shop_id,
        "amount": _amount(payment.amount),
        "description": payment.description,
        "state": payment.state,
        "reason": payment.reason,
        "reservation_id": payment.reservation_id,
        "created_at": payment.created_at,
        "expires_at": payment.expires_at,
        "sent_at": payment.linked_at,
        "paid_at": payment.paid_at,
        "paid_instead": _amount(payment.odd),
        "refund_asked_at": payment.refund_wanted_at,
        "refunded_at": payment.refunded_at,
    }


def _amount(amount: Amount | None) -> dict[str, Any] | None:
    return None if amount is None else {"minor": amount.minor, "currency": amount.currency, "text": amount.text}


def _seen(asker: Principal, reference: str, found: Payment | None) -> Payment:
    if found is None:
        raise NotFound(f"there is no payment {reference!r}")
    if not asker.may_see(found.shop_id):
        raise OutOfSight("payment", reference)
    return found
