"""API keys as the use cases see them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from nearcast.domain.ids import ShopId, TenantId


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """Who may ask what; the secret itself is nowhere. `shop_ids` None means every shop of the tenant.

    It ends at `expires_at`, or at once when it is revoked. A secret that was replaced goes on until `previous_until`.
    `last_used_at` is right to an hour.
    """

    id: str
    tenant_id: TenantId
    name: str
    role: str
    key_hash: str
    shop_ids: Sequence[ShopId] | None
    created_at: datetime
    revoked_at: datetime | None = None
    expires_at: datetime | None = None
    previous_hash: str | None = None
    previous_until: datetime | None = None
    last_used_at: datetime | None = None

    def is_live(self, now: datetime) -> bool:
        """Whether it has neither been revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def hashes(self, now: datetime) -> list[str]:
        """Of the secrets that open it."""
        is_old_one_good = self.previous_until is not None and now < self.previous_until
        return [self.key_hash, self.previous_hash] if self.previous_hash and is_old_one_good else [self.key_hash]


class Keys(Protocol):
    def insert(self, key: ApiKey) -> None: ...
    def all(self) -> list[ApiKey]: ...
    def revoke(self, key_id: str, at: datetime) -> bool: ...
    def rotate(self, key_id: str, key_hash: str, at: datetime, *, previous_until: datetime) -> ApiKey | None: ...
    def touch(self, key_id: str, at: datetime, *, not_since: datetime) -> bool: ...
