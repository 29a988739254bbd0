"""What became of a file that was taken in, and the report of its bad rows."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from nearcast.domain.errors import InvalidInput
from nearcast.services.report import as_json
from nearcast.services.rows import Row, named

T = TypeVar("T")
_MOST_REASONS = 20


def most_frequent(messages: Iterable[str]) -> dict[str, int]:
    """How often each message is said, the most frequent first; the rarest of very many are left out."""
    found = Counter(messages)
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0]))[:_MOST_REASONS])


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRow:
    """Why a row, counted from 1, was not kept, or not as it stands; `path` leads to the place inside it."""

    row: int
    id: str | None
    path: str
    message: str


@dataclass(slots=True, kw_only=True)
class Taken:
    """What became of a file. `counts` are of rows, by what became of them; each of `bad`, and of `noted`, which were
    kept otherwise than they stand, has a line in `report`. `left_out` counts what in the file is no row of this kind.
    """

    kind: str
    rows: int
    counts: Counter[str] = field(default_factory=Counter)
    bad: list[BadRow] = field(default_factory=list)
    noted: list[BadRow] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    report: Path | None = None

    def refuse(self, row: Row, fault: InvalidInput) -> None:
        self.bad.append(BadRow(row=row.number, id=named(row), path=fault.place, message=fault.message))

    def note(self, row: Row, path: str, message: str) -> None:
        """Report a row that is kept."""
        self.noted.append(BadRow(row=row.number, id=named(row), path=path, message=message))
        self.counts["unconfirmed"] += 1

    def good(self, rows: Iterable[Row], read: Callable[[Row], tuple[str, T]]) -> list[tuple[Row, T]]:
        """The rows that `read` can read, with what it makes of them. What it refuses, and an id that is there for the
        second time, is bad.
        """
        found: dict[str, tuple[Row, T]] = {}
        for row in rows:
            try:
                key, item = read(row)
                if key in found:
                    raise InvalidInput(f"is already that of row {found[key][0].number}", place="id")
            except InvalidInput as fault:
                self.refuse(row, fault)
            else:
                found[key] = (row, item)
        return list(found.values())

    def summary(self) -> dict[str, Any]:
        """As one JSON object: rows by what became of them, and by what is wrong with the bad, most frequent first."""
        left_out = {"left_out": dict(self.left_out)} if self.left_out else {}
        return {
            "kind": self.kind,
            "rows": self.rows,
            **self.counts,
            "bad": len(self.bad),
            "reasons": most_frequent(bad.message for bad in self.bad),
            **left_out,
            "report": None if self.report is None else str(self.report),
        }

    def told(self) -> str:
        """In one line."""
        became = [f"{count:,} {name}" for name, count in self.counts.items() if count]
        listed = f", listed in {self.report}" if self.report else ""
        beside = "".join(f"; {count:,} {what} left out" for what, count in self.left_out.items())
        return f"{self.rows:,} rows of {self.kind}: {', '.join([*became, f'{len(self.bad):,} bad'])}{listed}{beside}"

    def write_report(self, path: Path) -> None:
        """A line of JSON for each row that is bad or noted, in their order; no file where there is none."""
        listed = sorted([*self.bad, *self.noted], key=lambda row: row.row)
        if not listed:
            return
        lines = [as_json(asdict(row)) + "\n" for row in listed]
        try:
            path.write_text("".join(lines), encoding="utf-8", newline="\n")
        except OSError as error:
            said = f"cannot be written: {error.strerror}; the good rows are kept, {len(self.bad)} bad ones are not"
            raise InvalidInput(said, place=str(path)) from error
        self.report = path
