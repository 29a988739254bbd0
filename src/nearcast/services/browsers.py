"""Browsers whose push service gave them another subscription: they go on getting offers, and nobody asks them again.

A browser keeps a token of the address that it gave us: sealed, kept nowhere here, and good for as long as that address
is the customer's, or was forgotten because the push service said that it is gone.
"""

import hashlib
import json
from datetime import datetime

from nearcast.domain.consent import NEARBY, consent_state, in_ledger_order
from nearcast.domain.errors import NotFound
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.services.contacts import BROWSER, Contacts
from nearcast.services.ports import Store, UnitOfWork
from nearcast.services.vault import CannotOpen, Seals

_OF = "browser"


class Browsers:
    """Makes tokens, and takes a browser's new address for one."""

    def __init__(self, store: Store, seals: Seals, contacts: Contacts) -> None:
        self._store, self._seals, self._contacts = store, seals, contacts

    def token(self, tenant_id: TenantId, customer_id: CustomerId, address: str) -> str:
        """By which the browser of that address proves itself."""
        return self._seals.seal_text(json.dumps([tenant_id, customer_id, _digest(address)]), of=_OF)

    def renew(self, token: str, address: str, now: datetime) -> str:
        """Keep `address` in place of the one that the token is of; its token. NotFound for what is no token of ours,
        and where the customer is gone, has another browser now, or wants no more offers there.
        """
        try:
            tenant_id, customer_id, digest = json.loads(self._seals.open_text(token, of=_OF))
        except (CannotOpen, ValueError):
            raise _not_theirs() from None
        with self._store.writing(tenant_id) as uow:
            held = uow.customers.lock([customer_id])
            if not held or not self._is_theirs(uow, tenant_id, customer_id, digest, now):
                raise _not_theirs()
            self._contacts.put(uow, tenant_id, customer_id, BROWSER, address)
            uow.commit()
        return self.token(tenant_id, customer_id, address)

    def _is_theirs(
        self, uow: UnitOfWork, tenant_id: TenantId, customer_id: CustomerId, digest: str, now: datetime
    ) -> bool:
        had = self._contacts.read(uow, tenant_id, [customer_id]).get(customer_id, [])
        others = [each for each in had if each["channel"] == BROWSER and _digest(each["address"]) != digest]
        events = in_ledger_order(uow.consents.of([customer_id]).get(customer_id, ()))
        return not others and consent_state(events, NEARBY, channel=BROWSER, sender=tenant_id, now=now).is_live


def _digest(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()


def _not_theirs() -> NotFound:
    return NotFound("nobody gets offers in this browser")
