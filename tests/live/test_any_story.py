"""Whatever happens in whatever order, and whoever dies: what nearcast promises holds after every step."""

from collections.abc import Iterator
from contextlib import closing
from itertools import count
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from nearcast.domain.consent import LOCATION, NEARBY, ConsentAction
from nearcast.domain.sending import Attempt
from nearcast.store.sql_store import SqlStore
from tests.live.answers import ACCEPTED, ANSWERS
from tests.live.script import Fate, ScriptedStore
from tests.live.storyteller import (
    AMPLE,
    CAMPAIGNS,
    CUSTOMERS,
    FENCES,
    LAT_DEG,
    OFFICES,
    STILL,
    TIGHT,
    WORK,
    WORKERS,
    BeforeIt,
    Story,
)

workers, offices = st.integers(0, WORKERS - 1), st.integers(0, OFFICES - 1)
customers = st.sampled_from(CUSTOMERS)
somebody = st.lists(customers, min_size=1, unique=True).map(sorted)
places = st.sampled_from([*LAT_DEG, "both"])
seconds = st.sampled_from([0.5, 10, 31, 46, 61, 130, 605, -4])
said = st.sampled_from(
    [
        (LOCATION, ConsentAction.WITHDRAWN),
        (LOCATION, ConsentAction.GRANTED),
        (NEARBY, ConsentAction.WITHDRAWN),
        (NEARBY, ConsentAction.GRANTED),
        (NEARBY, ConsentAction.CONFIRMED),
    ]
)
shifts = st.sampled_from([0, 0, 0, -30, 50])
lasts = st.sampled_from([None, None, 100])

sayings = st.tuples(st.just("say"), offices, customers, said, shifts, lasts)
works = st.tuples(st.sampled_from(sorted(WORK)), workers)
acts = st.one_of(
    works,
    st.tuples(st.just("ping"), offices, somebody, places),
    sayings,
    st.tuples(st.just("suppress"), offices, st.just(CUSTOMERS[-1])),
    st.tuples(st.just("put_fence"), offices, st.sampled_from(sorted(FENCES)), st.sampled_from([60, 100])),
    st.tuples(st.just("delete_fence"), offices, st.sampled_from(sorted(FENCES))),
    st.tuples(st.just("change"), offices, st.sampled_from(sorted(CAMPAIGNS)), st.sampled_from(["pause", "activate"])),
    st.tuples(st.just("tick"), offices, seconds),
    st.tuples(st.just("go_on"), offices),
)
commits = st.integers(0, 3)
fates: st.SearchStrategy[list[Any]] = st.one_of(
    st.just([]),
    st.builds(lambda n, fate: [Fate.LIVES] * n + [fate], commits, st.sampled_from([*Fate])),
    st.builds(lambda n, act: [Fate.LIVES] * n + [act], commits, acts),
    st.builds(lambda n, act: [Fate.LIVES] * n + [BeforeIt(act)], commits, works | sayings),
)
answers: st.SearchStrategy[list[Any]] = st.just([]) | st.lists(
    st.sampled_from([*ANSWERS, ACCEPTED, Fate.KILLED_AFTER, None]) | acts, max_size=2
)


