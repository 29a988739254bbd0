"""Stories that a fault in one place would end badly, told as they must go; the witness looks after every act."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import pytest

from nearcast.domain.consent import LOCATION, NEARBY, ConsentAction
from nearcast.store.sql_store import SqlStore
from tests.live.answers import ACCEPTED, FAILED, NOT_NOW, UNKNOWN
from tests.live.script import Fate, ScriptedStore
from tests.live.storyteller import CUSTOMERS, STILL, TIGHT, BeforeIt, Story

FIRST, LIVES = CUSTOMERS[1], Fate.LIVES  # the one before is held out
NO = ConsentAction.WITHDRAWN


class Told:
    """A story, looked at after each act. `at_once` and `one_by_one` are workers."""

    def __init__(self, store: ScriptedStore, **terms: Any) -> None:
        self.story = Story(store, "t1", **terms)

    def do(self, *act: Any, fates: Sequence[Any] = (), answers: Sequence[Any] = ()) -> None:
        self.story.do(*act, fates=fates, answers=answers)
        self.story.look()

    def come_in(self, place: str, after_s: float = 310) -> None:
        """All of them, from outside."""
        self.do("tick", 0, after_s)
        self.do("ping", 0, CUSTOMERS, "")
        self.do("ping", 0, CUSTOMERS, place)

    def say(self, said: tuple[str, ConsentAction], shift_s: float = 0) -> tuple[Any, ...]:
        return "say", 0, FIRST, said, shift_s, None

    def shown(self, customer: str = FIRST) -> list[str]:
        """The campaigns of the messages that a customer has."""
        sent = self.story.channel.sent
        return [one.message.campaign_id for one in sent if one.is_shown and one.message.customer_id == customer]


@pytest.fixture
def scripted(store_url: str, store: SqlStore) -> Iterator[ScriptedStore]:
    with closing(ScriptedStore(store_url)) as scripted:
        yield scripted


@pytest.fixture
def told(scripted: ScriptedStore) -> Iterator[Told]:
    told = Told(scripted)
    yield told
    told.story.end()


def test_what_is_queued_for_a_campaign_that_is_paused_since_stays(told: Told) -> None:
    told.come_in("f")
    told.do("work_pings", 0)
    told.do("change", 0, "camp-7", "pause")
    told.do("dispatch", 0)
    assert told.shown() == []


def test_a_no_dated_ahead_holds_from_its_instant(told: Told) -> None:
    told.come_in("g")
    told.do("work_pings", 0)
    told.do(*told.say((NEARBY, NO), shift_s=50))
    told.do("tick", 0, 61)
    told.do("dispatch", 0)
    assert told.shown() == []


def test_who_says_no_while_messages_are_marked_waits_for_that(told: Told) -> None:
    told.come_in("f")
    told.do("work_pings", 0)
    for _ in range(2):
        told.do("dispatch", 0, fates=[LIVES, BeforeIt(told.say((NEARBY, NO)))])
    assert told.shown() == ["camp-7"]


def test_who_says_no_while_a_ping_is_decided_waits_for_that(told: Told) -> None:
    told.come_in("f")
    told.do("work_pings", 0, fates=[BeforeIt(told.say((LOCATION, NO)))])
    told.do(*told.say((LOCATION, NO)))
    told.do("dispatch", 0)
    assert told.shown() == []


def test_two_decide_at_once_on_what_is_left_of_a_budget(scripted: ScriptedStore) -> None:
    told = Told(scripted, budgets=TIGHT)
    told.do("ping", 0, CUSTOMERS, "f")
    told.do("work_pings", 2)  # one customer's: two of them take one partition after the other
    told.do("work_pings", 1, fates=[BeforeIt(("work_pings", 2))])
    told.story.end()


def test_two_do_a_due_run_at_once(told: Told) -> None:
    told.come_in("", after_s=50)
    told.do("work_pings", 0)
    told.do("tick", 0, 10)
    told.do("run_due", 0, fates=[BeforeIt(("run_due", 2))])
    told.do("dispatch", 0)
    assert told.shown() == ["camp-8"]


def test_a_cap_holds_over_one_visit_after_the_other(told: Told) -> None:
    for after_s in (310, 25, 25):
        told.come_in("f", after_s)
        told.do("work_pings", 0)
        told.do("dispatch", 0)
    assert len(told.shown()) == 2


def test_two_messages_keep_their_distance(told: Told) -> None:
    told.come_in("f")
    for place in ("", "f"):
        told.do("ping", 0, CUSTOMERS, place)
        told.do("work_pings", 0)
        told.do("dispatch", 0)
    assert told.shown() == ["camp-7"]


def test_all_who_compete_leave_a_row(told: Told) -> None:
    told.come_in("both")
    told.do("work_pings", 0)
    told.do("dispatch", 0)
    assert told.shown() == ["camp-9"]


def test_what_was_queued_before_a_quiet_hour_waits_for_its_end(told: Told) -> None:
    told.do("tick", 0, 860)
    told.come_in("g")
    told.do("work_pings", 0)
    told.do("tick", 0, 61)
    told.do("dispatch", 0)
    assert told.shown() == []


def test_who_says_no_is_located_no_more(told: Told) -> None:
    told.come_in("f")
    told.do("work_pings", 0)
    told.do(*told.say((LOCATION, NO)))


def test_of_two_messages_to_one_customer_one_leaves_after_the_other(told: Told) -> None:
    told.come_in("both")
    told.do("work_pings", 0)
    told.do("tick", 0, 25)
    told.do("ping", 0, CUSTOMERS, "")
    told.do("work_pings", 0)
    for _ in range(2):
        told.do("dispatch", 0)
    assert told.shown() == ["camp-9"]


def test_a_sender_that_died_is_not_repeated_where_nobody_would_recognise_it(told: Told) -> None:
    told.come_in("f")
    told.do("work_pings", 0)
    told.do("dispatch", 0, answers=[Fate.KILLED_AFTER])
    told.do("tick", 0, 31)
    told.do("rescue", 1)
    told.do("dispatch", 1)


def test_who_stood_still_beyond_its_lease_writes_nothing_over_who_took_over(told: Told) -> None:
    told.come_in("g")
    told.do("work_pings", 0)
    told.do("dispatch", 0, answers=[STILL, FAILED])
    told.do("tick", 0, 31)
    told.do("rescue", 1)
    told.do("dispatch", 1, answers=[STILL, ACCEPTED])
    told.do("go_on", 0)
    told.do("go_on", 0)


def test_what_may_have_arrived_counts_from_then_on_while_it_waits_to_be_repeated(told: Told) -> None:
    told.come_in("both")
    told.do("work_pings", 0)
    told.do("tick", 0, 25)
    told.do("dispatch", 0, answers=[UNKNOWN] * len(CUSTOMERS))
    told.do("ping", 0, CUSTOMERS, "")
    told.do("work_pings", 0)
    told.do("dispatch", 0)
    assert told.shown() == ["camp-9"]


def test_what_may_have_arrived_counts_for_what_was_queued_before_it_too(told: Told) -> None:
    told.come_in("both")
    told.do("work_pings", 0)
    told.do("tick", 0, 25)
    told.do("dispatch", 0, answers=[NOT_NOW] * len(CUSTOMERS))
    told.do("ping", 0, CUSTOMERS, "")
    told.do("work_pings", 0)
    told.do("dispatch", 0, answers=[UNKNOWN] * len(CUSTOMERS))
    told.do("tick", 0, 1)
    told.do("dispatch", 0)
    assert told.shown() == ["camp-x"]
