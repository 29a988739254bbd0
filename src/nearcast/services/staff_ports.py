"""The staff of shops as the use cases ask for them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from nearcast.domain.ids import ShopId
from nearcast.domain.value import value


@value(kw_only=True)
class Member:
    """Somebody who works in a shop, by their address on a channel. It is theirs from `verified_at` on; they last wrote
    at `heard_at`, to our number `heard_by`.
    """

    id: str
    shop_id: ShopId
    name: str
    channel: str
    sealed: str
    address_index: str
    registered_at: datetime
    verified_at: datetime | None = None
    heard_at: datetime | None = None
    heard_by: str | None = None


class StaffKept(Protocol):
    """One tenant's staff."""

    def of(self, shop_id: ShopId) -> list[Member]: ...
    def replace(self, shop_id: ShopId, members: Sequence[Member]) -> None: ...
    def at(self, channel: str, address_indexes: Collection[str]) -> list[Member]: ...
    def hear(self, members: Collection[Member], at: datetime, *, by: str) -> None: ...
    def verify(self, member: Member, at: datetime) -> None: ...
    def sealed_otherwise(self, key_id: str) -> list[Member]: ...
    def reseal(self, member: Member, sealed: str) -> None: ...


class Staffing(Protocol):
    """A unit of work, as far as it has staff."""

    @property
    def staff(self) -> StaffKept: ...
