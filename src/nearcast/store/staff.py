"""The people who work in shops, found by the keyed hashes of their addresses."""

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, or_, select, update

from nearcast.domain.ids import ShopId, TenantId
from nearcast.services.staff_ports import Member
from nearcast.store.dialect import among, insert_all
from nearcast.store.staff_tables import shop_staff


class Staff:
    """One tenant's staff, by shop."""

    def __init__(self, connection: Connection, tenant: TenantId) -> None:
        self._connection, self._tenant = connection, tenant

    def of(self, shop_id: ShopId) -> list[Member]:
        """The staff of a shop by name."""
        return self._found(shop_staff.c.shop_id == shop_id)

    def replace(self, shop_id: ShopId, members: Sequence[Member]) -> None:
        """Write all staff of a shop, in place of those that it had."""
        of_shop = shop_staff.c.tenant_id == self._tenant, shop_staff.c.shop_id == shop_id
        self._connection.execute(delete(shop_staff).where(*of_shop))
        insert_all(self._connection, shop_staff, [{**asdict(each), "tenant_id": self._tenant} for each in members])

    def at(self, channel: str, address_indexes: Collection[str]) -> list[Member]:
        """Whoever has one of these addresses on a channel, in whichever shops."""
        if not address_indexes:
            return []
        return self._found(shop_staff.c.channel == channel, among(shop_staff.c.address_index, sorted(address_indexes)))

    def hear(self, members: Collection[Member], at: datetime, *, by: str) -> None:
        """Note that they wrote at an instant, unless they did later."""
        mine = shop_staff.c.tenant_id == self._tenant, among(shop_staff.c.id, sorted(each.id for each in members))
        is_news = or_(shop_staff.c.heard_at.is_(None), shop_staff.c.heard_at < at)
        self._connection.execute(update(shop_staff).where(*mine, is_news).values(heard_at=at, heard_by=by))

    def verify(self, member: Member, at: datetime) -> None:
        """Note that an address is that member's."""
        mine = shop_staff.c.tenant_id == self._tenant, shop_staff.c.id == member.id
        self._connection.execute(update(shop_staff).where(*mine).values(verified_at=at))

    def sealed_otherwise(self, key_id: str) -> list[Member]:
        """Whose addresses are sealed with another key than that one."""
        return self._found(shop_staff.c.sealed.not_like(f"%.{key_id}.%"))

    def reseal(self, member: Member, sealed: str) -> None:
        """Write an address sealed anew, unless it is another one by now."""
        same = (
            shop_staff.c.tenant_id == self._tenant,
            shop_staff.c.id == member.id,
            shop_staff.c.sealed == member.sealed,
        )
        self._connection.execute(update(shop_staff).where(*same).values(sealed=sealed))

    def _found(self, *which: Any) -> list[Member]:
        mine = select(shop_staff).where(shop_staff.c.tenant_id == self._tenant, *which)
        order = shop_staff.c.shop_id, shop_staff.c.name, shop_staff.c.id
        return [_member(row) for row in self._connection.execute(mine.order_by(*order))]


def _member(row: Row[Any]) -> Member:
    return Member(
        id=row.id,
        shop_id=ShopId(row.shop_id),
        name=row.name,
        channel=row.channel,
        sealed=row.sealed,
        address_index=row.address_index,
        registered_at=row.registered_at,
        verified_at=row.verified_at,
        heard_at=row.heard_at,
        heard_by=row.heard_by,
    )
