"""What the use cases ask of the store where pings of the past are concerned."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Protocol

from nearcast.domain.ids import CustomerId
from nearcast.geo.batch import PingBatch


class PastPings(Protocol):
    """One tenant's pings of the past: a place, a device and an instant of a customer are kept once."""

    def add(self, batch: PingBatch, at: datetime) -> int: ...
    def of(self, customer_id: CustomerId) -> list[dict[str, Any]]: ...
    def customers(self) -> list[CustomerId]: ...
    def forget(self, customer_ids: Iterable[CustomerId]) -> int: ...
    def prune(self, before: datetime, *, limit: int) -> int: ...
