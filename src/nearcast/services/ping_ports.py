"""What the ping log must do for who takes pings in and for who consumes them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from nearcast.domain.ids import CustomerId
from nearcast.geo.batch import Ints, PingBatch


@dataclass(frozen=True, slots=True, kw_only=True)
class PingSlice:
    """Pings of some partitions, in order within each; `moves` are the positions before and after them by partition,
    `settled` until where all is written down. `partition` and `seq` say which ping of which partition each is.
    """

    moves: Mapping[int, tuple[int, int]]
    settled: Mapping[int, int]
    batch: PingBatch
    partition: Ints
    seq: Ints

    def take(self, rows: Ints) -> "PingSlice":
        """Some of the pings; all positions move."""
        return replace(self, batch=self.batch.take(rows), partition=self.partition[rows], seq=self.seq[rows])


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPosition:
    """A partition's pings are numbered from 1 to `head`; those up to `position` are consumed, and up to `settled` all
    that this gave is written down.
    """

    settled: int
    position: int
    head: int


class Pings(Protocol):
    def admit(self) -> None: ...
    def append(self, batch: PingBatch) -> None: ...
    def waiting(self) -> dict[int, int]: ...
    def waiting_since(self, customer_ids: Iterable[CustomerId]) -> dict[CustomerId, datetime]: ...
    def borrow(self, partitions: Iterable[int]) -> dict[int, int]: ...
    def read(self, partitions: Iterable[int], *, limit: int, again: bool = False) -> PingSlice: ...
    def move(
        self, moves: Mapping[int, tuple[int, int]], tokens: Mapping[int, int], *, is_settled: bool = True
    ) -> bool: ...
    def settle(self, moves: Mapping[int, tuple[int, int]], tokens: Mapping[int, int]) -> bool: ...
    def positions(self) -> dict[int, LogPosition]: ...
    def seen(self, pings: Iterable[tuple[CustomerId, str | None, str]]) -> set[tuple[CustomerId, str | None, str]]: ...
    def remember(self, pings: Iterable[tuple[CustomerId, str | None, str]], at: datetime) -> None: ...
    def of(self, customer_id: CustomerId) -> list[dict[str, Any]]: ...
    def prune(self, before: datetime, *, limit: int) -> int: ...
    def prune_seen(self, before: datetime, *, limit: int) -> int: ...
