"""What sharing the ping log asks of the outside."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol


class PartitionLeases(Protocol):
    """Who may work on which partition of the ping log, for all tenants alike, by the database's own clock."""

    def database_now(self) -> datetime: ...
    def keep_share(self, owner: str, now: datetime, *, lease_s: float) -> Mapping[int, int]: ...
    def end_share(self, owner: str) -> None: ...
