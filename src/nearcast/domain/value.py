"""Values that never change, of which a decision makes dozens."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, dataclass_transform, overload

T = TypeVar("T")


@overload
def value(made: type[T], /) -> type[T]: ...
@overload
def value(*, kw_only: bool) -> Callable[[type[T]], type[T]]: ...
@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(made: type[T] | None = None, /, *, kw_only: bool = False) -> type[T] | Callable[[type[T]], type[T]]:
    """A dataclass with slots, equal and hashed by its fields, that nobody may assign to: mypy refuses it.

    With `frozen=True` the interpreter would refuse it as well, and making one would take three times as long.
    """
    as_value = dataclass(slots=True, kw_only=kw_only, unsafe_hash=True)
    return as_value if made is None else as_value(made)


class worked_out_once(Generic[T]):
    """A property that keeps what it found where the object keeps its fields. As `functools.cached_property`, whose lock
    takes longer than what is worked out here.
    """

    def __init__(self, work_out: Callable[[Any], T]) -> None:
        self._work_out, self._name = work_out, work_out.__name__

    def __get__(self, of: object, _kind: type | None = None) -> T:
        found = self._work_out(of)
        of.__dict__[self._name] = found
        return found
