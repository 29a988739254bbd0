"""Many attempts under way at once: none is lost, none is made twice, and a no that comes in time is heard."""

from threading import Barrier, Event, Lock
from time import monotonic

import pytest

from nearcast.domain.message import MessageStatus
from nearcast.domain.sending import Accepted, Attempt, Outbound
from nearcast.services.attempts import SideBySide
from nearcast.services.channel_ports import Capability
from nearcast.services.live import Live
from nearcast.services.outbound import PostRoom
from nearcast.store.sql_store import SqlStore
from tests.live.corner import ENTER, NOON, Heard, arrive, later, messages, names, open_corner
from tests.live.test_races import withdrawal
from tests.store.values import at_once

AT_ONCE = PostRoom(at_once=8)


def queued(store: SqlStore, channel: Heard, count: int, room: PostRoom = AT_ONCE) -> Live:
    tenant = open_corner(store, ENTER, customers=names(count))
    arrive(store, tenant, names(count))
    live = Live(store, tenant, channel, room=room)
    live.work_pings(NOON)
    return live


class Together(Heard):
    """Answers nobody before six have asked: a place or two may wait to be taken together with others."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = Barrier(6)

    def send(self, outbound: Outbound) -> Attempt:
        self.gate.wait(20)
        return super().send(outbound)


def test_as_many_as_may_are_under_way_together(store: SqlStore) -> None:
    together = Together()
    live = queued(store, together, 30)
    live.dispatch_due(NOON)
    assert together.customers == names(30)
    assert messages(store, live.tenant_id) == {name: ["accepted"] for name in names(30)}


class Counting(Heard):
    """Knows how many are being answered, and how many there were at most."""

    def __init__(self) -> None:
        super().__init__()
        self._now = self.most = 0
        self._counts = Lock()

    def send(self, outbound: Outbound) -> Attempt:
        with self._counts:
            self._now += 1
            self.most = max(self.most, self._now)
        answer = super().send(outbound)
        with self._counts:
            self._now -= 1
        return answer


def test_never_more_than_may_be(store: SqlStore) -> None:
    counting = Counting()
    queued(store, counting, 60, PostRoom(at_once=3)).dispatch_due(NOON)
    assert (counting.most <= 3, len(counting.messages)) == (True, 60)


class FirstWaits(Heard):
    """Is in no hurry with the first that it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.may_end = Event(), Event()

    def send(self, outbound: Outbound) -> Attempt:
        if not self.begun.is_set():
            self.begun.set()
            assert self.may_end.wait(20)
        return super().send(outbound)


def test_a_withdrawal_before_an_attempt_begins_stops_it_while_others_are_under_way(store: SqlStore) -> None:
    """Two places: the first attempt holds one, and all others pass through the second, two marked at a time at most."""
    slow, count = FirstWaits(), 12
    live = queued(store, slow, count, PostRoom(at_once=2))
    other = Live(store, live.tenant_id, Heard(), owner="desk")

    def say_no() -> None:
        assert slow.begun.wait(20)
        other.take_consent(withdrawal(names(count)[-1], NOON), NOON)
        slow.may_end.set()

    at_once([lambda: live.dispatch_due(NOON), say_no])
    found = messages(store, live.tenant_id)
    last = names(count)[-1]
    assert found[last] == (["accepted"] if last in slow.customers else ["cancelled"])
    assert len(slow.messages) == sum(status == ["accepted"] for status in found.values()) >= count - 1


def test_what_is_under_way_is_waited_for_and_written_down(store: SqlStore) -> None:
    slow = FirstWaits()
    live = queued(store, slow, 3)

    def let_go() -> None:
        assert slow.begun.wait(20)
        slow.may_end.set()

    at_once([lambda: live.dispatch_some(NOON), let_go])
    assert messages(store, live.tenant_id) == {name: ["accepted"] for name in names(3)}


def test_what_a_throttle_lets_through_in_a_moment_is_waited_for_while_others_are_under_way(store: SqlStore) -> None:
    heard, many = Heard(), names(6)
    tenant = open_corner(store, ENTER, customers=many, settings={"throttles": [{"channel": "sms", "per_s": 100}]})
    arrive(store, tenant, many)
    live, began_s = Live(store, tenant, heard, room=AT_ONCE), monotonic()
    live.work_pings(NOON)
    assert live.dispatch_some(NOON, lambda: later(monotonic() - began_s)) >= 6, "and what missed its turn once more"
    while len(heard.messages) < 6:
        live.dispatch_some(later(monotonic() - began_s), lambda: later(monotonic() - began_s))
    assert heard.customers == many


class Killed(BaseException):
    """The process ends here."""


class Deadly:
    capabilities = Capability.OWN_NAMES

    def send(self, outbound: Outbound) -> Attempt:
        if outbound.to.user_id == names(1)[0]:
            raise Killed
        return Accepted()


def test_who_dies_in_an_attempt_leaves_it_unknown_and_the_others_written(store: SqlStore) -> None:
    tenant = open_corner(store, ENTER, customers=names(4))
    arrive(store, tenant, names(4))
    live = Live(store, tenant, Deadly(), room=AT_ONCE)
    live.work_pings(NOON)
    with pytest.raises(Killed):
        live.dispatch_some(NOON)
    assert messages(store, tenant)["cust-0000"] == ["sending"]
    live.rescue(later(60))
    found = messages(store, tenant)
    assert found["cust-0000"] == [MessageStatus.UNKNOWN.value]
    assert [found[name] for name in names(4)[1:]] == [["accepted"]] * 3


def test_one_that_breaks_keeps_nothing_from_the_others() -> None:
    def broken() -> int:
        raise ValueError

    found: list[int] = []
    with pytest.raises(ValueError), SideBySide[int](4) as attempts:  # noqa: PT011, PT012
        for n in range(3):
            attempts.begin(lambda n=n: n)  # type: ignore[misc]
        attempts.begin(broken)
        found += attempts.ended(enough=4)
    assert sorted(found) == [0, 1, 2]
