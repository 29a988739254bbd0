"""Which customers a sender is: by the addresses that they gave, and by the names that providers have for them.

Nobody is ever merged with anybody: a name or a number that is several customers' is that of all of them, and whatever
ends messages ends them for each. Numbers that providers spell in their own way are never guessed at.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from nearcast.domain.channel_event import IdentityChange
from nearcast.domain.errors import InvalidInput
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.domain.sending import LearntKey, Recipient
from nearcast.services.contacts import Contacts
from nearcast.services.inbound_ports import Origin, SealedKey
from nearcast.services.ports import UnitOfWork
from nearcast.services.sealed_names import sealed_as
from nearcast.services.vault import Vault

_AS_ADDRESS = {"e164": "", "email": "", "tg_chat": "", "push": "", "wa_id": "+"}
"""What stands before a provider's name where that is an address as customers give it."""


def address_of(key: LearntKey) -> str | None:
    """The address that a provider's name is, as customers give it; None where it is none."""
    mark = _AS_ADDRESS.get(key.kind)
    return None if mark is None else key.key if key.key.startswith("+") else mark + key.key


def recipient_of(keys: Sequence[LearntKey]) -> Recipient:
    """Where an answer to a sender goes. InvalidInput for one whom the provider has not named."""
    address = next(filter(None, map(address_of, keys)), None)
    user_id = next((key.key for key in keys if key.kind == "bsuid"), None)
    if address is None and user_id is None:
        raise InvalidInput("nobody is named whom an answer could go to")
    return Recipient(address=address, user_id=user_id)


class Identities:
    """Who is who, in transactions of others."""

    def __init__(self, vault: Vault, contacts: Contacts) -> None:
        self._vault, self._contacts = vault, contacts

    def index(self, key: LearntKey) -> str:
        """What a provider's name is found by."""
        return self._vault.blind_index(key.kind, f"{key.kind}:{key.key}")

    def address_indexes(self, keys: Iterable[LearntKey]) -> list[str]:
        """What the addresses among a sender's names are found by."""
        return [self._contacts.index(address) for address in filter(None, map(address_of, keys))]

    def customers(self, uow: UnitOfWork, keys: Sequence[LearntKey]) -> list[CustomerId]:
        """The customers that a sender may be, by id."""
        found = set(uow.contact_keys.holders(map(self.index, keys)))
        for index in self.address_indexes(keys):
            found.update(uow.contacts.holders(index))
        return sorted(found)

    def learn(
        self, uow: UnitOfWork, tenant_id: TenantId, learnt: Mapping[CustomerId, Iterable[LearntKey]], now: datetime
    ) -> None:
        """Keep what providers call customers, of those who are still there."""
        there = uow.customers.lock(learnt)
        sealed = [self._sealed(tenant_id, customer, key) for customer in there for key in learnt[customer]]
        uow.contact_keys.learn(sealed, now)

    def learn_new(
        self, uow: UnitOfWork, tenant_id: TenantId, learnt: Mapping[CustomerId, Iterable[LearntKey]], now: datetime
    ) -> None:
        """As `learn`, of whoever is not known by these names yet: nobody else is held."""
        self.learn(uow, tenant_id, self.unknown(uow, learnt), now)

    def unknown(
        self, uow: UnitOfWork, learnt: Mapping[CustomerId, Iterable[LearntKey]]
    ) -> dict[CustomerId, list[LearntKey]]:
        """The names that customers are not known by yet; customers without any are left out."""
        indexed = {customer: {self.index(key): key for key in keys} for customer, keys in learnt.items()}
        known = uow.contact_keys.known((customer, index) for customer, keys in indexed.items() for index in keys)
        new = {
            customer: [key for index, key in keys.items() if (customer, index) not in known]
            for customer, keys in indexed.items()
        }
        return {customer: keys for customer, keys in new.items() if keys}

    def known(self, uow: UnitOfWork, tenant_id: TenantId, customer_id: CustomerId) -> list[LearntKey]:
        """What providers call a customer. CannotOpen where our keys are others."""
        kept = uow.contact_keys.of(customer_id)
        opened = (self._vault.open(tenant_id, customer_id, sealed_as(each.kind), each.sealed) for each in kept)
        return [LearntKey(kind=each.kind, key=key) for each, key in zip(kept, opened, strict=True)]

    def change(
        self, uow: UnitOfWork, tenant_id: TenantId, channel: str, change: IdentityChange, now: datetime
    ) -> list[CustomerId]:
        """Have customers be found under their new names, and give them no marketing on that channel until they confirm
        that it is still them: numbers are given to others. A new number that is somebody's already stays theirs alone.
        Whom it is about.
        """
        changed = uow.customers.lock(self.customers(uow, change.before))
        taken = bool(set(self.customers(uow, change.after)) - set(changed))
        for customer_id in changed:
            uow.contact_keys.forget(customer_id, map(self.index, change.before))
            if not taken:
                self._move(uow, tenant_id, channel, customer_id, change.after)
        if not taken:
            self.learn(uow, tenant_id, dict.fromkeys(changed, change.after), now)
        uow.pauses.note(changed, channel, Origin.IDENTITY, change.at)
        return changed

    def _move(
        self,
        uow: UnitOfWork,
        tenant_id: TenantId,
        channel: str,
        customer_id: CustomerId,
        after: Iterable[LearntKey],
    ) -> None:
        address = next(filter(None, map(address_of, after)), None)
        had = self._contacts.read(uow, tenant_id, [customer_id]).get(customer_id, [])
        if address is not None:
            moved = [{**each, "address": address} if each["channel"] == channel else each for each in had]
            self._contacts.write(uow, tenant_id, {customer_id: moved})

    def _sealed(self, tenant_id: TenantId, customer_id: CustomerId, key: LearntKey) -> SealedKey:
        sealed = self._vault.seal(tenant_id, customer_id, sealed_as(key.kind), key.key)
        return SealedKey(kind=key.kind, key_index=self.index(key), customer_id=customer_id, sealed=sealed)
