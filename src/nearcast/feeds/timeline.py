"""Google's Timeline as phones export it since 2024: of Android one object, of iOS a list. A visit is no ping."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, BinaryIO

import msgspec

from nearcast.feeds import values
from nearcast.feeds.json_parts import outline, parts
from nearcast.feeds.spellings import at_least, instant_text, pair
from nearcast.services.instants import as_instant
from nearcast.services.rows import Row


class _LatLng(msgspec.Struct, frozen=True, gc=False):
    latLng: Any = None


class _AndroidTrip(msgspec.Struct, frozen=True):
    start: _LatLng = _LatLng()
    end: _LatLng = _LatLng()


class _AndroidPoint(msgspec.Struct, frozen=True, gc=False):
    point: Any = None
    time: Any = None


class _AndroidSegment(msgspec.Struct, frozen=True):
    startTime: Any = None
    endTime: Any = None
    timelinePath: tuple[_AndroidPoint, ...] = ()
    activity: _AndroidTrip | None = None
    visit: Any = None


class _Position(msgspec.Struct, frozen=True, gc=False):
    LatLng: Any = None
    accuracyMeters: Any = None
    timestamp: Any = None
    speedMetersPerSecond: Any = None


class _Signal(msgspec.Struct, frozen=True):
    position: _Position | None = None


class _Android(msgspec.Struct, frozen=True):
    semanticSegments: list[msgspec.Raw] = []
    rawSignals: list[msgspec.Raw] = []


def android_rows(file: BinaryIO, place: str, left_out: Counter[str]) -> Iterator[Row]:
    """Paths, ends of trips, and what the phone measured of late; numbers are of segments, then of signals after them.

    The same place at the same instant stands in it more than once.
    """
    found = outline(file, _Android, place)
    for number, segment in parts(found.semanticSegments, _AndroidSegment):
        if isinstance(segment, Row):
            yield segment
            continue
        left_out["visits"] += segment.visit is not None
        for point in segment.timelinePath:
            yield _row(number, point.time, point.point)
        if segment.activity is not None:
            yield from _trip(number, segment, segment.activity.start.latLng, segment.activity.end.latLng, left_out)
    before = len(found.semanticSegments)
    for number, signal in parts(found.rawSignals, _Signal):
        if isinstance(signal, Row):
            yield Row(before + number, fault=signal.fault)
        elif signal.position is None:
            left_out["signals without a place"] += 1
        else:
            at = signal.position
            accuracy_m, speed_mps = at_least(at.accuracyMeters, 1e-9), at_least(at.speedMetersPerSecond, 0)
            yield _row(before + number, at.timestamp, at.LatLng, accuracy_m=accuracy_m, speed_mps=speed_mps)


class _IosPoint(msgspec.Struct, frozen=True, gc=False):
    point: Any = None
    durationMinutesOffsetFromStartTime: Any = None


class _IosTrip(msgspec.Struct, frozen=True, gc=False):
    start: Any = None
    end: Any = None


class _IosSegment(msgspec.Struct, frozen=True):
    startTime: Any = None
    endTime: Any = None
    timelinePath: tuple[_IosPoint, ...] = ()
    activity: _IosTrip | None = None
    visit: Any = None


def ios_rows(file: BinaryIO, place: str, left_out: Counter[str]) -> Iterator[Row]:
    """Paths, whose points are so many minutes after their segment's start, and ends of trips."""
    for number, segment in parts(outline(file, list[msgspec.Raw], place), _IosSegment):
        if isinstance(segment, Row):
            yield segment
            continue
        left_out["visits"] += segment.visit is not None
        for point in segment.timelinePath:
            yield _row(number, _later(segment.startTime, point.durationMinutesOffsetFromStartTime), point.point)
        if segment.activity is not None:
            yield from _trip(number, segment, segment.activity.start, segment.activity.end, left_out)


def _trip(number: int, segment: Any, start: Any, end: Any, left_out: Counter[str]) -> Iterator[Row]:
    for at, where in ((segment.startTime, start), (segment.endTime, end)):
        if where is None:
            left_out["ends of trips without a place"] += 1
        else:
            yield _row(number, at, where)


def _row(number: int, at: Any, where: Any, **more: Any) -> Row:
    lat, lon = pair(where)
    return Row(number, {"recorded_at": instant_text(at, None), "lat": lat, "lon": lon, **more})


def _later(start: Any, minutes: Any) -> Any:
    """That many minutes after an instant; what is there instead where one of them cannot be read."""
    try:
        start_us = values.instant_us(instant_text(start, None))
    except ValueError:
        return start
    try:
        return (as_instant(start_us) + timedelta(minutes=values.number(minutes))).isoformat()
    except (ValueError, OverflowError):
        return minutes if minutes is None else str(minutes)
