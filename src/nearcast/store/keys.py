"""API keys: who may ask what. The key itself is never here, only its hash."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from nearcast.domain.ids import ShopId, TenantId
from nearcast.services.key_ports import ApiKey
from nearcast.store.tables import api_key


class Keys:
    """One tenant's keys."""

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        self._connection, self._tenant = connection, tenant

    def insert(self, key: ApiKey) -> None:
        """Add a key of this tenant."""
        row = {name: getattr(key, name) for name in api_key.columns.keys()}  # noqa: SIM118 - iterating columns gives columns
        shop_ids = None if key.shop_ids is None else list(key.shop_ids)
        self._connection.execute(insert(api_key), {**row, "tenant_id": self._tenant, "shop_ids": shop_ids})

    def all(self) -> list[ApiKey]:
        """All keys, revoked ones too, oldest first."""
        mine = select(api_key).where(api_key.c.tenant_id == self._tenant)
        return [_key(row) for row in self._connection.execute(mine.order_by(api_key.c.created_at, api_key.c.id))]

    def rotate(self, key_id: str, key_hash: str, at: datetime, *, previous_until: datetime) -> ApiKey | None:
        """Give a live key another secret; the one before opens it until then. None where there is no live key."""
        c = api_key.c
        mine = (c.tenant_id == self._tenant) & (c.id == key_id)
        is_live = c.revoked_at.is_(None) & (c.expires_at.is_(None) | (c.expires_at > at))
        changes = {"previous_hash": c.key_hash, "previous_until": previous_until, "key_hash": key_hash}
        changed = update(api_key).where(mine, is_live).values(changes).returning(api_key)
        row = self._connection.execute(changed).one_or_none()
        return None if row is None else _key(row)

    def touch(self, key_id: str, at: datetime, *, not_since: datetime) -> bool:
        """Note that a key is in use; False where that was noted after that instant."""
        last = api_key.c.last_used_at
        stale = (
            (api_key.c.tenant_id == self._tenant) & (api_key.c.id == key_id) & (last.is_(None) | (last <= not_since))
        )
        return self._connection.execute(update(api_key).where(stale).values(last_used_at=at)).rowcount == 1

    def revoke(self, key_id: str, at: datetime) -> bool:
        """End a key; False where there is none, or it has ended."""
        mine = (api_key.c.tenant_id == self._tenant) & (api_key.c.id == key_id) & api_key.c.revoked_at.is_(None)
        return self._connection.execute(update(api_key).where(mine).values(revoked_at=at)).rowcount == 1


def find_key(connection: Connection, key_id: str) -> ApiKey | None:
    """A key of whichever tenant, revoked or not: the caller's name is not known before this."""
    row = connection.execute(select(api_key).where(api_key.c.id == key_id)).one_or_none()
    return None if row is None else _key(row)


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        id=row.id,
        tenant_id=TenantId(row.tenant_id),
        name=row.name,
        role=row.role,
        key_hash=row.key_hash,
        shop_ids=None if row.shop_ids is None else tuple(map(ShopId, row.shop_ids)),
        created_at=row.created_at,
        revoked_at=row.revoked_at,
        expires_at=row.expires_at,
        previous_hash=row.previous_hash,
        previous_until=row.previous_until,
        last_used_at=row.last_used_at,
    )
