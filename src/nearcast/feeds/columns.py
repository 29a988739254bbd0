"""Whole columns taken for what they mean. Where one value does not fit, the error names its row, its column and it.

Fast where every value is as it should be; a column that is not is read again value by value, by the rules in `values`,
which also take what the fast way does not know.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import numpy as np
import pyarrow
import pyarrow.compute

from nearcast.domain.errors import InvalidInput
from nearcast.feeds import values
from nearcast.geo.batch import Floats, Ints, Texts

ArrowColumn: TypeAlias = Any  # a pyarrow.ChunkedArray

_Value = TypeVar("_Value")
_UTC_MICROSECONDS = pyarrow.timestamp("us", tz="UTC")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a file under the file's own name for it."""

    name: str
    cells: ArrowColumn
    place: str

    @property
    def kind(self) -> Any:
        return self.cells.type

    def refuse(self, row: int, message: str) -> InvalidInput:
        return InvalidInput(message, place=f"{self.place}: row {row}, column {self.name}")

    def refuse_kind(self, expected: str) -> InvalidInput:
        return InvalidInput(f"the column holds {self.kind}, not {expected}", place=f"{self.place}: column {self.name}")

    def decoded(self) -> "Column":
        """The same with text as plain strings, however the file packs them."""
        kind = self.kind
        if pyarrow.types.is_dictionary(kind):
            kind = kind.value_type
        if pyarrow.types.is_large_string(kind) or pyarrow.types.is_string_view(kind):
            kind = pyarrow.string()
        return self if kind == self.kind else Column(self.name, self.cells.cast(kind), self.place)


def texts(column: Column, *, is_required: bool) -> Texts:
    """n texts; None where the file has none, or an empty one."""
    if pyarrow.types.is_null(column.kind) and not is_required:
        return np.full(len(column.cells), None, dtype=object)
    column = column.decoded()
    if pyarrow.types.is_string(column.kind):
        cells = column.cells
    elif pyarrow.types.is_integer(column.kind) or pyarrow.types.is_null(column.kind):
        cells = column.cells.cast(pyarrow.string())
    else:
        raise column.refuse_kind("text or whole numbers")
    answer: Texts = cells.to_numpy(zero_copy_only=False)
    if is_required:
        _refuse_where(column, pyarrow.compute.is_null(cells), "is missing")
        _refuse_where(column, answer == "", "is empty")
    answer = answer.copy()  # Arrow's are read-only
    answer[answer == ""] = None
    return answer


