"""Who writes next: whoever has waited longest."""

from collections.abc import Callable
from threading import Thread
from time import sleep

import pytest

from nearcast.store.turns import Turns

AT_ONCE_S, LONG_S = 0.01, 30.0


@pytest.fixture
def turns() -> Turns:
    return Turns()


def _in_line(turns: Turns, act: Callable[[], None]) -> Thread:
    """Somebody who waits for their turn, acts, and hands it on."""

    def wait() -> None:
        assert turns.take(LONG_S)
        act()
        turns.hand_on()

    waiting, before = Thread(target=wait, daemon=True), turns.waiting
    waiting.start()
    while turns.waiting == before:
        sleep(0.001)
    return waiting


def test_they_come_in_the_order_in_which_they_asked(turns: Turns) -> None:
    assert turns.take(AT_ONCE_S)
    came: list[int] = []
    line = [_in_line(turns, lambda n=n: came.append(n)) for n in range(5)]  # type: ignore[misc]
    turns.hand_on()
    for each in line:
        each.join(LONG_S)
    assert came == [0, 1, 2, 3, 4]


def test_who_asks_again_at_once_is_behind_those_who_wait(turns: Turns) -> None:
    came: list[str] = []
    assert turns.take(AT_ONCE_S)
    _in_line(turns, lambda: came.append("patient"))
    turns.hand_on()
    assert turns.take(LONG_S)
    assert came == ["patient"]


def test_who_gives_up_is_passed_over(turns: Turns) -> None:
    assert turns.take(AT_ONCE_S)
    assert not turns.take(AT_ONCE_S)
    turns.hand_on()
    assert turns.take(AT_ONCE_S)
    assert not turns.take(AT_ONCE_S)
