"""Whether this process can do its work."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from nearcast.domain.errors import StoreUnavailable
from nearcast.services.ports import Store


class LoopHealth(Protocol):
    """How a loop is doing."""

    @property
    def error(self) -> str | None:
        """The type of what fails now, None where nothing does."""


WorkerStatus: TypeAlias = Callable[[], Mapping[str, LoopHealth]]
"""The loops of this process by name."""


def no_worker() -> Mapping[str, LoopHealth]:
    """The loops of a process that runs none."""
    return {}


@dataclass(frozen=True, slots=True)
class Check:
    """`detail` says what is wrong; never where the database is or how to get in."""

    is_ok: bool
    detail: str | None = None


class Health:
    """Checks of the database and of its schema; `needed_schema` is the revision that this version works with."""

    def __init__(self, store: Store, needed_schema: Callable[[], str | None]) -> None:
        self._store, self._needed_schema = store, needed_schema

    def checks(self, loops: Mapping[str, LoopHealth]) -> dict[str, Check]:
        """Every check by name, the worker's loops too."""
        return self._of_store() | {f"worker {name}": _of_loop(loop) for name, loop in loops.items()}

    def _of_store(self) -> dict[str, Check]:
        try:
            schema, needed = self._store.about().schema, self._needed_schema()
        except StoreUnavailable:
            return {"database": Check(False, "it does not answer")}
        if schema == needed:
            return {"database": Check(True), "schema": Check(True)}
        said = f"it is at revision {schema or 'none'}, and this nearcast needs {needed}: nearcast migrate"
        return {"database": Check(True), "schema": Check(False, said)}


def _of_loop(loop: LoopHealth) -> Check:
    return Check(True) if loop.error is None else Check(False, f"it fails with {loop.error} and goes on trying")
