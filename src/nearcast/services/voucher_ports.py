"""Vouchers as the use cases ask for them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from nearcast.domain.ids import CustomerId, MessageId, ShopId, TenantId
from nearcast.domain.voucher import Voucher


class Vouchers(Protocol):
    """One tenant's vouchers, named by the keyed hashes of their codes."""

    def insert(self, vouchers: Iterable[Voucher]) -> None: ...
    def get(self, voucher_id: str) -> Voucher | None: ...
    def redeem(self, voucher_id: str, at: datetime, *, by: str) -> bool: ...
    def redeemed(self, message_ids: Iterable[MessageId]) -> dict[MessageId, datetime]: ...
    def count_redeemed(self, shop_id: ShopId, since: datetime, until: datetime) -> int: ...
    def of(self, customer_id: CustomerId) -> list[Voucher]: ...
    def prune(self, before: datetime, *, limit: int) -> int: ...


class Vouching(Protocol):
    """A unit of work, as far as it has vouchers."""

    @property
    def vouchers(self) -> Vouchers: ...


class FindsVouchers(Protocol):
    """A store, as far as it is asked before a tenant is known."""

    def tenant_of_voucher(self, voucher_id: str) -> TenantId | None: ...
