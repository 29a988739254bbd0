"""Work that stands still in the middle, as a process does on a machine that is busy, and goes on when it is told to."""

from collections.abc import Callable
from threading import Semaphore, Thread, current_thread


class Slow(Thread):
    """Work that is done in parts: whoever lets it go on waits until it stands still again, or has ended."""

    def __init__(self, work: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._work, self._error = work, list[BaseException]()
        self._may_go_on, self._stands_still = Semaphore(0), Semaphore(0)
        self.has_ended = False
        self.start()

    def go_on(self) -> None:
        """What it raises is raised here."""
        self._may_go_on.release()
        self._stands_still.acquire()
        if self._error:
            raise self._error.pop()

    def stand_still(self) -> None:
        self._stands_still.release()
        self._may_go_on.acquire()

    def run(self) -> None:
        self._may_go_on.acquire()
        try:
            self._work()
        except BaseException as error:
            self._error.append(error)
        finally:
            self.has_ended = True
            self._stands_still.release()


def stand_still() -> bool:
    """Let whoever is slow stand still right here; False where nobody is."""
    here = current_thread()
    if not isinstance(here, Slow):
        return False
    here.stand_still()
    return True
