"""How trouble is waited out and told."""

import logging
from itertools import pairwise

import pytest

from nearcast.domain.errors import StoreUnavailable
from nearcast.worker.trouble import FIRST_PAUSE_S, LONGEST_PAUSE_S, Outage, Troubles

AWAY = StoreUnavailable("the database is unavailable: gone")


def test_an_outage_is_told_once_for_all_loops(caplog: pytest.LogCaptureFixture) -> None:
    outage = Outage()
    pings, due = Troubles("pings", outage), Troubles("due", outage)
    with caplog.at_level(logging.INFO):
        for loop in (pings, due, pings):
            loop.befall("the store", AWAY)
        pings.over("the store")
        assert len(caplog.records) == 1
        due.over("the store")
        pings.over("the store")
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert caplog.messages == [f"{AWAY}: nothing is decided or sent until it is back", "the database is back"]


def test_a_second_outage_is_told_again(caplog: pytest.LogCaptureFixture) -> None:
    pings = Troubles("pings", Outage())
    for _ in range(2):
        pings.befall("the store", AWAY)
        pings.over("the store")
    assert len(caplog.records) == 2


def test_each_pause_is_longer_up_to_the_longest() -> None:
    troubles, waits = Troubles("pings", Outage()), []
    for _ in range(8):
        troubles.befall("t1", KeyError())
        waits.append(troubles.wait_s() or 0.0)
    assert waits[0] <= FIRST_PAUSE_S
    assert all(later > earlier for earlier, later in pairwise(waits[:5]))
    assert LONGEST_PAUSE_S / 2 < waits[-1] <= LONGEST_PAUSE_S
    troubles.over("t1")
    assert (troubles.wait_s(), troubles.error) == (None, None)


def test_one_subject_waits_alone() -> None:
    troubles = Troubles("pings", Outage())
    troubles.befall("t1", KeyError())
    assert not troubles.may_try("t1")
    assert troubles.may_try("t2")


def test_another_trouble_is_told_and_no_text_of_any(caplog: pytest.LogCaptureFixture) -> None:
    troubles = Troubles("pings", Outage())
    for error in (KeyError("52.5204"), KeyError("52.5204"), ValueError("+4915112345678")):
        try:
            raise error
        except Exception as raised:
            troubles.befall("t1", raised)
    assert len(caplog.records) == 2
    assert "KeyError at test_trouble.py:" in caplog.messages[0]
    assert "ValueError at test_trouble.py:" in caplog.messages[1]
    assert "52.5" not in caplog.text
    assert "+49" not in caplog.text
