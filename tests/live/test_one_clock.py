"""One clock for all machines: a scheduler goes by the database's, whatever its own says."""

from datetime import UTC, datetime, timedelta

from nearcast.clock import FollowingClock
from nearcast.services.live import Live
from nearcast.store.sql_store import SqlStore
from tests.live.corner import NOON, Heard, arrive, later, names, open_corner, runs, scheduled


class Machine:
    """Its monotonic seconds, and another machine's time, both set by hand."""

    def __init__(self, theirs: datetime) -> None:
        self.seconds, self.theirs = 1000.0, theirs
        self.is_away = False
        self.asked = 0

    def read(self) -> datetime:
        self.asked += 1
        if self.is_away:
            raise OSError("nobody there")
        return self.theirs

    def passes(self, seconds: float) -> None:
        self.seconds += seconds
        self.theirs += timedelta(seconds=seconds)

    def clock(self) -> FollowingClock:
        return FollowingClock(self.read, every_s=5.0, monotonic_s=lambda: self.seconds)


def test_it_follows_and_asks_now_and_then() -> None:
    machine = Machine(NOON)
    clock = machine.clock()
    for _ in range(20):
        machine.passes(1)
        assert clock.now() == machine.theirs
    assert machine.asked == 5
    machine.theirs += timedelta(seconds=90)
    machine.passes(5)
    assert clock.now() == machine.theirs == later(115)


def test_it_never_goes_back_and_goes_on_while_nobody_can_be_asked() -> None:
    machine = Machine(NOON)
    clock = machine.clock()
    assert clock.now() == NOON
    machine.theirs -= timedelta(seconds=30)
    machine.passes(5)
    assert clock.now() == NOON
    machine.is_away = True
    machine.passes(40)
    assert clock.now() == later(15)
    assert clock.now().tzinfo is UTC


def test_x05_two_schedulers_whose_own_clocks_are_90_s_apart_make_one_run(store: SqlStore) -> None:
    """Due at noon. By the one machine's clock it is a minute and a half past when the database says noon."""
    tenant, heard = open_corner(store, scheduled("0 10 * * *"), customers=names(1), at=later(-600)), Heard()
    arrive(store, tenant, names(1), later(-300))
    Live(store, tenant, heard).work_pings(later(-300))
    fast, slow = Machine(later(-45)), Machine(later(-45))
    fast.seconds += 90
    clocks = [(Live(store, tenant, heard, owner=str(n)), one, one.clock()) for n, one in enumerate((fast, slow))]
    for _ in range(10):
        for live, machine, clock in clocks:
            machine.passes(9)
            live.work_due(clock.now())
            assert len(runs(store, tenant)) == (machine.theirs >= NOON)
    assert [(run.due_at, run.status.value, run.entries) for run in runs(store, tenant)] == [(NOON, "done", 1)]
    assert heard.customers == names(1)
