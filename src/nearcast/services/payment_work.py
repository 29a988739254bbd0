"""What is asked of the payment provider, outside of transactions: links made, sent and closed, money given back.

Whoever dies in between has the same asked again under the same name, so that nothing is ever done twice.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import TypeAlias

from nearcast.domain.ids import TenantId
from nearcast.domain.payment import Payment, PaymentEvent, PaymentState, Step, Told
from nearcast.services.figures import Figure
from nearcast.services.payment_changes import PaymentChanges
from nearcast.services.payment_chat import PaymentChat
from nearcast.services.payment_ports import LinkState, Looked, Made, NoAnswer, PaymentPort, Refused, Standing
from nearcast.services.ports import Store, UnitOfWork

_LEASE = timedelta(seconds=120)  # longer than any provider is waited for
_AT_ONCE = 5
_log = logging.getLogger(__name__)
_Change: TypeAlias = Callable[[UnitOfWork, TenantId, Payment, datetime], Payment]


class PaymentWork:
    """Deals with the payments of all tenants that are due; without a provider nothing is done."""

    def __init__(self, store: Store, port: PaymentPort | None, changes: PaymentChanges, chat: PaymentChat) -> None:
        self._store, self.port, self._changes, self._chat = store, port, changes, chat

    def work_some(self, tenant_id: TenantId, now: datetime, present: Callable[[], datetime]) -> int:
        """Take some of what is due at `now` in hand; how many payments."""
        port = self.port
        if port is None:
            return 0
        with self._store.writing(tenant_id) as uow:
            claimed = uow.payments.claim(now, until=now + _LEASE, limit=_AT_ONCE)
            uow.commit()
        for payment in claimed:
            self._keep(tenant_id, payment.reference, self._asked(port, payment, now), present())
        return len(claimed)

    def _asked(self, port: PaymentPort, payment: Payment, now: datetime) -> _Change:
        """Ask the provider for the next step; what its answer makes of the payment."""
        match payment.step:
            case Step.LINK if now >= payment.expires_at:
                return lambda uow, tenant_id, held, at: held.over(at) if held.step is Step.LINK else held.goes_on(at)
            case Step.LINK:
                return partial(self._linked, port.create_request(payment))
            case Step.CLOSE:
                return partial(_ended, self._looked(port, payment, now))
            case Step.REFUND:
                return partial(_returned, port.refund(payment))
            case None:
                return lambda uow, tenant_id, held, at: held.goes_on(at)

    def _looked(self, port: PaymentPort, payment: Payment, now: datetime) -> Looked:
        """How a link stands, which is closed where its time is over."""
        found = port.status(payment)
        is_open = isinstance(found, Standing) and found.state is LinkState.OPEN
        return port.close_link(payment) if is_open and _is_over(payment, now) else found

    def _keep(self, tenant_id: TenantId, reference: str, change: _Change, now: datetime) -> None:
        """Write what an attempt came to, of a payment as it stands now: more may have become known meanwhile."""
        with self._store.writing(tenant_id) as uow:
            held = self._changes.held(uow, reference)
            if held is not None:
                self._changes.keep(uow, tenant_id, held, change(uow, tenant_id, held, now), now)
                uow.commit()

    def _linked(self, made: Made, uow: UnitOfWork, tenant_id: TenantId, held: Payment, now: datetime) -> Payment:
        if held.provider_id is not None:
            return held
        if isinstance(made, NoAnswer):
            return _in_vain(uow, held, made, now)
        if isinstance(made, Refused):
            _alert(uow, held, made)
            return held.cancelled(now, "refused")
        linked = held.linked(made.provider_id, now)
        if linked.state is not PaymentState.REQUESTED or self._chat.ask(uow, tenant_id, linked, made.url, now):
            return linked
        return linked.cancelled(now, "window_closed")


def _ended(looked: Looked, uow: UnitOfWork, tenant_id: TenantId, held: Payment, now: datetime) -> Payment:
    if held.step is not Step.CLOSE:
        return held
    if isinstance(looked, NoAnswer):
        return _in_vain(uow, held, looked, now)
    if isinstance(looked, Refused):
        _alert(uow, held, looked)
        return held.closed(now, reason="refused")
    if looked.state is LinkState.PAID:
        seen = PaymentEvent(id="", reference=held.reference, what=Told.SUCCEEDED, at=now, amount=looked.amount)
        paid = held.told(seen, now)
        return paid if paid.paid_at is not None else paid.closed(now, reason="mismatch")
    if looked.state is LinkState.CLOSED:
        return held.closed(now)
    if not _is_over(held, now):
        return held.goes_on(now)
    return held.closed(now, reason="processing") if looked.state is LinkState.PROCESSING else held.in_vain(now)


def _returned(
    answer: Refused | NoAnswer | None, uow: UnitOfWork, tenant_id: TenantId, held: Payment, now: datetime
) -> Payment:
    if held.step is not Step.REFUND:
        return held
    if isinstance(answer, NoAnswer):
        return _in_vain(uow, held, answer, now)
    if isinstance(answer, Refused):
        _alert(uow, held, answer)
        return held.left("refund_refused")
    return held.returned(now)


def _is_over(payment: Payment, now: datetime) -> bool:
    return payment.state is not PaymentState.REQUESTED or now >= payment.expires_at


def _in_vain(uow: UnitOfWork, payment: Payment, answer: NoAnswer, now: datetime) -> Payment:
    uow.tell(Figure.PAYMENTS, "no_answer")
    _log.warning("payment %s: the provider gave no answer: %s", payment.reference, answer.reason)
    return payment.in_vain(now)


def _alert(uow: UnitOfWork, payment: Payment, answer: Refused) -> None:
    uow.tell(Figure.PAYMENTS, "refused")
    _log.error("payment %s: the provider refuses it with code %s", payment.reference, answer.code)
