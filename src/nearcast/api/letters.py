"""What other threads say to those who wait in a loop, handed over many at a time: to wake a loop costs more than most
of what it is told.
"""

from asyncio import Future
from collections import deque
from contextlib import suppress
from typing import TypeVar

Said = TypeVar("Said")


class Letters:
    """Those of one loop. Many threads may send at once."""

    def __init__(self) -> None:
        self._sent: deque[tuple[Future[object], object]] = deque()
        self._is_woken = False

    def send(self, waiter: "Future[Said]", outcome: Said | BaseException) -> None:
        """Let a future of the loop have its result, or raise it; nobody minds where it does not wait any more."""
        self._sent.append((waiter, outcome))  # type: ignore[arg-type]
        if not self._is_woken:
            self._is_woken = True
            with suppress(RuntimeError):  # the loop has ended, and with it all who waited
                waiter.get_loop().call_soon_threadsafe(self._hand_over)

    def _hand_over(self) -> None:
        self._is_woken = False  # before the last look: what is sent after that wakes again
        while self._sent:
            waiter, outcome = self._sent.popleft()
            if waiter.done():
                continue
            if isinstance(outcome, BaseException):
                waiter.set_exception(outcome)
            else:
                waiter.set_result(outcome)
