"""What follows from a change of a payment: whoever waits for it, the customer in the chat, and an operator where it has
gone wrong.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from nearcast.domain.ids import TenantId
from nearcast.domain.payment import TOO_LATE, Payment
from nearcast.services.audit_ports import SYSTEM, Actor, AuditEntry
from nearcast.services.figures import Figure
from nearcast.services.payment_chat import PaymentChat
from nearcast.services.ports import UnitOfWork

_log = logging.getLogger(__name__)


class Follower(Protocol):
    """Somebody who waits for payments, in the transaction that changes them."""

    def follow(self, uow: UnitOfWork, tenant_id: TenantId, payment: Payment, now: datetime) -> Payment:
        """A payment has come to another state; what it is then."""


class PaymentChanges:
    """Writes payments that have changed, and does what follows in the same transaction. They must be held."""

    def __init__(self, chat: PaymentChat, followers: Sequence[Follower] = ()) -> None:
        self._chat, self._followers = chat, tuple(followers)

    def held(self, uow: UnitOfWork, reference: str) -> Payment | None:
        """A payment that nobody else changes before the transaction ends, and its customer: customers come before all
        that is theirs.
        """
        found = uow.payments.get(reference)
        if found is not None and found.customer_id is not None:
            uow.customers.lock([found.customer_id])
        return uow.payments.hold(reference)

    def keep(self, uow: UnitOfWork, tenant_id: TenantId, before: Payment, after: Payment, now: datetime) -> None:
        """Write how a payment stands after what it was before."""
        if after == before:
            return
        if after.state is not before.state:
            uow.tell(Figure.PAYMENTS, after.state.value)
            for each in self._followers:
                after = each.follow(uow, tenant_id, after, now)
        uow.payments.put(after)
        if after.owes_receipt(before) and after.refund_wanted_at is None:
            self._chat.receipt(uow, tenant_id, after, now)
        if before.odd is None and after.odd is not None:
            self._alert(uow, after, "mismatch", "another amount was paid than was asked for")
        if before.refund_wanted_at is None and after.refund_wanted_at is not None and after.reason == TOO_LATE:
            self._alert(uow, after, "late", "it was paid when it was over, and is given back")
            self._chat.too_late(uow, tenant_id, after, now)
            note(uow, SYSTEM, "refunded", after, now)

    def _alert(self, uow: UnitOfWork, payment: Payment, result: str, what: str) -> None:
        uow.tell(Figure.PAYMENTS, result)
        _log.error("payment %s: %s", payment.reference, what)


def note(uow: UnitOfWork, by: Actor, action: str, payment: Payment, now: datetime) -> None:
    """Write into the audit trail what somebody did to a payment."""
    said = {"shop_id": payment.shop_id, "amount_minor": payment.amount.minor, "currency": payment.amount.currency}
    if payment.reason is not None:
        said["reason"] = payment.reason
    uow.audit.append(AuditEntry(actor=by, action=action, kind="payment", id=payment.reference, at=now, detail=said))
