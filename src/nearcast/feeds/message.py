"""One message of an app, taken apart: objects that may be none, forms, times in every spelling, fixes by index."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from nearcast.domain.reason import Reason
from nearcast.feeds import values
from nearcast.feeds.phone import NoFix, accuracy, degrees, document, known, name, repaired
from nearcast.services.feed_request import Fix, Read

MPS_PER_KNOT = 1852 / 3600
MPS_PER_KMH = 1 / 3.6
_DATE_LENGTH = len("2026-06-02")
_MOST_FIELDS = 200


def members(value: object) -> Mapping[str, Any]:
    """The members of a JSON object; none where it is something else."""
    return value if isinstance(value, dict) else {}


def entries(value: object) -> list[Any]:
    """The elements of a JSON array; what stands alone is an array of itself, and null an empty one."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def is_json(content_type: str) -> bool:
    """Whether a media type says so."""
    return "json" in content_type.lower()


def fields(body: bytes, content_type: str, query: Mapping[str, str]) -> Mapping[str, Any]:
    """What a message says by name: in its address and in its body, a form or a JSON object, which counts more.

    NoFix where the body is neither.
    """
    if is_json(content_type) or body.lstrip()[:1] == b"{":
        found = document(body)
        if not isinstance(found, dict):
            raise NoFix("it is not a JSON object")
        return {**query, **found}
    try:
        return {**query, **dict(parse_qsl(body.decode(), max_num_fields=_MOST_FIELDS))}
    except ValueError:
        raise NoFix("it is not a form") from None


def flag(value: object) -> bool | None:
    """True or false, in words or as 1 or 0; None for anything else."""
    word = str(value).strip().lower() if isinstance(value, (str, int, float)) else ""
    return {"true": True, "1": True, "false": False, "0": False}.get(word)


def when(value: object, received_at: datetime, *, milliseconds_from: int | None = None) -> tuple[datetime, str | None]:
    """An instant, and what was wrong with the clock that gave it: unix seconds, or a date and time in ISO 8601, in UTC
    where it names no offset. NoFix for anything else, and for a day alone. Milliseconds are wrong, but where the
    protocol has them from a number on.
    """
    if isinstance(value, str) and not values.is_number(value):
        return repaired(_with_offset(value.strip()), received_at)
    try:
        found = values.number(value)
    except ValueError:
        raise NoFix("its time is missing or no time") from None
    if milliseconds_from is not None and milliseconds_from <= found < 1000 * values.MILLISECONDS_FROM:
        return repaired(found / 1000, received_at)
    return repaired(value, received_at)


def _with_offset(text: str) -> str:
    day, rest = text[: _DATE_LENGTH + 1], text[_DATE_LENGTH + 1 :]
    if not rest:
        raise NoFix("a day is no time")
    try:
        # in a query, a + that stands as it is means a space
        at = datetime.fromisoformat(day + rest.replace(" ", "+"))
    except ValueError:
        raise NoFix("its time is missing or no time") from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).isoformat()


class Entries:
    """What is found in one message that is received at an instant, entry by entry, counted from 0."""

    def __init__(self, received_at: datetime, *, milliseconds_from: int | None = None) -> None:
        self._received_at, self._milliseconds_from = received_at, milliseconds_from
        self._fixes: list[Fix] = []
        self._refused: list[tuple[int, str]] = []
        self._besides: Counter[str] = Counter()

    def place(self, index: int, lat: object, lon: object, times: Sequence[object], **said: Any) -> None:
        """A place, with the times that are said of it, of which the first that is one counts, and what `_fix` takes.

        Without coordinates it is none, and nothing is wrong with that; where they or all times cannot be read, refused.
        """
        if lat in (None, "") and lon in (None, ""):
            self.count("no position")
            return
        try:
            at, why = self._first_of(times)
            self._fixes.append(_fix(at, degrees(lat), degrees(lon), why, **said))
        except NoFix:
            self.refuse(index)

    def refuse(self, index: int, reason: Reason = Reason.MALFORMED) -> None:
        """An entry that is no fix and should have been one."""
        self._refused.append((index, reason))

    def count(self, kind: str) -> None:
        """What was never meant to be a fix."""
        self._besides[kind] += 1

    def read(self) -> Read:
        """All of it."""
        return Read(fixes=tuple(self._fixes), refused=tuple(self._refused), besides=self._besides)

    def _first_of(self, times: Sequence[object]) -> tuple[datetime, str | None]:
        for said in times:
            try:
                return when(said, self._received_at, milliseconds_from=self._milliseconds_from)
            except NoFix:
                continue
        raise NoFix("it has no time")


def _fix(
    at: datetime,
    lat: float,
    lon: float,
    why: str | None,
    *,
    accuracy_m: object = None,
    speed: object = None,
    mps_per_unit: float = 1.0,
    ping_id: object = None,
) -> Fix:
    units = known(speed)
    return Fix(
        recorded_at=at,
        lat=lat,
        lon=lon,
        accuracy_m=accuracy(accuracy_m),
        speed_mps=None if units is None else units * mps_per_unit,
        ping_id=name(ping_id),
        repaired=why,
    )
