"""What the use cases ask of whoever keeps the consent ledger."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from nearcast.domain.consent import ConsentEvent
from nearcast.domain.ids import CustomerId


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerLine:
    """A consent event with its evidence: when we took it down, what the customer was shown, where it came from."""

    event: ConsentEvent
    recorded_at: datetime
    notice: Mapping[str, Any] | None = None
    source: str | None = None


class Consents(Protocol):
    def append(self, line: LedgerLine) -> bool: ...
    def lines(self, customer_id: CustomerId) -> list[LedgerLine]: ...
    def of(self, customer_ids: Iterable[CustomerId]) -> dict[CustomerId, list[ConsentEvent]]: ...
    def changing(self, after: datetime, until: datetime) -> list[CustomerId]: ...
    def next_change(self, after: datetime) -> datetime | None: ...
