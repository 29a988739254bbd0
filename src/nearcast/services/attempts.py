"""Attempts that go on at the same time: a provider takes its time over each, and others need not wait for it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
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
        self._under_way = 0
        self._came: SimpleQueue[tuple[T] | BaseException] = SimpleQueue()
        self._done: list[T] = []
        self._broken: list[BaseException] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True)
        self._collect()
        if kind is None and self._broken:
            raise self._broken[0]

    @property
    def free(self) -> int:
        """How many more may begin now."""
        return self._at_once - self._under_way

    def begin(self, attempt: Callable[[], T]) -> None:
        """Begin one more; there must be room for it."""
        if self._pool is None:
            self._done.append(attempt())
        else:
            self._under_way += 1
            self._pool.submit(self._make, attempt)

    def ended(self, *, enough: int) -> list[T]:
        """What those came to that have ended since this was asked last. Waits until `enough` more may begin; with as
        many as there may be at all, for every one of them.
        """
        self._collect()
        while self.free < enough:
            self._take(self._came.get())
        done, self._done = self._done, []
        return done

    def _make(self, attempt: Callable[[], T]) -> None:
        try:
            self._came.put((attempt(),))
        except BaseException as error:
            self._came.put(error)

    def _collect(self) -> None:
        while True:
            try:
                self._take(self._came.get_nowait())
            except Empty:
                return

    def _take(self, came: tuple[T] | BaseException) -> None:
        self._under_way -= 1
        if isinstance(came, BaseException):
            self._broken.append(came)
        else:
            self._done.append(came[0])
