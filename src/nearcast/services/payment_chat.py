"""What a customer reads of a payment, in the chat where they wrote last. Outside a day from then they read nothing."""

from datetime import datetime
from typing import Any

from nearcast.domain.ids import TenantId
from nearcast.domain.payment import Payment
from nearcast.domain.sending import Text
from nearcast.services.contacts import Contacts
from nearcast.services.notices import language_of
from nearcast.services.payment_words import PAYMENT_WORDS, PaymentWords
from nearcast.services.ports import UnitOfWork
from nearcast.services.replies import Replies
from nearcast.services.service_window import open_window
from nearcast.services.terms import Terms
from nearcast.services.voucher_codes import until


class PaymentChat:
    """Queues what is said of payments, each thing once, in transactions of others."""

    def __init__(self, contacts: Contacts, terms: Terms, replies: Replies) -> None:
        self._contacts, self._terms, self._replies = contacts, terms, replies

    def is_open(self, uow: UnitOfWork, tenant_id: TenantId, payment: Payment, now: datetime) -> bool:
        """Whether the customer could be told anything."""
        customer_id = payment.customer_id
        return customer_id is not None and open_window(uow, self._contacts, tenant_id, customer_id, now) is not None

    def ask(self, uow: UnitOfWork, tenant_id: TenantId, payment: Payment, url: str, now: datetime) -> bool:
        """Say what is to be paid and where; False where nothing may be said any more."""
        title = self._words(uow, payment).pay
        content = Text(body=self._text(uow, tenant_id, payment, "asked", now), url=url, url_title=title)
        return self._queue(uow, tenant_id, payment, "asked", content, now)

    def receipt(self, uow: UnitOfWork, tenant_id: TenantId, payment: Payment, now: datetime) -> bool:
        """Say that it was paid."""
        return self._say(uow, tenant_id, payment, "paid", now)

    def too_late(self, uow: UnitOfWork, tenant_id: TenantId, payment: Payment, now: datetime) -> bool:
        """Say that it was paid when it was over, and is given back."""
        return self._say(uow, tenant_id, payment, "too_late", now)

    def _say(self, uow: UnitOfWork, tenant_id: TenantId, payment: Payment, what: str, now: datetime) -> bool:
        return self.say(uow, tenant_id, payment, what, self._text(uow, tenant_id, payment, what, now), now)

    def say(self, uow: UnitOfWork, tenant_id: TenantId, payment: Payment, what: str, text: str, now: datetime) -> bool:
        """Say that about a payment, once under this name; False where nothing may be said."""
        return self._queue(uow, tenant_id, payment, what, Text(body=text), now)

    def _queue(
        self, uow: UnitOfWork, tenant_id: TenantId, payment: Payment, what: str, content: Text, now: datetime
    ) -> bool:
        if payment.customer_id is None:
            return False
        window = open_window(uow, self._contacts, tenant_id, payment.customer_id, now)
        if window is None:
            return False
        self._replies.reply(
            uow,
            tenant_id=tenant_id,
            channel=window.channel,
            to=window.to,
            content=content,
            in_reply_to=None,
            said_at=window.said_at,
            now=now,
            customer_id=payment.customer_id,
            name=f"payment {what} {payment.reference}",
        )
        return True

    def _text(self, uow: UnitOfWork, tenant_id: TenantId, payment: Payment, what: str, now: datetime) -> str:
        world = self._terms.of(tenant_id).world(uow.catalogue)
        shop = world.shops.get(payment.shop_id)
        zone = shop.zone if shop else world.tenant.zone
        return str(getattr(self._words(uow, payment), what)).format(
            shop=shop.name if shop else payment.shop_id,
            what=payment.description,
            amount=payment.amount.text,
            until=until(payment.expires_at.astimezone(zone), now.astimezone(zone)),
        )

    def _words(self, uow: UnitOfWork, payment: Payment) -> PaymentWords:
        customer_id = payment.customer_id
        doc: dict[str, Any] = (uow.customers.get(customer_id) if customer_id else None) or {}
        return PAYMENT_WORDS[language_of(doc.get("language"))]
