"""Whether this process can do its work, and what waits for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event
from typing import Protocol, TypeAlias

from nearcast.domain.errors import StoreUnavailable
from nearcast.services.intake import MOST_WAITING
from nearcast.services.ports import Store
from nearcast.services.waiting import Waiting

_MOST_SKEW = timedelta(seconds=2)
_LONGEST_ROUND_S = 60.0  # a lease is over by then, and others do its work


class LoopHealth(Protocol):
    """How a loop is doing."""

    @property
    def error(self) -> str | None:
        """The type of what fails now, None where nothing does."""

    @property
    def last_success_at(self) -> datetime | None:
        """The end of its last round in which nothing failed; None before the first."""

    @property
    def is_alive(self) -> bool:
        """Whether its thread runs."""

    @property
    def busy_s(self) -> float:
        """For how long it has been at the round that it is at, in seconds; 0 between rounds."""


WorkerStatus: TypeAlias = Callable[[], Mapping[str, LoopHealth]]
"""The loops of this process by name."""


def no_worker() -> Mapping[str, LoopHealth]:
    """The loops of a process that runs none."""
    return {}


@dataclass(frozen=True, slots=True)
class Check:
    """`detail` says what is wrong; never where the database is or how to get in."""

    is_ok: bool
    detail: str | None = None


class Health:
    """Checks of the database, its schema and its clock, of the backlog and of the worker's loops.

    `needed_schema` is the revision that this version works with. `machine_now` tells the machine's time; None where the
    service lives by another clock. More pings than `most_waiting` are too many. `ending` is set once the
    process has been told to end.
    """

    def __init__(
        self,
        store: Store,
        needed_schema: Callable[[], str | None],
        *,
        machine_now: Callable[[], datetime] | None = None,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._most_waiting = most_waiting
        self._store, self._needed_schema, self._machine_now = store, needed_schema, machine_now
        self.ending = Event()

    def checks(self, loops: Mapping[str, LoopHealth]) -> dict[str, Check]:
        """Every check by name, the worker's loops too."""
        ending = {"ending": Check(False, "it has been told to end")} if self.ending.is_set() else {}
        return ending | self._of_store() | {f"worker {name}": _of_loop(loop) for name, loop in loops.items()}

    def waiting(self) -> Waiting | None:
        """What waits; None while the database does not answer."""
        try:
            return self._store.waiting()
        except StoreUnavailable:
            return None

    def _of_store(self) -> dict[str, Check]:
        try:
            about, needed = self._store.about(), self._needed_schema()
            if about.schema != needed:
                said = f"it is at revision {about.schema or 'none'}, and this nearcast needs {needed}: nearcast migrate"
                return {"database": Check(True), "schema": Check(False, said)}
            skew = timedelta(0) if self._machine_now is None else abs(about.now - self._machine_now())
            found = {"database": Check(True), "schema": Check(True), "clock": _of_clock(skew)}
            return found | {"backlog": _of_backlog(sum(self._store.waiting_pings().values()), self._most_waiting)}
        except StoreUnavailable:
            return {"database": Check(False, "it does not answer")}


def _of_clock(skew: timedelta) -> Check:
    if skew <= _MOST_SKEW:
        return Check(True)
    return Check(False, f"the machine's is {skew.total_seconds():.1f} s apart from the database's")


def _of_backlog(waiting: int, most: int) -> Check:
    return Check(True) if waiting <= most else Check(False, f"{waiting:,} pings wait for a worker")


def _of_loop(loop: LoopHealth) -> Check:
    if not loop.is_alive:
        return Check(False, "it has ended")
    if loop.error is not None:
        return Check(False, f"it fails with {loop.error} and goes on trying")
    if loop.busy_s > _LONGEST_ROUND_S:
        return Check(False, f"it has been at one round for {loop.busy_s:.0f} s")
    return Check(True) if loop.last_success_at is not None else Check(False, "it has not been round yet")
