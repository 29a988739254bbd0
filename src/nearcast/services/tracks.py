"""The tracks of customers; pings that change nothing are sorted in when somebody asks."""

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from nearcast.domain.ids import CustomerId, GeofenceId, TenantId
from nearcast.domain.ping import Fix
from nearcast.domain.rest import Rest, rest_of
from nearcast.domain.track import Track, stay
from nearcast.domain.visit import Ground, PresenceRules
from nearcast.geo.geodesy import Bools
from nearcast.geo.zones import zone_of
from nearcast.services.calm import CalmPings, Coming
from nearcast.services.roster import Roster
from nearcast.services.track_ports import KeptTrack


class Tracks(MutableMapping[CustomerId, Track]):
    """Whoever reads a track finds all pings in it that have come by then."""

    def __init__(
        self,
        tenant_id: TenantId,
        roster: Roster,
        last_zones: dict[CustomerId, ZoneInfo],
        *,
        ground: Ground,
        rules: PresenceRules,
    ) -> None:
        """`last_zones` is kept up to date with the pings that change nothing else."""
        self._tenant_id, self._roster, self._last_zones = tenant_id, roster, last_zones
        self._ground, self._rules = ground, rules
        self._tracks: dict[CustomerId, Track] = {}
        self._trails: dict[CustomerId, tuple[Rest, list[Fix]]] = {}
        self._calm = CalmPings(lateness_s=rules.lateness_s, max_speed_mps=rules.max_speed_mps)

    def __getitem__(self, customer_id: CustomerId) -> Track:
        waited = self._calm.take(self._roster.number_of(customer_id))
        if waited:
            self._stay(customer_id, waited)
        _, followed = self._trails.pop(customer_id, (None, None))
        if followed:
            self._stay(customer_id, followed)
        return self._tracks[customer_id]

    def __setitem__(self, customer_id: CustomerId, track: Track) -> None:
        self._tracks[customer_id] = track
        self._trails.pop(customer_id, None)
        self._calm.forget(self._roster.number_of(customer_id))

    def __delitem__(self, customer_id: CustomerId) -> None:
        self._calm.forget(self._roster.number_of(customer_id))
        self._tracks.pop(customer_id, None)
        self._trails.pop(customer_id, None)

    def __contains__(self, customer_id: object) -> bool:
        return isinstance(customer_id, str) and self.get(CustomerId(customer_id)) is not None

    def __iter__(self) -> Iterator[CustomerId]:
        waiting = (self._roster.name(number) for number in self._calm.waiting())
        return iter([key for key in self._tracks.keys() | set(waiting) if key in self])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @property
    def come(self) -> int:
        """How many pings of those sifted have come by now; the others are in no track yet."""
        return self._calm.visible_until

    @come.setter
    def come(self, count: int) -> None:
        self._calm.visible_until = count

    def ground_changed(self) -> None:
        """Geofences were edited: who was at rest may not be."""
        self._calm.forget_rests()
        for customer_id in list(self._trails):
            self.get(customer_id)

    def sift(self, pings: Coming, inside: Mapping[int, frozenset[GeofenceId]]) -> Bools:
        """Which of the pings change nothing; these are in their customers' tracks as soon as they have come.

        `inside` is by place in the columns; all pings sifted before have come.
        """
        self._calm.grow(len(self._roster))
        for number in self._calm.unknown(pings.customer):
            customer_id = self._roster.name(number)
            track = self[customer_id] if customer_id in self._tracks else self._empty(customer_id)
            self._calm.note(number, rest_of(track, ground=self._ground, rules=self._rules))
        return self._calm.sift(pings, inside)

    def follows(self, customer_id: CustomerId, fixes: Sequence[Fix], arrived_at: datetime) -> bool:
        """Whether fixes, in order, that come in then change nothing after all that the track says; if so they are in it
        as soon as somebody asks.
        """
        if customer_id not in self._trails:
            rest = rest_of(self[customer_id], ground=self._ground, rules=self._rules)
            if rest is None:
                return False
            self._trails[customer_id] = (rest, [])
            self._calm.doubt(self._roster.number_of(customer_id))
        rest, followed = self._trails[customer_id]
        for fix in fixes:
            if not rest.holds_for(fix, arrived_at=arrived_at, ground=self._ground, rules=self._rules):
                return False
            rest = rest.then(fix)
        self._trails[customer_id] = (rest, [*followed, *fixes])
        return True

    def take_up(self, customer_id: CustomerId, kept: KeptTrack) -> None:
        """A track as it was written down."""
        self[customer_id] = kept.track
        if kept.stayed:
            self._stay(customer_id, kept.stayed)
        if kept.last_zone is not None:
            self._last_zones[customer_id] = kept.last_zone

    def stay(self, customer_id: CustomerId, fixes: Sequence[Fix]) -> None:
        """Sort in fixes that change nothing else, in order."""
        self.get(customer_id)  # those that wait come before
        self._stay(customer_id, fixes)
        self._calm.forget(self._roster.number_of(customer_id))

    def _stay(self, customer_id: CustomerId, fixes: Sequence[Fix]) -> None:
        track = self._tracks.get(customer_id) or self._empty(customer_id)
        self._tracks[customer_id] = stay(track, fixes, ground=self._ground, rules=self._rules)
        zone = next(filter(None, (zone_of(fix.position) for fix in reversed(fixes))), None)
        if zone is not None:
            self._last_zones[customer_id] = zone

    def _empty(self, customer_id: CustomerId) -> Track:
        return Track(tenant_id=self._tenant_id, customer_id=customer_id)
