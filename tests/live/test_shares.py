"""Workers that share the ping log: each ping is worked on under a lease, and by nobody whose lease is over."""

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime

import pytest

from nearcast.domain.ids import TenantId
from nearcast.services.live import Live
from nearcast.services.partitions import Share
from nearcast.store.pings import partition_of
from nearcast.store.sql_store import SqlStore
from tests.live.corner import ENTER, NOON, Heard, arrive, later, messages, names, open_corner, verdicts

LEASE_S = 5.0


class SteppedStore(SqlStore):
    """Its clock is set by hand."""

    at: datetime = NOON

    def database_now(self) -> datetime:
        return self.at


@pytest.fixture
def stepped(store_url: str, store: SqlStore) -> Iterator[SteppedStore]:
    with closing(SteppedStore(store_url)) as stepped:
        yield stepped


def share(store: SteppedStore, owner: str) -> Share:
    """A share whose holder's own clock goes as the database's."""
    return Share(store, owner, lease_s=LEASE_S, monotonic_s=lambda: (store.at - NOON).total_seconds())


def corner(store: SqlStore, count: int) -> TenantId:
    """A tenant with so many customers, each of whom has walked in."""
    tenant = open_corner(store, ENTER, customers=names(count))
    arrive(store, tenant, names(count))
    return tenant


def test_two_workers_share_the_log_and_together_work_all_of_it(stepped: SteppedStore) -> None:
    tenant, shares = corner(stepped, 40), [share(stepped, owner) for owner in "ab"]
    for _ in range(2):
        for mine in shares:
            mine.keep()
    worked = [Live(stepped, tenant, Heard()).work_some_pings(NOON, mine.held()) for mine in shares]
    expected = [sum(partition_of(key) in mine.held() for key in names(40)) for mine in shares]
    assert worked == expected
    assert min(expected) > 0
    assert sorted(verdicts(stepped, tenant)) == [(key, None) for key in names(40)]


def test_what_another_has_leased_is_left_to_it(stepped: SteppedStore) -> None:
    tenant, holder = corner(stepped, 5), share(stepped, "holder")
    stepped.at = super(SteppedStore, stepped).database_now()  # borrowing goes by the real one
    holder.keep()
    live = Live(stepped, tenant, Heard())
    assert (live.work_pings(NOON), live.work_some_pings(NOON, {})) == (0, 0)
    holder.end()
    assert live.work_pings(NOON) == 5


def test_the_partitions_of_the_dead_go_on_when_their_leases_end(stepped: SteppedStore) -> None:
    tenant, dead, alive = corner(stepped, 40), share(stepped, "dead"), share(stepped, "alive")
    for mine in (dead, alive, dead, alive):
        mine.keep()
    live = Live(stepped, tenant, Heard())
    live.work_some_pings(NOON, alive.held())
    for now_s in (2, 4, 5):
        stepped.at = later(now_s)
        alive.keep()
    assert dead.held() == {}
    live.work_some_pings(later(5), alive.held())
    assert sorted(messages(stepped, tenant)) == names(40)


def test_the_late_commit_of_a_zombie_changes_nothing(stepped: SteppedStore) -> None:
    tenant, zombie, new = corner(stepped, 12), share(stepped, "zombie"), share(stepped, "new")
    zombie.keep()
    held = zombie.held()  # it was stopped here, and does not know what time it is when it wakes up
    stepped.at = later(LEASE_S)
    new.keep()
    assert Live(stepped, tenant, Heard()).work_some_pings(NOON, held) == 0
    assert (verdicts(stepped, tenant), messages(stepped, tenant)) == ([], {})
    assert Live(stepped, tenant, Heard()).work_some_pings(later(5), new.held()) == 12
    assert len(verdicts(stepped, tenant)) == 12
