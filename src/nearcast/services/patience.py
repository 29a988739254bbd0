"""Whoever guesses waits longer and longer for each no; whoever is right never waits."""

from collections import OrderedDict
from datetime import datetime, timedelta
from threading import Lock

_FREE = 5
_FIRST_S, _LONGEST_S = 0.25, 5.0
_FORGOTTEN_AFTER = timedelta(minutes=10)
_MOST_NAMES = 10_000
_LONGEST_NAME = 64  # no device has a longer one: whoever guesses could fill the memory with them


class Patience:
    """Wrong guesses in a row by name, as far as this process saw them. Many threads may use it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._failed: OrderedDict[str, tuple[int, datetime]] = OrderedDict()

    def failed(self, name: str, now: datetime) -> float:
        """Note a wrong guess at a name; for how many seconds the answer is held back."""
        name = name[:_LONGEST_NAME]
        with self._lock:
            count, last = self._failed.pop(name, (0, now))
            count = count + 1 if now - last < _FORGOTTEN_AFTER else 1
            self._failed[name] = count, now
            while len(self._failed) > _MOST_NAMES:
                self._failed.popitem(last=False)
        return 0.0 if count <= _FREE else min(_FIRST_S * 2.0 ** min(count - _FREE - 1, 10), _LONGEST_S)