def numbers(column: Column, *, is_required: bool, minimum: float = -np.inf) -> Floats:
    """n finite numbers; NaN where the file has none and need not."""
    if pyarrow.types.is_null(column.kind) and not is_required:
        return np.full(len(column.cells), np.nan)
    column = column.decoded()
    if pyarrow.types.is_string(column.kind):
        answer = _numbers_from_text(column)
    elif pyarrow.types.is_null(column.kind) or _is_numeric(column.kind):
        answer = np.asarray(column.cells.cast(pyarrow.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)
    else:
        raise column.refuse_kind("numbers")
    if is_required:
        _refuse_where(column, pyarrow.compute.is_null(column.cells), "is missing")
        _refuse_where(column, np.isnan(answer), "nan is not a number")
    for row in np.flatnonzero(np.isinf(answer) | (answer < minimum)).tolist()[:1]:
        what = "is not a finite number" if np.isinf(answer[row]) else f"is less than {minimum:g}"
        raise column.refuse(row, f"{column.cells[row].as_py()!r} {what}")
    return answer


def instants_us(column: Column, *, instead_us: Ints | None = None) -> Ints:
    """n instants in microseconds since 1970 UTC; `instead_us` where the file has none, which is refused without."""
    if pyarrow.types.is_null(column.kind) and instead_us is not None:
        return instead_us.copy()
    column = column.decoded()
    is_missing = np.asarray(pyarrow.compute.is_null(column.cells, nan_is_null=True))
    if instead_us is None:
        _refuse_where(column, is_missing, "is missing")
    answer = np.zeros(len(is_missing), dtype=np.int64) if instead_us is None else instead_us.copy()
    present = Column(column.name, column.cells.filter(~is_missing), column.place)
    if len(present.cells):
        rows = np.flatnonzero(~is_missing)
        answer[~is_missing] = _present_instants_us(present, lambda number: int(rows[number]))
    return answer


def _present_instants_us(column: Column, row_of: Callable[[int], int]) -> Ints:
    kind = column.kind
    if pyarrow.types.is_timestamp(kind):
        return _timestamps_us(column, row_of)
    if pyarrow.types.is_string(kind):
        if pyarrow.compute.all(pyarrow.compute.match_substring_regex(column.cells, values.INSTANT)).as_py():
            try:
                return np.asarray(column.cells.cast(_UTC_MICROSECONDS).cast(pyarrow.int64()), dtype=np.int64)
            except pyarrow.ArrowInvalid:
                pass  # small letters, more than six digits, or a day that does not exist: the slow way tells
        _refuse_mixed_spellings(column, row_of)
    elif _is_numeric(kind):
        unix = np.asarray(column.cells)
        is_milliseconds = np.abs(unix) >= values.MILLISECONDS_FROM
        in_range = (unix >= values.EARLIEST_MILLISECOND) & (unix <= values.LATEST_MILLISECOND)  # false for inf
        if unix.dtype.kind in "if" and in_range.all():
            us: Ints = np.rint(unix * np.where(is_milliseconds, 1000, 1_000_000)).astype(np.int64)
            return us
    else:
        raise column.refuse_kind("instants")
    return np.array(_one_by_one(column, column.cells.to_pylist(), values.instant_us, row_of), dtype=np.int64)


def _refuse_mixed_spellings(column: Column, row_of: Callable[[int], int]) -> None:
    """A number among texts is what a file cut off in "2026-06-…" leaves, not the year 1970."""
    cells = column.cells.to_pylist()
    first_is_number = values.is_number(cells[0])
    for number, cell in enumerate(cells):
        if values.is_number(cell) != first_is_number:
            raise column.refuse(row_of(number), f"{cell!r} is not written as {cells[0]!r} in row {row_of(0)} is")


def _timestamps_us(column: Column, row_of: Callable[[int], int]) -> Ints:
    """From any unit; what is finer than microseconds is cut off."""
    kind = column.kind
    if kind.tz is None:
        raise InvalidInput(
            f"the column holds {kind} without a time zone", place=f"{column.place}: column {column.name}"
        )
    ticks = np.asarray(column.cells.cast(pyarrow.int64()), dtype=np.int64)
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[kind.unit]
    seconds = ticks // per_second
    wrong = (seconds < values.EARLIEST_MILLISECOND // 1000) | (seconds > values.LATEST_MILLISECOND // 1000)
    if wrong.any():
        number = int(np.argmax(wrong))
        raise column.refuse(row_of(number), f"{ticks[number]} {kind.unit} since 1970 is not in the years 1 to 9999")
    return seconds * 10**6 + ticks % per_second * 10**6 // per_second


def _numbers_from_text(column: Column) -> Floats:
    """NaN where the text is missing; "nan" is no number."""
    try:
        answer: Floats = np.asarray(column.cells.cast(pyarrow.float64()).to_numpy(zero_copy_only=False), np.float64)
        if np.isnan(answer).sum() == column.cells.null_count:
            return answer
    except pyarrow.ArrowInvalid:
        pass

    def number_or_nan(cell: object) -> float:
        return np.nan if cell is None else values.number(cell)

    return np.array(_one_by_one(column, column.cells.to_pylist(), number_or_nan, lambda number: number))


def _one_by_one(
    column: Column, cells: list[object], meaning: Callable[[object], _Value], row_of: Callable[[int], int]
) -> list[_Value]:
    answer = []
    for number, cell in enumerate(cells):
        try:
            answer.append(meaning(cell))
        except ValueError as error:
            raise column.refuse(row_of(number), str(error)) from None
    return answer


def _refuse_where(column: Column, is_wrong: Any, message: str) -> None:
    wrong = np.flatnonzero(np.asarray(is_wrong))
    if wrong.size:
        raise column.refuse(int(wrong[0]), message)


def _is_numeric(kind: Any) -> bool:
    return bool(pyarrow.types.is_integer(kind) or pyarrow.types.is_floating(kind) or pyarrow.types.is_decimal(kind))
