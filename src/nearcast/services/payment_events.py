"""What a payment provider tells comes in: signed, kept once however often it is told, and done before the answer.

The bytes themselves name people and are not kept, but for those that nobody here understands: these are sealed.
"""

import hashlib
import logging
from collections.abc import Mapping
from datetime import datetime

from nearcast.domain.channel_event import Unparsed
from nearcast.domain.errors import NotFound
from nearcast.domain.payment import PaymentEvent
from nearcast.services.figures import Figure
from nearcast.services.payment_changes import PaymentChanges
from nearcast.services.payment_ports import PaymentPort
from nearcast.services.ports import Store
from nearcast.services.vault import Vault

_NAME = "payments"
_log = logging.getLogger(__name__)


class PaymentEvents:
    """Takes in what the provider `port` tells; None where none is set up."""

    def __init__(self, store: Store, vault: Vault, port: PaymentPort | None, changes: PaymentChanges) -> None:
        self._store, self._vault, self._port, self._changes = store, vault, port, changes

    def take(self, headers: Mapping[str, str], raw: bytes, now: datetime) -> None:
        """Do what a provider tells. NotFound where none is set up, BadSignature for bytes that it has not signed."""
        if self._port is None:
            raise NotFound("no payment provider is set up that anything could come from")
        self._port.verify(headers, raw, now)
        for told in self._port.parse(raw):
            if isinstance(told, Unparsed):
                self._keep_unread(raw, now)
            else:
                self._apply(told, now)

    def _apply(self, event: PaymentEvent, now: datetime) -> None:
        tenant_id = self._store.tenant_of_payment(event.reference)
        if tenant_id is None:
            self._store.figures.add(Figure.PAYMENTS, "unknown")  # the account may serve others, too
            return
        with self._store.writing(tenant_id) as uow:
            payment = self._changes.held(uow, event.reference)
            if payment is None or not uow.payments.keep_event(event, now):
                return
            self._changes.keep(uow, tenant_id, payment, payment.told(event, now), now)
            uow.commit()

    def _keep_unread(self, raw: bytes, now: datetime) -> None:
        sha256 = hashlib.sha256(raw).hexdigest()
        sealed = self._vault.seal_text(raw.decode("latin-1"), of=f"quarantine {sha256}")
        if self._store.quarantine(sha256, _NAME, sealed, now):
            self._store.figures.add(Figure.PAYMENTS, "unread")
            _log.error("what the payment provider signed is not understood, and kept")
