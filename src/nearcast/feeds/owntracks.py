"""OwnTracks over HTTP: one JSON message in each request (https://owntracks.org/booklet/tech/json).

Positions are `location` messages, and `transition` ones, with which a phone says that it entered or left a region.
Everything else is counted and dropped, and so are the names of networks, pictures and points of interest.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from nearcast.domain.reason import Reason
from nearcast.feeds.phone import NoFix, accuracy, degrees, document, known, name, repaired
from nearcast.services.feed_request import Fix, Read

_POSITIONS = ("location", "transition")
_KINDS = frozenset(
    {
        *("waypoint", "waypoints", "lwt", "status", "steps", "beacon", "card", "configuration", "cmd", "request"),
        *("encrypted", "beacon transition", "empty"),
    }
)
_KMH_PER_MPS = 3.6


def read_owntracks(body: bytes, _content_type: str, _query: Mapping[str, str], received_at: datetime) -> Read:
    """The message of one request; a list of them is read message by message."""
    if not body.strip():
        return Read(besides=Counter(["empty"]))
    try:
        found = document(body)
    except NoFix:
        return Read(refused=((0, Reason.MALFORMED),))
    messages = found if isinstance(found, list) else [found]
    fixes: list[Fix] = []
    refused: list[tuple[int, str]] = []
    besides: Counter[str] = Counter()
    for index, message in enumerate(messages):
        kind = _kind(message)
        if kind not in _POSITIONS:
            besides[kind] += 1
            continue
        try:
            fixes.append(_fix(message, received_at))
        except NoFix:
            refused.append((index, Reason.MALFORMED))
    return Read(fixes=tuple(fixes), refused=tuple(refused), besides=besides)


def _kind(message: object) -> str:
    """Its type; one that is not known is `unknown`, for it may say anything."""
    said = message.get("_type") if isinstance(message, dict) else None
    if not isinstance(message, dict) or not isinstance(said, str):
        return "unknown"
    if said == "transition" and (message.get("t") == "b" or _is_nowhere(message)):
        return "beacon transition"
    return said if said in _POSITIONS or said in _KINDS else "unknown"


def _is_nowhere(message: Mapping[str, Any]) -> bool:
    """Whether it is at 0, 0, as beacons are."""
    return known(message.get("lat")) == 0 and known(message.get("lon")) == 0


def _fix(message: Mapping[str, Any], received_at: datetime) -> Fix:
    at, why = repaired(message.get("tst"), received_at, built_at=message.get("created_at"), may_count_from_2001=True)
    speed_kmh = known(message.get("vel"))
    return Fix(
        recorded_at=at,
        lat=degrees(message.get("lat")),
        lon=degrees(message.get("lon")),
        accuracy_m=accuracy(message.get("acc")),
        speed_mps=None if speed_kmh is None else speed_kmh / _KMH_PER_MPS,
        ping_id=name(message.get("_id")),
        repaired=why,
    )
