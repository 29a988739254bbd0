"""One at a time, in the order in which they asked."""

from collections import deque
from threading import Lock


class Turns:
    """A lock that goes to whoever has waited longest. One that gives it back and asks again is behind all who wait: a
    plain lock would let it in before them for as long as the machine has no time to wake them.
    """

    def __init__(self) -> None:
        self._guard = Lock()
        self._is_taken = False
        self._waiting: deque[Lock] = deque()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def take(self, timeout_s: float) -> bool:
        """Wait for one's turn; False where it has not come in time, and nothing is taken."""
        with self._guard:
            if not self._is_taken:
                self._is_taken = True
                return True
            turn = Lock()
            turn.acquire()
            self._waiting.append(turn)
        if turn.acquire(timeout=timeout_s):
            return True
        with self._guard:
            if turn not in self._waiting:
                return True  # it came between the end of the wait and here
            self._waiting.remove(turn)
            return False

    def hand_on(self) -> None:
        """Give it to the next in line, or leave it free."""
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._is_taken = False
