"""Who has leased a partition remembers who is at rest there: nothing else comes of it than without, whoever dies."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import count
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nearcast.domain.consent import LOCATION, ConsentAction, ConsentEvent
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.geo.batch import joined
from nearcast.services.instants import as_us
from nearcast.services.intake import Intake
from nearcast.services.ledger_ports import LedgerLine
from nearcast.services.live import Live
from nearcast.services.steps import Steps
from nearcast.services.track_ports import KeptTrack
from nearcast.store.sql_store import SqlStore
from tests.live.corner import (
    ENTER,
    FENCE,
    INSIDE_DEG,
    NOON,
    OUTSIDE_DEG,
    Heard,
    arrive,
    later,
    messages,
    names,
    open_corner,
    seen,
    verdicts,
)

ALL = dict.fromkeys(range(16), 0)  # partitions that were never leased have this token
CUSTOMERS = names(3)
NEAR_DEG = 52.5215
_numbers = count()


class Worker:
    """A worker of one tenant that has all partitions, and a clock that is set by hand."""

    def __init__(self, store: SqlStore, tenant: TenantId, held: Mapping[int, int] | None) -> None:
        self._store, self._tenant, self._held = store, tenant, held
        self.now_s = 0.0
        self.restart()

    def restart(self) -> None:
        """What it remembered is lost."""
        self.live = Live(self._store, self._tenant, Heard(), monotonic_s=lambda: self.now_s)

    def work(self, now: datetime) -> None:
        self.now_s = (now - NOON).total_seconds()
        while self.live.work_some_pings(now, self._held):
            pass


def tracks(store: SqlStore, tenant: TenantId) -> dict[str, KeptTrack]:
    """As they are written down."""
    steps = Steps(store, tenant)
    with steps.reading() as uow:
        world = steps.catalogue.world(uow.catalogue)
        found = uow.tracks.load(CUSTOMERS)
    for key, kept in found.items():
        world.tracks.take_up(key, kept)
    whole = {key: replace(world.tracks[key], tenant_id=TenantId("")) for key in found}
    return {key: replace(kept, upto=0, stayed=(), track=whole[key]) for key, kept in sorted(found.items())}


def newest_written(store: SqlStore, tenant: TenantId, customer: str = CUSTOMERS[0]) -> datetime | None:
    kept = tracks(store, tenant).get(customer)
    return None if kept is None or kept.track.newest is None else kept.track.newest.at


def say(store: SqlStore, tenant: TenantId, customer: CustomerId, action: ConsentAction, at: datetime) -> None:
    event = ConsentEvent(
        event_id=f"{customer} {at.isoformat()}",
        customer_id=customer,
        purpose=LOCATION,
        action=action,
        at=at,
        channel=None,
        sender=tenant,
        valid_until=None,
    )
    Live(store, tenant, Heard()).take_consent(LedgerLine(event=event, recorded_at=at), at)


@pytest.fixture
def corner(store: SqlStore) -> TenantId:
    """Everybody was seen outside, at noon, by somebody."""
    tenant = open_corner(store, ENTER, customers=CUSTOMERS)
    arrive(store, tenant, CUSTOMERS, NOON, OUTSIDE_DEG)
    return tenant


def test_pings_of_those_at_rest_are_written_down_after_a_while(store: SqlStore, corner: TenantId) -> None:
    worker = Worker(store, corner, ALL)
    worker.work(NOON)
    for seconds in (5, 10):
        arrive(store, corner, CUSTOMERS, later(seconds), OUTSIDE_DEG)
        worker.work(later(seconds))
    assert newest_written(store, corner) == NOON
    worker.work(later(16))
    worker.work(later(16))
    assert newest_written(store, corner) == later(10)


def test_pings_that_wait_come_before_what_is_to_be_written_down(store: SqlStore, corner: TenantId) -> None:
    worker = Worker(store, corner, ALL)
    worker.work(NOON)
    for seconds in range(1, 71):  # more pings than are taken at first
        arrive(store, corner, CUSTOMERS, later(seconds), OUTSIDE_DEG)
    worker.now_s = 16
    assert worker.live.work_some_pings(later(71), ALL) == 200
    assert newest_written(store, corner) == NOON
    assert worker.live.work_some_pings(later(71), ALL) == 10
    assert newest_written(store, corner) == later(70)
    worker.work(later(71))
    for seconds in range(71, 211):
        arrive(store, corner, CUSTOMERS, later(seconds), OUTSIDE_DEG)
    worker.now_s = 140  # nothing waits for ever
    assert worker.live.work_some_pings(later(211), ALL) == 400
    assert newest_written(store, corner) != later(70)


def test_whoever_takes_over_comes_to_an_end_where_a_commit_was_consumed_in_part(
    store: SqlStore, corner: TenantId
) -> None:
    worker = Worker(store, corner, ALL)
    worker.work(NOON)
    together = joined(seen(CUSTOMERS[:1], later(seconds), OUTSIDE_DEG) for seconds in range(1, 211))
    Intake(store, lambda: None).accept(corner, together, later(211))
    assert worker.live.work_some_pings(later(211), ALL) == 200
    worker.restart()
    assert worker.live.work_some_pings(later(212), ALL) == 10
    assert newest_written(store, corner) == later(210)


def test_whoever_takes_over_reads_from_the_log_what_was_remembered(store: SqlStore, corner: TenantId) -> None:
    worker = Worker(store, corner, ALL)
    worker.work(NOON)
    arrive(store, corner, CUSTOMERS, later(5), OUTSIDE_DEG)
    worker.work(later(5))
    worker.restart()
    worker.work(later(6))
    assert newest_written(store, corner) == later(5)


def test_whoever_walks_in_is_decided_with_all_that_was_remembered(store: SqlStore, corner: TenantId) -> None:
    worker = Worker(store, corner, ALL)
    worker.work(NOON)
    arrive(store, corner, CUSTOMERS, later(5), NEAR_DEG)
    worker.work(later(5))
    arrive(store, corner, CUSTOMERS[:1], later(10), INSIDE_DEG)
    worker.work(later(10))
    assert verdicts(store, corner) == [(CUSTOMERS[0], None)]
    assert [fix.at for fix in tracks(store, corner)[CUSTOMERS[0]].track.fixes] == [NOON, later(5), later(10)]


def test_nothing_of_who_withdraws_is_written_down(store: SqlStore, corner: TenantId) -> None:
    worker = Worker(store, corner, ALL)
    worker.work(NOON)
    arrive(store, corner, CUSTOMERS, later(5), OUTSIDE_DEG)
    worker.work(later(5))
    say(store, corner, CUSTOMERS[0], ConsentAction.WITHDRAWN, later(6))
    for seconds in (30, 31):
        worker.work(later(seconds))
    assert tracks(store, corner).keys() == {*CUSTOMERS[1:]}
    say(store, corner, CUSTOMERS[0], ConsentAction.GRANTED, later(40))
    arrive(store, corner, CUSTOMERS[:1], later(50), OUTSIDE_DEG)
    worker.work(later(50))
    assert [fix.at for fix in tracks(store, corner)[CUSTOMERS[0]].track.fixes] == [later(50)]


def test_a_consent_to_something_else_loses_nothing(store: SqlStore, corner: TenantId) -> None:
    worker = Worker(store, corner, ALL)
    worker.work(NOON)
    arrive(store, corner, CUSTOMERS, later(5), OUTSIDE_DEG)
    worker.work(later(5))
    say(store, corner, CUSTOMERS[0], ConsentAction.REMINDED, later(6))
    arrive(store, corner, CUSTOMERS, later(7), OUTSIDE_DEG)
    worker.work(later(7))
    assert [fix.at for fix in tracks(store, corner)[CUSTOMERS[0]].track.fixes] == [NOON, later(5), later(7)]


def test_pings_stay_in_the_log_until_they_are_written_down(store: SqlStore, corner: TenantId) -> None:
    worker = Worker(store, corner, ALL)
    worker.work(NOON)
    with store.writing(corner) as uow:
        assert uow.pings.prune(later(3600), limit=100) == 0
    for seconds in (20, 21):
        worker.work(later(seconds))
    with store.writing(corner) as uow:
        assert uow.pings.prune(later(3600), limit=100) == len(CUSTOMERS)


def test_a_visit_goes_on_while_pings_inside_are_only_remembered(store: SqlStore) -> None:
    tenant = open_corner(store, ENTER, customers=CUSTOMERS, settings={"presence": {"profile": "raw", "gap_s": 300}})
    worker, scheduler = Worker(store, tenant, ALL), Live(store, tenant, Heard())
    for seconds in (0, 10, 295):
        arrive(store, tenant, CUSTOMERS, later(seconds), INSIDE_DEG)
        worker.live.work_some_pings(later(seconds), ALL)  # its clock stands still: nothing is written down
    assert newest_written(store, tenant) == NOON
    scheduler.end_due(later(310))
    assert [visit.exit for visit in tracks(store, tenant)[CUSTOMERS[0]].track.visits] == [None]
    worker.work(later(320))
    worker.work(later(320))
    scheduler.end_due(later(595))
    (visit,) = tracks(store, tenant)[CUSTOMERS[0]].track.visits
    assert (visit.exit or visit.enter).at == later(295)


def test_a_worker_without_leases_begins_with_what_was_left(store: SqlStore, corner: TenantId) -> None:
    worker = Worker(store, corner, ALL)
    worker.work(NOON)
    arrive(store, corner, CUSTOMERS, later(5), OUTSIDE_DEG)
    worker.work(later(5))
    arrive(store, corner, CUSTOMERS, later(10), INSIDE_DEG)
    Worker(store, corner, None).work(later(10))
    assert [fix.at for fix in tracks(store, corner)[CUSTOMERS[0]].track.fixes] == [NOON, later(5), later(10)]
    assert sorted(messages(store, corner)) == CUSTOMERS
    arrive(store, corner, CUSTOMERS, later(200), OUTSIDE_DEG)
    worker.work(later(200))  # it had them in hand before, and knows better now
    assert [fix.at for fix in tracks(store, corner)[CUSTOMERS[0]].track.fixes] == [later(200)]


STEP = st.tuples(
    st.sampled_from(["pings", "pings", "pings", "pings", "death", "withdrawal", "consent", "rival", "edit"]),
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.sampled_from([0, 0, 0, -7, -90]),
            st.sampled_from([OUTSIDE_DEG, OUTSIDE_DEG, OUTSIDE_DEG + 0.001, NEAR_DEG, INSIDE_DEG, 89.0]),
        ),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from([1, 4, 20, 70, 450]),
)


def play(store: SqlStore, tenant: TenantId, story: Sequence[Any], held: Mapping[int, int] | None) -> Worker:
    worker, rival, intake, at_s = (
        Worker(store, tenant, held),
        Worker(store, tenant, held),
        Intake(store, lambda: None),
        0,
    )
    for what, pings, wait_s in story:
        at_s += wait_s
        now = later(at_s)
        if what == "edit":
            radius_m = 40 + 30 * pings[0][0]
            worker.live.put_geofence({**FENCE, "properties": {**FENCE["properties"], "radius_m": radius_m}}, now)
            continue
        if what in ("withdrawal", "consent"):
            action = ConsentAction.WITHDRAWN if what == "withdrawal" else ConsentAction.GRANTED
            say(store, tenant, CUSTOMERS[pings[0][0]], action, now)
            continue
        for customer, late_s, lat_deg in pings:
            recorded = np.array([as_us(later(at_s + late_s))])
            some = seen([CUSTOMERS[customer]], now, lat_deg)
            intake.accept(tenant, replace(some, recorded_at_us=recorded), now)
        if what == "death":
            worker.restart()
        (rival if what == "rival" else worker).work(now)
    return worker


STORY = {
    "story": st.lists(STEP, min_size=4, max_size=14),
    "profile": st.sampled_from(["raw", "robust"]),
    "gap_s": st.sampled_from([60, 400]),
}


def the_same_comes_of(store: SqlStore, story: list[Any], profile: str, gap_s: int) -> None:
    found = []
    for held in (None, ALL):
        rules = {"presence": {"profile": profile, "gap_s": gap_s}}
        tenant = open_corner(store, ENTER, customers=CUSTOMERS, tenant=f"t{next(_numbers)}", settings=rules)
        worker = play(store, tenant, story, held)
        worker.restart()
        worker.work(later(5_000))
        # a visit's name is made of its tenant's
        written = re.sub("visit_id='[^']+'", "", repr(tracks(store, tenant)))
        found.append((sorted(verdicts(store, tenant), key=str), messages(store, tenant), written))
    assert found[1] == found[0]


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(**STORY)
def test_the_same_comes_of_every_story(store: SqlStore, story: list[Any], profile: str, gap_s: int) -> None:
    the_same_comes_of(store, story, profile, gap_s)


@pytest.mark.soak
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(**STORY)
def test_the_same_comes_of_many_stories(store: SqlStore, story: list[Any], profile: str, gap_s: int) -> None:
    the_same_comes_of(store, story, profile, gap_s)
