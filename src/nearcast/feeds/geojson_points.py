"""Pings as GeoJSON points. The standard has no name for a time, so that everybody has another one."""

from collections import Counter
from collections.abc import Iterator
from datetime import tzinfo
from typing import Any, BinaryIO

import msgspec

from nearcast.feeds.json_parts import outline, parts
from nearcast.feeds.ping_names import called
from nearcast.feeds.spellings import at_least, instant_text
from nearcast.services.rows import Row


class _Collection(msgspec.Struct, frozen=True):
    features: list[msgspec.Raw] = []
    locations: list[msgspec.Raw] = []  # as Overland keeps them


class _Geometry(msgspec.Struct, frozen=True):
    type: str = ""
    coordinates: Any = None


class _Feature(msgspec.Struct, frozen=True):
    geometry: _Geometry | None = None
    properties: dict[str, Any] | None = None


def geojson_rows(file: BinaryIO, place: str, left_out: Counter[str], zone: tzinfo | None) -> Iterator[Row]:
    """The points of a FeatureCollection in its order, features counted from 1. Speeds are nobody's unit: left alone."""
    found = outline(file, _Collection, place)
    for number, feature in parts([*found.features, *found.locations], _Feature):
        if isinstance(feature, Row):
            yield feature
        elif feature.geometry is None or feature.geometry.type != "Point":
            left_out["features that are no point"] += 1
        elif (feature.properties or {}).get("action") is not None:
            left_out["actions"] += 1
        else:
            yield Row(number, _ping(feature.geometry.coordinates, feature.properties or {}, zone))


def _ping(coordinates: Any, properties: dict[str, Any], zone: tzinfo | None) -> dict[str, Any]:
    names = called(properties)
    ping = {ours: properties[name] for ours, name in names.items() if ours not in ("lat", "lon", "speed_mps")}
    pair = coordinates if isinstance(coordinates, list) and len(coordinates) >= 2 else [None, None]
    ping |= {"recorded_at": instant_text(ping.get("recorded_at"), zone), "lat": pair[1], "lon": pair[0]}
    return {**ping, "accuracy_m": at_least(ping.get("accuracy_m"), 1e-9)}
