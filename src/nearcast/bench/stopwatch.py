"""What is timed, and how."""

from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import TypeAlias

Count: TypeAlias = Callable[[], int]
Run: TypeAlias = Callable[[], Count]
"""What is timed: the matching. What it gives counts the pairs that were found, and may take its time."""

_QUICK_S, _MOST_RUNS = 2.0, 5


def counted(pairs: int) -> Count:
    """A count that is known already."""
    return lambda: pairs


def timed(run: Run) -> tuple[int, float]:
    """Pairs and seconds: a slow run counts as it is, of quick ones the median."""
    seconds: list[float] = []
    while True:
        started = perf_counter()
        count = run()
        seconds.append(perf_counter() - started)
        if sum(seconds) > _QUICK_S or len(seconds) == _MOST_RUNS:
            return count(), median(seconds)