class AnyStory(RuleBasedStateMachine):
    """Rules for what changes much get a turn more often: a story without pings and messages is none."""

    def __init__(self, store: ScriptedStore, tenant: str) -> None:
        super().__init__()
        self._store, self._tenant = store, tenant

    @initialize(budgets=st.sampled_from([AMPLE, TIGHT]))
    def it_begins(self, budgets: dict[str, int]) -> None:
        self.story = Story(self._store, self._tenant, budgets)

    @rule(who=offices, customers=somebody, place=places, fates=fates)
    def customers_are_seen(self, who: int, customers: list[str], place: str, fates: list[Any]) -> None:
        self.story.do("ping", who, customers, place, fates=fates)

    @rule(who=offices, place=places, worker=workers)
    def all_are_seen_and_decided(self, who: int, place: str, worker: int) -> None:
        self.story.do("ping", who, CUSTOMERS, place)
        self.story.do("work_pings", worker)

    @rule(worker=workers, fates=fates)
    def pings_are_worked_on(self, worker: int, fates: list[Any]) -> None:
        self.story.do("work_pings", worker, fates=fates)

    @rule(worker=workers, fates=fates, answers=answers)
    def messages_leave(self, worker: int, fates: list[Any], answers: list[Any]) -> None:
        self.story.do("dispatch", worker, fates=fates, answers=answers)

    @rule(name=st.sampled_from(["end_due", "run_due", "rescue"]), worker=workers, fates=fates)
    def what_is_due_is_done(self, name: str, worker: int, fates: list[Any]) -> None:
        self.story.do(name, worker, fates=fates)

    @rule(act=acts, fates=fates)
    def something_else_happens(self, act: tuple[Any, ...], fates: list[Any]) -> None:
        self.story.do(*act, fates=fates)

    @rule(who=offices, place=places, act=acts, seconds=seconds, worker=workers, is_claimed=st.booleans())
    def something_happens_between_a_visit_and_its_message(
        self, who: int, place: str, act: tuple[Any, ...], seconds: float, worker: int, is_claimed: bool
    ) -> None:
        self._come_in(who, place)
        self.story.do("work_pings", worker)
        if not is_claimed:
            self.story.do(*act)
        self.story.do("tick", who, seconds)
        self.story.do("dispatch", worker, fates=[act] if is_claimed else [])

    @rule(who=offices, place=places, worker=workers, other=works | sayings)
    def two_decide_at_once(self, who: int, place: str, worker: int, other: tuple[Any, ...]) -> None:
        self._come_in(who, place)
        for _ in CUSTOMERS:
            self.story.do("work_pings", worker, fates=[BeforeIt(other)])

    @rule(worker=workers, name=st.sampled_from(sorted(WORK)), commits=commits)
    def a_worker_stands_still(self, worker: int, name: str, commits: int) -> None:
        self.story.do(name, worker, fates=[Fate.LIVES] * commits + [STILL])

    @rule(worker=workers, outcome=st.sampled_from(ANSWERS))
    def a_worker_stands_still_while_it_sends(self, worker: int, outcome: Attempt) -> None:
        self.story.do("dispatch", worker, answers=[STILL, outcome])

    @rule(who=offices)
    def whoever_stood_still_goes_on(self, who: int) -> None:
        self.story.do("go_on", who)

    @rule(who=offices, seconds=seconds)
    def time_passes(self, who: int, seconds: float) -> None:
        self.story.do("tick", who, seconds)

    @rule(who=offices, fates=fates)
    def old_rows_go(self, who: int, fates: list[Any]) -> None:
        self.story.do("prune", who, fates=fates)

    @invariant()
    def what_was_promised_holds(self) -> None:
        self.story.look()

    def teardown(self) -> None:
        self.story.end()

    def _come_in(self, who: int, place: str) -> None:
        """When caps have forgotten what was before."""
        self.story.do("tick", who, 310)
        self.story.do("ping", who, CUSTOMERS, "")
        self.story.do("ping", who, CUSTOMERS, place)


@pytest.fixture
def scripted(store_url: str, store: SqlStore) -> Iterator[ScriptedStore]:
    with closing(ScriptedStore(store_url)) as scripted:
        yield scripted


def tell(scripted: ScriptedStore, stories: int, steps: int) -> None:
    numbers = count()
    said = settings(
        max_examples=stories,
        stateful_step_count=steps,
        derandomize=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )

    def begin() -> AnyStory:
        return AnyStory(scripted, f"t-{next(numbers)}")

    run_state_machine_as_test(cast("Any", begin), settings=said)


def test_any_story_ends_well(scripted: ScriptedStore) -> None:
    tell(scripted, stories=8, steps=20)


@pytest.mark.soak
def test_many_long_stories_end_well(scripted: ScriptedStore) -> None:
    tell(scripted, stories=300, steps=60)
