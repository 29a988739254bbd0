"""Attempts that go on at the same time: a provider takes its time over each, and others need not wait for it."""

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")


class SideBySide(Generic[T]):
    """At most `at_once` attempts under way. One alone is made by whoever begins it, before they go on.

    Whoever leaves it has waited for all of them. What one of them raises is raised then: the others have ended.
    """

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="nearcast attempt") if at_once > 1 else None
        self._under_way: set[Future[T]] = set()
        self._done: list[T] = []
        self._broken: list[BaseException] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True)
        if kind is None and self._broken:
            raise self._broken[0]

    @property
    def free(self) -> int:
        """How many more may begin now."""
        return self._at_once - len(self._under_way)

    def begin(self, attempt: Callable[[], T]) -> None:
        """Begin one more; there must be room for it."""
        if self._pool is None:
            self._done.append(attempt())
        else:
            self._under_way.add(self._pool.submit(attempt))

    def ended(self, *, enough: int) -> list[T]:
        """What those came to that have ended since this was asked last. Waits until `enough` more may begin; with as
        many as there may be at all, for every one of them.
        """
        self._collect(0.0)
        while self.free < enough:
            self._collect(None)
        done, self._done = self._done, []
        return done

    def _collect(self, timeout_s: float | None) -> None:
        ended, _ = wait(self._under_way, timeout=timeout_s, return_when=FIRST_COMPLETED)
        self._under_way -= ended
        for each in ended:
            error = each.exception()
            if error is None:
                self._done.append(each.result())
            else:
                self._broken.append(error)
