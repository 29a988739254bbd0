"""What customers can be reached by: sealed as it is written, opened only for whoever shows it or sends to it."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TypeAlias

from nearcast.domain.ids import CustomerId, TenantId
from nearcast.domain.sending import Recipient
from nearcast.services.audit_ports import Actor, AuditEntry
from nearcast.services.contact_ports import SealedContact
from nearcast.services.ports import Store, UnitOfWork
from nearcast.services.vault import Vault

Addresses: TypeAlias = list[dict[str, str]]
"""A customer's addresses as the API shows them, by channel: `{"channel", "address"}`."""

BROWSER = "webpush"
"""The channel whose addresses are browsers."""
_AT_ONCE = 500


class Contacts:
    """The addresses of customers in transactions of others."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def blind(self, to: Recipient) -> str:
        """A recipient by a name that says nothing, that is the same whoever writes to them, and that leads to no row of
        theirs.
        """
        index = self._vault.blind_index("", to.address or to.user_id or "")
        return hashlib.sha256(f"recipient {index}".encode()).hexdigest()[:32]

    def read(
        self, uow: UnitOfWork, tenant_id: TenantId, customer_ids: Iterable[CustomerId]
    ) -> dict[CustomerId, Addresses]:
        """The addresses of customers; those without any are left out. CannotOpen where our keys are others."""
        return {
            key: [{"channel": each.channel, "address": self.opened(tenant_id, each)} for each in kept]
            for key, kept in uow.contacts.of(customer_ids).items()
        }

    def write(
        self, uow: UnitOfWork, tenant_id: TenantId, contacts: Mapping[CustomerId, Iterable[Mapping[str, str]]]
    ) -> None:
        """Write all addresses of customers, in place of those that they had. An address that comes to a customer who is
        suppressed on its channel is suppressed with them.
        """
        sealed = {
            key: [self._sealed(tenant_id, key, each["channel"], each["address"]) for each in said if each["address"]]
            for key, said in contacts.items()
        }
        uow.contacts.replace(sealed)
        uow.suppressions.list_addresses(sealed)

    def put(
        self, uow: UnitOfWork, tenant_id: TenantId, customer_id: CustomerId, channel: str, address: str | None
    ) -> None:
        """Write a customer's address on one channel, None for none; the others stay."""
        had = self.read(uow, tenant_id, [customer_id]).get(customer_id, [])
        kept = [each for each in had if each["channel"] != channel]
        new = [] if address is None else [{"channel": channel, "address": address}]
        self.write(uow, tenant_id, {customer_id: [*kept, *new]})

    def index(self, address: str) -> str:
        """What an address is found by, on whichever channel."""
        return self._vault.blind_index("", address)

    def seal_unsealed(self, store: Store) -> int:
        """Seal the addresses that were written before addresses were, in portions; how many. Broken off, it goes on
        where it stood.
        """
        return sum(self._seal_all(store, tenant_id) for tenant_id in store.tenants_with_bare_contacts())

    def reseal(self, store: Store, tenant_id: TenantId, now: datetime, *, by: Actor) -> int:
        """Seal with the first key what is sealed with another, in portions; how many. Broken off, it goes on where it
        stood; one that is changed meanwhile is sealed with the first key anyway, by whoever has it. The audit trail
        tells the key by its id.
        """
        done, last = 0, None
        while True:
            with store.writing(tenant_id) as uow:
                found = uow.contacts.sealed_otherwise(self._vault.key_id, after=last, limit=_AT_ONCE)
                done += sum(uow.contacts.reseal(each, self._anew(tenant_id, each)) for each in found)
                is_last = len(found) < _AT_ONCE
                if is_last:
                    uow.audit.append(self._rotated(done, now, by))
                uow.commit()
            if is_last:
                return done
            last = found[-1]

    def _seal_all(self, store: Store, tenant_id: TenantId) -> int:
        done = 0
        while True:
            with store.writing(tenant_id) as uow:
                bare = uow.contacts.unsealed(limit=_AT_ONCE)
                for each in bare:
                    uow.contacts.reseal(each, self._sealed(tenant_id, each.customer_id, each.channel, each.sealed))
                uow.suppressions.list_addresses(each.customer_id for each in bare)
                uow.commit()
            done += len(bare)
            if len(bare) < _AT_ONCE:
                return done

    def _rotated(self, addresses: int, now: datetime, by: Actor) -> AuditEntry:
        key_id, said = self._vault.key_id, {"addresses": addresses}
        return AuditEntry(actor=by, action="rotated", kind="data_key", id=key_id, at=now, detail=said)

    def _anew(self, tenant_id: TenantId, kept: SealedContact) -> SealedContact:
        address = self.opened(tenant_id, kept)
        return replace(kept, sealed=self._vault.seal(tenant_id, kept.customer_id, kept.channel, address))

    def _sealed(self, tenant_id: TenantId, customer_id: CustomerId, channel: str, address: str) -> SealedContact:
        return SealedContact(
            customer_id=customer_id,
            channel=channel,
            sealed=self._vault.seal(tenant_id, customer_id, channel, address),
            address_index=self._vault.blind_index(channel, address),
        )

    def opened(self, tenant_id: TenantId, kept: SealedContact) -> str:
        """An address in clear; CannotOpen where our keys are others."""
        if kept.address_index is None:
            return kept.sealed
        return self._vault.open(tenant_id, kept.customer_id, kept.channel, kept.sealed)
