"""Throttles hold for the instants at which messages leave, whatever goes on between claiming and leaving."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from itertools import cycle
from pathlib import Path
from shutil import copy
from threading import Lock
from time import monotonic

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from nearcast.domain.ids import TenantId
from nearcast.domain.sending import Accepted, Attempt, Outbound
from nearcast.services.channel_ports import Capability
from nearcast.services.dispatcher import Dispatcher
from nearcast.services.live import Live
from nearcast.services.outbound import Outlet, PostRoom
from nearcast.services.steps import Steps
from nearcast.services.turns import Turns
from nearcast.store.sql_store import SqlStore
from tests.live.corner import ENTER, NOON, Heard, arrive, later, names, open_corner
from tests.store.values import at_once

SECOND = timedelta(seconds=1)
PEOPLE = 14
TENANT = TenantId("t1")


@pytest.fixture(scope="module")
def street(sqlite_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlStore]:
    """A tenant with a message each for so many people."""
    url = f"sqlite:///{copy(sqlite_file, tmp_path_factory.mktemp('street'))}"
    with closing(SqlStore(url)) as store:
        tenant = open_corner(store, ENTER, customers=names(PEOPLE), tenant=TENANT)
        arrive(store, tenant, names(PEOPLE))
        Live(store, tenant, Heard()).work_pings(NOON)
        yield store


def begin_again(store: SqlStore, per_s: int, burst: int) -> None:
    """All are queued, nothing has left, and so much may leave."""
    with store.engine.begin() as connection:
        connection.execute(text("DELETE FROM throttle"))
        connection.execute(
            text("UPDATE message SET status = 'queued', sent_at = NULL, lease_owner = NULL, lease_until = NULL")
        )
    with store.writing(TENANT) as uow:
        rules = {"tenant": {"timezone": "Europe/Berlin"}, "presence": {"profile": "raw"}}
        uow.catalogue.put_settings({**rules, "throttles": [{"channel": "sms", "per_s": per_s, "burst": burst}]}, NOON)
        uow.commit()


class Clock:
    """Each look at it takes the next of some delays; who rests takes what they rest for, and a little."""

    def __init__(self, delays_ms: list[int]) -> None:
        self.at, self._delays_ms = NOON, cycle(delays_ms)

    def now(self) -> datetime:
        self.at += timedelta(milliseconds=next(self._delays_ms))
        return self.at

    def rest(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class Doorway:
    """Writes down when each leaves; meanwhile others send."""

    capabilities = Capability.OWN_NAMES

    def __init__(self, now: Callable[[], datetime], meanwhile: Callable[[], int] = lambda: 0) -> None:
        self._now, self._lock, self.meanwhile = now, Lock(), meanwhile
        self.left_at: list[datetime] = []

    def send(self, outbound: Outbound) -> Attempt:
        with self._lock:
            self.left_at.append(self._now())
        self.meanwhile()
        return Accepted()

    @property
    def most_in_a_second(self) -> int:
        return max((sum(first <= at < first + SECOND for at in self.left_at) for first in self.left_at), default=0)


@st.composite
def delays(draw: st.DrawFn) -> list[int]:
    """Short ones, and now and then a long one."""
    short = draw(st.lists(st.integers(0, 3), min_size=5, max_size=40).filter(any))
    for at, delay_ms in draw(st.lists(st.tuples(st.integers(0, 39), st.integers(40, 400)), max_size=3)):
        short.insert(at, delay_ms)
    return short


@settings(max_examples=3)
@given(delays_ms=delays(), per_s=st.integers(2, 9), burst=st.integers(1, 4))
@example(delays_ms=[0, 0, 0, 2, 200, 3, 3, 1, 0, 2, 0, 1, 1, 1], per_s=3, burst=3)
@example(
    delays_ms=[
        1,
        0,
        2,
        2,
        3,
        2,
        400,
        0,
        0,
        3,
        3,
        2,
        2,
        3,
        2,
        3,
        0,
        3,
        3,
        1,
        0,
        2,
        1,
        3,
        3,
        2,
        1,
        400,
        1,
        2,
        0,
        3,
        3,
        3,
    ],
    per_s=3,
    burst=3,
)
def test_no_second_holds_more_than_the_limit_however_long_marking_and_answers_take(
    street: SqlStore, delays_ms: list[int], per_s: int, burst: int
) -> None:
    """Three dispatchers, each of which sends while the others are sending."""
    begin_again(street, per_s, burst)
    clock = Clock(delays_ms)
    door = Doorway(lambda: clock.at)
    outlet = Outlet(TENANT, door, PostRoom())
    senders = [
        Dispatcher(Steps(street, TENANT), outlet, owner=owner, lease_s=60, dice=lambda: 1.0, rest=clock.rest)
        for owner in "abc"
    ]
    turn = cycle(senders)
    door.meanwhile = lambda: next(turn).dispatch_some(clock.now(), clock.now) if len(door.left_at) % 3 == 0 else 0
    for _ in range(25):
        if len(door.left_at) == PEOPLE:
            break
        next(turn).dispatch_some(clock.now(), clock.now)
        clock.rest(0.01)
    assert door.most_in_a_second <= per_s + burst - 1


def test_several_at_once_leave_no_faster_than_they_may(street: SqlStore) -> None:
    """In real time: two dispatchers, with many attempts under way."""
    begin_again(street, 8, 1)
    began_s = monotonic()

    def now() -> datetime:
        return later(monotonic() - began_s)

    door = Doorway(now)
    lives = [Live(street, TENANT, door, owner=owner, room=PostRoom(at_once=8)) for owner in "ab"]

    def work(live: Live) -> None:
        while len(door.left_at) < PEOPLE and monotonic() - began_s < 60:
            live.dispatch_some(now(), now)

    at_once([lambda live=live: work(live) for live in lives])  # type: ignore[misc]
    assert (len(door.left_at), door.most_in_a_second <= 8) == (PEOPLE, True)


def test_a_clock_that_is_set_forward_puts_no_turn_off() -> None:
    turns = Turns()
    before = turns.lead
    turns.learn(timedelta(minutes=2))
    assert turns.lead == before
