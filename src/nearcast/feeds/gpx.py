"""Tracks of GPX 1.0 and 1.1, as loggers and watches write them. What is planned or marked is no ping."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC
from typing import BinaryIO

from nearcast.feeds.spellings import instant_text
from nearcast.feeds.xml_leaves import elements
from nearcast.services.rows import Row

_NO_PINGS = {"wpt": "waypoints", "rtept": "route points"}


def gpx_rows(file: BinaryIO, place: str, left_out: Counter[str]) -> Iterator[Row]:
    """The track points in their order, counted from 1; times without an offset are UTC, as GPX has it.

    Speed is m/s, from the point itself (1.0) or its extensions (1.1).
    """
    number = 0
    for element in elements(file, place, ("trkpt", *_NO_PINGS)):
        if element.name in _NO_PINGS:
            left_out[_NO_PINGS[element.name]] += 1
            continue
        number += 1
        yield Row(
            number,
            {
                "recorded_at": instant_text(element.first("time"), UTC),
                "lat": element.attributes.get("lat"),
                "lon": element.attributes.get("lon"),
                "accuracy_m": element.first("accuracy"),
                "speed_mps": element.first("speed"),
            },
        )
