"""Devices of customers as the use cases see them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from nearcast.domain.ids import CustomerId, TenantId

if TYPE_CHECKING:
    from nearcast.services.ports import Page


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """What speaks for one customer with a password or a token, which are kept as hashes. `feed` is the protocol that
    it was made for. `last_seen_at` is right to some minutes.
    """

    id: str
    tenant_id: TenantId
    customer_id: CustomerId
    feed: str
    password_hash: str
    token_hash: str
    created_at: datetime
    revoked_at: datetime | None = None
    last_seen_at: datetime | None = None


class Devices(Protocol):
    """One tenant's devices."""

    def insert(self, device: Device) -> None: ...
    def get(self, device_id: str) -> Device | None: ...
    def of(self, customer_id: CustomerId) -> list[Device]: ...
    def page(self, *, cursor: str | None = None, limit: int = 100) -> "Page[Device]": ...
    def revoke(self, device_id: str, at: datetime) -> Device | None: ...
    def revoke_all(self, customer_ids: Iterable[CustomerId], at: datetime) -> int: ...
    def touch(self, device_id: str, at: datetime, *, not_since: datetime) -> bool: ...
    def prune(self, before: datetime, *, limit: int) -> int: ...
