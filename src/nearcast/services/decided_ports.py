"""What the use cases ask of the outside about decisions that left no message: other sends, ghosts, arms."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from nearcast.domain.case import Send
from nearcast.domain.experiment import Assignment
from nearcast.domain.ids import CampaignId, CustomerId


class Sends(Protocol):
    def append(self, sends: Iterable[tuple[CustomerId, Send]]) -> None: ...
    def of(self, customer_ids: Iterable[CustomerId]) -> dict[CustomerId, list[Send]]: ...
    def recent(self, customer_ids: Iterable[CustomerId], since: datetime) -> dict[CustomerId, list[Send]]: ...
    def budget_used(self, campaign_ids: Iterable[CampaignId]) -> dict[CampaignId, int]: ...


class Assignments(Protocol):
    def append(self, assignments: Iterable[tuple[CustomerId, Assignment]]) -> None: ...
    def of(self, customer_ids: Iterable[CustomerId]) -> dict[CustomerId, list[Assignment]]: ...
