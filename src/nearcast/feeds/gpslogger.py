"""GPSLogger's custom URL, and whatever else sends one fix under names of its user's choice, as Colota does.

GPSLogger writes 0.0 or nothing for a number that it does not have, and sends every row of a file again. At the edge of
a zone in which it sleeps, Colota sends the zone's centre, with its radius as accuracy: a fix as coarse as it says.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from nearcast.domain.reason import Reason
from nearcast.feeds.message import MPS_PER_KMH, Entries, fields, flag
from nearcast.feeds.phone import NoFix, accuracy, known
from nearcast.services.feed_request import Read

_M_PER_DILUTION = 5.0  # how far off a phone's receiver is where its satellites stand as well as can be
ALIASES: Mapping[str, tuple[str, ...]] = {
    "lat": ("lat", "latitude", "y"),
    "lon": ("lon", "lng", "long", "longitude", "x"),
    "recorded_at": ("timestamp", "tst", "time", "timeoffset", "recorded_at", "fixtime", "datetime", "date"),
    "accuracy_m": ("acc", "accuracy", "accuracy_m", "horizontal_accuracy", "hacc"),
    "dilution": ("hdop",),
    "speed_mps": ("spd", "speed", "speed_mps", "velocity", "vel", "s"),
    "speed_kmh": ("spd_kph", "speed_kmh"),
    "ping_id": ("ping_id", "uuid"),
    "is_mocked": ("mock",),
}
"""The names of each value in small letters, the one to believe first in front."""


def read_gpslogger(body: bytes, content_type: str, query: Mapping[str, str], received_at: datetime) -> Read:
    """The fix of a message: in its address, in a form or in a JSON object."""
    found = Entries(received_at)
    try:
        said = {name.lower(): value for name, value in fields(body, content_type, query).items()}
    except NoFix:
        found.refuse(0)
        return found.read()
    if flag(_first(said, "is_mocked")):
        found.refuse(0, Reason.PING_MOCKED)
        return found.read()
    dilution, speed, kmh = (
        accuracy(_first(said, "dilution")),
        _first(said, "speed_mps"),
        known(_first(said, "speed_kmh")),
    )
    found.place(
        0,
        _first(said, "lat"),
        _first(said, "lon"),
        _all(said, "recorded_at"),
        accuracy_m=accuracy(_first(said, "accuracy_m")) or (dilution and dilution * _M_PER_DILUTION),
        speed=kmh * MPS_PER_KMH if speed is None and kmh is not None else speed,
        ping_id=_first(said, "ping_id"),
    )
    return found.read()


def _all(said: Mapping[str, Any], meaning: str) -> list[Any]:
    return [said[alias] for alias in ALIASES[meaning] if said.get(alias) not in (None, "")]


def _first(said: Mapping[str, Any], meaning: str) -> Any:
    return next(iter(_all(said, meaning)), None)
