"""How each client's feed is served and shown: its methods, its answer, and what it is told that nobody knows it."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from fastapi import Request, Response

from nearcast.services.application import Application
from nearcast.services.phones import PhoneRequest, Taken

Answerer: TypeAlias = Callable[[Application, PhoneRequest, Taken, Request], Response]
_JSON, _FORM = "application/json", "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A feed as it is served. `answer` may ask the store: it runs beside the loop. `unknown`, and `unknown_in_json` for
    a body in JSON, is the answer to whoever names no live device where the protocol has no other credential.
    """

    name: str
    title: str
    about: str
    answer: Answerer
    media: str
    example: Any
    shown: Any
    shown_to_get: Any = None
    methods: Sequence[str] = ("POST",)
    parameters: Sequence[dict[str, Any]] = field(default_factory=tuple)
    unknown: int = 401
    unknown_in_json: int = 401


def in_query(**examples: str) -> list[dict[str, Any]]:
    """For `parameters`: what may stand in the address, by example."""
    return [
        {"name": name, "in": "query", "required": False, "schema": {"type": "string"}, "example": said}
        for name, said in examples.items()
    ]


def _nothing(_application: Application, _asked: PhoneRequest, _taken: Taken, _request: Request) -> Response:
    return Response()


def _overland(_application: Application, _asked: PhoneRequest, _taken: Taken, request: Request) -> Response:
    return _as_json(_OVERLAND_NAME if request.method == "GET" else _OVERLAND_KEPT)


def _no_answer(_application: Application, _asked: PhoneRequest, _taken: Taken, _request: Request) -> Response:
    return _as_json({})


def _checkin(_application: Application, _asked: PhoneRequest, taken: Taken, _request: Request) -> Response:
    refused = Counter(reason for _, reason in (*taken.read.refused, *taken.turned_away))
    return _as_json({"accepted": taken.accepted, "rejected": refused})


def _as_json(said: Mapping[str, Any]) -> Response:
    return Response(json.dumps(said, separators=(",", ":")), media_type=_JSON)


_OVERLAND_KEPT, _OVERLAND_NAME = {"result": "ok"}, {"name": "nearcast"}
_PLACE = {"lat": "52.5204497", "lon": "13.405"}
_OSMAND = in_query(id="dev-6d1f0c9a2b3e4d5f.…", timestamp="1780394400", accuracy="8", **_PLACE)
PHONE_ROWS = (
    Row(
        name="overland",
        title="Take what Overland sends",
        about=(
            "Batches of GeoJSON Features. Those with a Point and without `action` or `type` are positions. The app "
            "deletes a batch once it is answered with exactly this; by GET it asks for a name to show."
        ),
        answer=_overland,
        media=_JSON,
        example={
            "locations": [
                {
                    "type": "Feature",
                    "geometry": {"type": "Point", "coordinates": [13.405, 52.5204497]},
                    "properties": {"timestamp": "2026-06-02T10:00:00Z", "horizontal_accuracy": 8, "speed": 1},
                }
            ]
        },
        shown=_OVERLAND_KEPT,
        shown_to_get=_OVERLAND_NAME,
        methods=("POST", "GET"),
    ),
    Row(
        name="traccar",
        title="Take what the Traccar app or a Traccar server sends",
        about=(
            "The app's JSON, with `coords` or without, and a server's (`forward.type=json`). Neither has a password: "
            "`device_id`, or `uniqueId` of a server's device, is the device's `username`. 404 where it is none."
        ),
        answer=_nothing,
        media=_JSON,
        example={
            "device_id": "dev-6d1f0c9a2b3e4d5f.…",
            "location": {
                "timestamp": "2026-06-02T10:00:00Z",
                "coords": {"latitude": 52.5204497, "longitude": 13.405, "accuracy": 8, "speed": 1},
            },
        },
        shown=None,
        unknown=404,
        unknown_in_json=404,
    ),
    Row(
        name="osmand",
        title="Take what OsmAnd and its like send",
        about=(
            "One position in the address or in a form, or Traccar's JSON. `id` is the device's `username`. `timestamp` "
            "is in seconds, milliseconds or as a date and time, in UTC if not said; without one it is now. 400 where "
            "`id` is no device."
        ),
        answer=_nothing,
        media=_FORM,
        example="id=dev-6d1f0c9a2b3e4d5f.%E2%80%A6&lat=52.5204497&lon=13.405&timestamp=1780394400&accuracy=8",
        shown=None,
        methods=("POST", "GET"),
        parameters=_OSMAND,
        unknown=400,
        unknown_in_json=404,
    ),
    Row(
        name="gpslogger",
        title="Take what GPSLogger sends",
        about=(
            "One position under names of your choice, in the address, a form or a JSON object: `lat`, `latitude`, `y`; "
            "`lon`, `lng`, `long`, `longitude`, `x`; `timestamp`, `tst`, `time`, `timeoffset`, `date` and more; "
            "`acc`, `accuracy`, `hdop`. Without a time it is refused, for it may be sent long afterwards. Set it up as "
            "`…/v1/feeds/gpslogger?lat=%LAT&lon=%LON&timestamp=%TIMESTAMP&acc=%ACC`, with the device's user name and "
            "password."
        ),
        answer=_nothing,
        media=_FORM,
        example="lat=52.5204497&lon=13.405&timestamp=1780394400&acc=8.0&spd=1.0",
        shown=None,
        methods=("POST", "PUT", "GET"),
        parameters=in_query(timestamp="1780394400", acc="8.0", **_PLACE),
    ),
    Row(
        name="colota",
        title="Take what Colota sends",
        about="One position in each request, in Colota's own names or in those that GPSLogger's feed knows.",
        answer=_nothing,
        media=_JSON,
        example={"lat": 52.5204497, "lon": 13.405, "acc": 8, "vel": 1.0, "batt": 85, "bs": 2, "tst": 1780394400},
        shown=None,
        methods=("POST", "GET"),
        parameters=in_query(tst="1780394400", acc="8", **_PLACE),
    ),
    Row(
        name="homeassistant",
        title="Take what Home Assistant sends",
        about=(
            "A message as the companion app writes it, for an automation that passes it on: `update_location` with "
            "`gps` is a position of now; a `location_name` alone is none. Automations that write names of their own "
            "use GPSLogger's feed."
        ),
        answer=_no_answer,
        media=_JSON,
        example={"type": "update_location", "data": {"gps": [52.5204497, 13.405], "gps_accuracy": 8.0, "speed": 1}},
        shown={},
    ),
    Row(
        name="checkin",
        title="Take what the check-in page sends",
        about="An array of positions, each with a `ping_id` under which it is sent again while nobody answers.",
        answer=_checkin,
        media=_JSON,
        example=[
            {"ping_id": "01J-7F3", "recorded_at": 1780394400000, "lat": 52.5204497, "lon": 13.405, "accuracy_m": 8}
        ],
        shown={"accepted": 1, "rejected": {}},
    ),
)
"""Those that say nothing but that it is here."""
