"""A worker's share of the ping log: partitions that are leased to it, and for how long it may believe so."""

from collections.abc import Callable, Mapping
from threading import Lock
from types import MappingProxyType

from nearcast.services.partition_ports import PartitionLeases

_NONE: Mapping[int, int] = MappingProxyType({})


class Share:
    """The partitions of one worker, by its name among all processes on the database.

    `keep` is called often within a lease; `held` is empty from the instant at which the leases that are known here may
    have ended, whether the database can be asked or not. `monotonic_s` tells seconds that never go back.
    """

    def __init__(
        self, leases: PartitionLeases, owner: str, *, lease_s: float, monotonic_s: Callable[[], float]
    ) -> None:
        self._leases, self._owner, self._lease_s, self._monotonic_s = leases, owner, lease_s, monotonic_s
        self._lock = Lock()
        self._held, self._until_s = _NONE, 0.0
        self._is_over = False

    @property
    def every_s(self) -> float:
        """How often to call `keep`: one call that fails, or is late, loses nothing."""
        return self._lease_s / 4

    def keep(self) -> None:
        """Renew what is held, give back what is more than a fair share, take what nobody holds."""
        with self._lock:
            if self._is_over:
                return
            until_s = self._monotonic_s() + self._lease_s
            now = self._leases.database_now()
            held = self._leases.keep_share(self._owner, now, lease_s=self._lease_s)
            self._held, self._until_s = MappingProxyType(dict(held)), until_s

    def held(self) -> Mapping[int, int]:
        """The fencing token of each partition that is ours now."""
        return self._held if self._monotonic_s() < self._until_s else _NONE

    def end(self) -> None:
        """Give everything back for good: others take it at once."""
        with self._lock:
            self._is_over, self._held = True, _NONE
            self._leases.end_share(self._owner)


class Partitions:
    """Makes shares of the ping log; a lease that is not renewed ends after `lease_s` seconds."""

    def __init__(self, leases: PartitionLeases, *, lease_s: float, monotonic_s: Callable[[], float]) -> None:
        self._leases, self._lease_s, self._monotonic_s = leases, lease_s, monotonic_s

    def share(self, owner: str) -> Share:
        return Share(self._leases, owner, lease_s=self._lease_s, monotonic_s=self._monotonic_s)
