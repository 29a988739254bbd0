"""What waits in a database, for whoever watches it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from nearcast.domain.ids import TenantId
from nearcast.services.figures import Figures
from nearcast.services.inbound_ports import Quarantine


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What waits, of all tenants together: pings by partition, messages, events for webhooks and the dead ones; and how
    many senders their providers have stopped, by channel.
    """

    pings: Mapping[int, int]
    messages: int
    events: int
    dead_events: int
    stopped_senders: Mapping[str, int] = field(default_factory=dict)


class Watched(Quarantine, Protocol):
    """What a store tells of itself."""

    @property
    def figures(self) -> Figures: ...
    def waiting_pings(self) -> dict[int, int]: ...
    def waiting(self) -> Waiting: ...
    def tenants_with_pings(self) -> list[TenantId]: ...
    def tenants_with_messages(self, due_by: datetime) -> list[TenantId]: ...
    def tenants_with_events(self, due_by: datetime) -> list[TenantId]: ...
