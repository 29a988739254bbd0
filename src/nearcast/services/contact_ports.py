"""What the use cases ask of the store of addresses: where customers can be reached, and where nobody may be."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from nearcast.domain.ids import CustomerId

EVERY_CHANNEL = "*"
"""Stands on the suppression list for an address that nobody may write to, whatever the channel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedContact:
    """An address as it is kept. `address_index` None where it is not sealed yet: then `sealed` is the address."""

    customer_id: CustomerId
    channel: str
    sealed: str
    address_index: str | None


class Contacts(Protocol):
    """One tenant's addresses, one for each customer and channel."""

    def of(self, customer_ids: Iterable[CustomerId]) -> dict[CustomerId, list[SealedContact]]: ...
    def replace(self, contacts: Mapping[CustomerId, Sequence[SealedContact]]) -> None: ...
    def holders(self, address_index: str) -> list[CustomerId]: ...
    def unsealed(self, *, limit: int) -> list[SealedContact]: ...
    def sealed_otherwise(self, key_id: str, *, after: SealedContact | None, limit: int) -> list[SealedContact]: ...
    def reseal(self, before: SealedContact, after: SealedContact) -> bool: ...


class Suppressions(Protocol):
    """One tenant's suppression list. A customer stands on it by name, and their address by its index: that outlives
    them.
    """

    def add(self, customer_id: CustomerId, channel: str, at: datetime, *, reason: str | None = None) -> None: ...
    def remove(self, customer_id: CustomerId, channel: str) -> bool: ...
    def remove_said(self, customer_id: CustomerId, channel: str, *, reason: str, before: datetime) -> None: ...
    def of(self, customer_ids: Iterable[CustomerId]) -> dict[CustomerId, frozenset[str]]: ...
    def own(self, customer_id: CustomerId) -> frozenset[str]: ...
    def list_index(self, address_index: str, channel: str, at: datetime, *, reason: str) -> bool: ...
    def list_addresses(self, customer_ids: Iterable[CustomerId]) -> None: ...
    def outlive(self, customer_id: CustomerId, at: datetime, *, reason: str) -> int: ...
