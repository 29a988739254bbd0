"""What the phones' apps send, as their documentation and their sources have it, and a short way to say what is read."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from nearcast.services.feed_request import Read

NOON = datetime(2026, 6, 2, 10, tzinfo=UTC)
NOON_S = 1_780_394_400
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
NOTHING: Mapping[str, str] = {}
PLACE = (52.52, 13.405)


def places(read: Read) -> list[tuple[float, float]]:
    return [(fix.lat, fix.lon) for fix in read.fixes]


def whole(read: Read) -> tuple[Any, ...]:
    """The only fix of a request, all of it: when, where, how exact, how fast, under which name."""
    assert (read.refused, dict(read.besides)) == ((), {})
    (fix,) = read.fixes
    return (fix.recorded_at, fix.lat, fix.lon, fix.accuracy_m, fix.speed_mps, fix.ping_id)


def overland_feature(**properties: Any) -> dict[str, Any]:
    """A fix of Overland's."""
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [13.405, 52.52]},
        "properties": {
            "timestamp": "2026-06-02T10:00:00Z",
            "altitude": 0,
            "speed": 4,
            "course": -1,
            "horizontal_accuracy": 30,
            "vertical_accuracy": -1,
            "motion": ["driving", "stationary"],
            "battery_state": "charging",
            "battery_level": 0.8,
            "wifi": "",
            "device_id": "",
            **properties,
        },
    }


def traccar_location(**changes: Any) -> dict[str, Any]:
    """A fix of the Traccar app's."""
    return {
        "timestamp": "2026-06-02T10:00:00.000Z",
        "coords": {"latitude": 52.52, "longitude": 13.405, "accuracy": 5, "speed": 3, "heading": -1, "altitude": 5},
        "is_moving": False,
        "odometer": 0,
        "event": "motionchange",
        "uuid": "2FB04C65-99CF-42AB-8DD3-EBCB4B108BF8",
        "age": 188,
        "battery": {"level": -1, "is_charging": False},
        "activity": {"type": "still", "confidence": 100},
        "extras": {},
        **changes,
    }


def traccar_position(**changes: Any) -> dict[str, Any]:
    """A position as a Traccar server passes it on."""
    return {
        "id": 77,
        "deviceId": 3,
        "protocol": "gl200",
        "deviceTime": "2026-06-02T09:59:58.000+00:00",
        "fixTime": "2026-06-02T10:00:00.000+00:00",
        "serverTime": "2026-06-02T10:00:01.000+00:00",
        "outdated": False,
        "valid": True,
        "latitude": 52.52,
        "longitude": 13.405,
        "altitude": 34.0,
        "speed": 10.0,
        "course": 180.0,
        "accuracy": 0.0,
        "attributes": {"batteryLevel": 81, "motion": True},
        **changes,
    }
