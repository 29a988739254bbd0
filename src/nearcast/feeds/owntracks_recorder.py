"""What the OwnTracks Recorder keeps: lines of an instant, a kind, and the phone's message."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, BinaryIO

import msgspec

from nearcast.feeds import values
from nearcast.feeds.spellings import at_least
from nearcast.services.rows import Row

_KM_PER_H = 3.6


class _Message(msgspec.Struct, rename={"kind": "_type", "key": "_id"}):
    kind: str = ""
    key: str | None = None
    lat: Any = None
    lon: Any = None
    tst: Any = None
    acc: Any = None
    vel: Any = None


def recorder_rows(file: BinaryIO, place: str, left_out: Counter[str]) -> Iterator[Row]:
    """The locations of a .rec file, by their lines, counted from 1. Other messages are no pings. `vel` is km/h; an
    accuracy of 0 is unknown.
    """
    decode = msgspec.json.Decoder(_Message).decode
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        columns = line.split(b"\t", 2)
        if len(columns) < 3:
            yield Row(number, fault="is not of the form INSTANT<tab>KIND<tab>JSON")
            continue
        try:
            message = decode(columns[2])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            yield Row(number, fault=f"is not usable JSON: {error}")
            continue
        if message.kind != "location":
            left_out[f"messages of type {message.kind[:20] or 'none'}"] += 1
            continue
        yield Row(
            number,
            {
                "recorded_at": message.tst,
                "lat": message.lat,
                "lon": message.lon,
                "accuracy_m": at_least(message.acc, 1e-9),
                "speed_mps": _mps(at_least(message.vel, 0)),
                "ping_id": message.key,
            },
        )


def _mps(km_per_h: Any) -> Any:
    try:
        return values.number(km_per_h) / _KM_PER_H
    except ValueError:
        return km_per_h
