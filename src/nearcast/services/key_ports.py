"""API keys as the use cases see them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from nearcast.domain.ids import ShopId, TenantId


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """Who may ask what; the secret itself is nowhere. `shop_ids` None means every shop of the tenant."""

    id: str
    tenant_id: TenantId
    name: str
    role: str
    key_hash: str
    shop_ids: Sequence[ShopId] | None
    created_at: datetime
    revoked_at: datetime | None = None


class Keys(Protocol):
    def insert(self, key: ApiKey) -> None: ...
    def all(self) -> list[ApiKey]: ...
    def revoke(self, key_id: str, at: datetime) -> bool: ...
