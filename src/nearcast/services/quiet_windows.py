"""Windows of silence as they are written, as the rules of whoever asks for them."""

from collections.abc import Container, Iterable, Sequence
from datetime import date

from nearcast.domain.errors import InvalidInput
from nearcast.domain.local_time import EVERY_DAY, HOLIDAY, WEEKDAYS, LocalHours, LocalWindow
from nearcast.domain.quiet_hours import QuietRule, QuietSource
from nearcast.services.scenario import QuietWindowShape, placed


def quiet_rules(
    shapes: Sequence[QuietWindowShape],
    source: QuietSource,
    *,
    place: str,
    name: str | None = None,
    holidays: Container[date] | None = None,
    since: date | None = None,
) -> list[QuietRule]:
    """One rule for the windows of each set of channels; InvalidInput for a window that is none, with its place."""
    windows: dict[frozenset[str] | None, list[LocalWindow]] = {}
    for n, shape in enumerate(shapes):
        channels = None if shape.channels is None else frozenset(shape.channels)
        window = placed(f"{place}[{n}]", lambda s=shape: _window(s, has_holidays=holidays is not None))  # type: ignore[misc]
        windows.setdefault(channels, []).append(window)
    return [
        QuietRule(
            source=source,
            hours=LocalHours(tuple(found), holidays=frozenset() if holidays is None else holidays),
            channels=channels,
            name=name,
            since=since,
        )
        for channels, found in windows.items()
    ]


def _window(shape: QuietWindowShape, *, has_holidays: bool) -> LocalWindow:
    if shape.channels == []:
        raise InvalidInput("names no channel: without channels it holds on all of them")
    if shape.days == []:
        raise InvalidInput("names no day: without days it holds on all of them")
    days = EVERY_DAY if shape.days is None else frozenset(_numbers(shape.days))
    if HOLIDAY in days and not has_holidays:
        raise InvalidInput("holiday: of which country? No `holidays` are named beside these hours")
    return LocalWindow.parse(shape.from_, shape.until, days)


def _numbers(days: Iterable[str]) -> Iterable[int]:
    return (HOLIDAY if day == "holiday" else WEEKDAYS.index(day) for day in days)
