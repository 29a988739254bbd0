"""What is asked of the tracks that are written down."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

from nearcast.domain.ids import CustomerId, GeofenceId
from nearcast.domain.ping import Fix
from nearcast.domain.track import Track


class StayedFix(NamedTuple):
    """A fix that changed nothing, inside the geofences of the open visits; its instant in microseconds since 1970."""

    at_us: int
    lat_deg: float
    lon_deg: float
    accuracy_m: float
    device_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """What has come, in order, after the fixes of a track, and `newest_us`, the last of both; the others as a
    `KeptTrack` has them.
    """

    fixes: Sequence[StayedFix] = ()
    newest_us: int | None = None
    last_zone: ZoneInfo | None = None
    ends_at: datetime | None = None
    upto: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptTrack:
    """A track with what is known beside it. `ends_at` is when its open visits end if no ping comes; None for never. All
    of the customer's pings up to number `upto` of their partition are in it, or in `stayed`, which comes after it.
    """

    track: Track
    stayed: tuple[Fix, ...] = ()
    last_zone: ZoneInfo | None = None
    ends_at: datetime | None = None
    upto: int = 0

    @property
    def fixes(self) -> tuple[Fix, ...]:
        return (*self.track.fixes, *self.stayed)


class Tracks(Protocol):
    def load(self, customer_ids: Iterable[CustomerId]) -> dict[CustomerId, KeptTrack]: ...
    def save(self, tracks: Iterable[KeptTrack]) -> None: ...
    def stays(self, customer_ids: Iterable[CustomerId]) -> dict[CustomerId, Stay]: ...
    def stay(self, stays: Mapping[CustomerId, Stay]) -> None: ...
    def delete(self, customer_ids: Iterable[CustomerId]) -> None: ...
    def ended(self, now: datetime, *, limit: int = 1000) -> list[tuple[datetime, CustomerId]]: ...
    def next_end(self) -> datetime | None: ...
    def visiting(self, geofence_id: GeofenceId) -> list[CustomerId]: ...
    def seen_since(self, at: datetime | None) -> list[CustomerId]: ...
    def without_consent(self, now: datetime) -> list[CustomerId]: ...
