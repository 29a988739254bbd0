"""What Google's Takeout gave of a location history: every fix (Records.json), or trips and visits by month (Semantic
history). A visit and the place that it is taken for are conclusions, not fixes: they are no pings.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any, BinaryIO

import msgspec

from nearcast.feeds.json_parts import outline, parts
from nearcast.feeds.spellings import at_least, from_e7, instant_text
from nearcast.services.rows import Row


class _Records(msgspec.Struct, frozen=True):
    locations: list[msgspec.Raw]


class _Location(msgspec.Struct, frozen=True, gc=False):
    latitudeE7: Any = None
    longitudeE7: Any = None
    timestamp: Any = None
    timestampMs: Any = None
    accuracy: Any = None
    velocity: Any = None
    deviceTag: int | str | None = None


def records_rows(file: BinaryIO, place: str, left_out: Counter[str]) -> Iterator[Row]:
    """The locations of Records.json in their order, counted from 1. Accuracies are metres, up to many kilometres."""
    for number, location in parts(outline(file, _Records, place).locations, _Location):
        if isinstance(location, Row):
            yield location
        elif location.latitudeE7 is None and location.longitudeE7 is None:
            left_out["entries without a place"] += 1
        else:
            yield Row(
                number,
                {
                    "recorded_at": _instant(location.timestamp, location.timestampMs),
                    "lat": from_e7(location.latitudeE7),
                    "lon": from_e7(location.longitudeE7),
                    "accuracy_m": at_least(location.accuracy, 1),
                    "speed_mps": at_least(location.velocity, 0),
                    "device_id": None if location.deviceTag is None else str(location.deviceTag),
                },
            )


class _Place(msgspec.Struct, frozen=True, gc=False):
    latitudeE7: Any = None
    longitudeE7: Any = None


class _Duration(msgspec.Struct, frozen=True, gc=False):
    startTimestamp: Any = None
    startTimestampMs: Any = None
    endTimestamp: Any = None
    endTimestampMs: Any = None


class _Point(msgspec.Struct, frozen=True, gc=False):
    latE7: Any = None
    lngE7: Any = None
    timestamp: Any = None
    timestampMs: Any = None
    accuracyMeters: Any = None


class _Path(msgspec.Struct, frozen=True):
    points: tuple[_Point, ...] = ()


class _Activity(msgspec.Struct, frozen=True):
    startLocation: _Place = _Place()
    endLocation: _Place = _Place()
    duration: _Duration = _Duration()
    simplifiedRawPath: _Path = _Path()


class _Visit(msgspec.Struct, frozen=True):
    simplifiedRawPath: _Path = _Path()


class _TimelineObject(msgspec.Struct, frozen=True):
    activitySegment: _Activity | None = None
    placeVisit: _Visit | None = None


class _Semantic(msgspec.Struct, frozen=True):
    timelineObjects: list[msgspec.Raw]


def semantic_rows(file: BinaryIO, place: str, left_out: Counter[str]) -> Iterator[Row]:
    """Where trips began and ended and the raw path between, each with the number, from 1, of its timeline object."""
    for number, found in parts(outline(file, _Semantic, place).timelineObjects, _TimelineObject):
        if isinstance(found, Row):
            yield found
            continue
        if found.placeVisit is not None:
            left_out["visits"] += 1
            yield from _path(number, found.placeVisit.simplifiedRawPath)
        trip = found.activitySegment
        if trip is not None:
            times = trip.duration
            started = _instant(times.startTimestamp, times.startTimestampMs)
            ended = _instant(times.endTimestamp, times.endTimestampMs)
            yield from _end(number, trip.startLocation, started, left_out)
            yield from _path(number, trip.simplifiedRawPath)
            yield from _end(number, trip.endLocation, ended, left_out)


def _end(number: int, where: _Place, at: Any, left_out: Counter[str]) -> Iterator[Row]:
    if where.latitudeE7 is None and where.longitudeE7 is None:
        left_out["ends of trips without a place"] += 1
    else:
        place = {"lat": from_e7(where.latitudeE7), "lon": from_e7(where.longitudeE7)}
        yield Row(number, {"recorded_at": at, **place})


def _path(number: int, path: _Path) -> Iterator[Row]:
    for point in path.points:
        yield Row(
            number,
            {
                "recorded_at": _instant(point.timestamp, point.timestampMs),
                "lat": from_e7(point.latE7),
                "lon": from_e7(point.lngE7),
                "accuracy_m": at_least(point.accuracyMeters, 1),
            },
        )


def _instant(text: Any, milliseconds: Any) -> Any:
    return milliseconds if text is None else instant_text(text, None)
