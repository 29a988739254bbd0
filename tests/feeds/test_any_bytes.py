"""Whatever a phone sends, a reader answers with what it found: it never raises, and says no more than it was told."""

import json
import math
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearcast.feeds.checkin import read_checkin
from nearcast.feeds.gpslogger import ALIASES, read_gpslogger
from nearcast.feeds.homeassistant import read_homeassistant
from nearcast.feeds.osmand import osmand_token, read_osmand
from nearcast.feeds.overland import read_overland
from nearcast.feeds.owntracks import read_owntracks
from nearcast.feeds.traccar import read_traccar, traccar_token
from nearcast.services.feed_request import FeedReader, Read
from tests.feeds.phones import FORM, JSON, NOON, overland_feature, traccar_location, traccar_position

READERS = [read_owntracks, read_overland, read_traccar, read_osmand, read_gpslogger, read_homeassistant, read_checkin]
_SAMPLES: list[Any] = [
    {"locations": [overland_feature(), overland_feature(action="visit")], "current": overland_feature(), "trip": {}},
    {"device_id": "48241179", "location": traccar_location()},
    {"position": traccar_position(), "device": {"uniqueId": "7"}, "event": {}},
    {"_type": "location", "lat": 52.5, "lon": 13.4, "tst": 1780394400, "acc": 5, "vel": 3, "created_at": 1780394400},
    {
        "lat": 52.5,
        "lon": 13.4,
        "tst": 1780394400,
        "acc": 12,
        "hdop": 1,
        "spd_kph": 4,
        "timestamp": "x",
        "location": "1",
    },
    {"type": "update_location", "data": {"gps": [52.5, 13.4], "gps_accuracy": 12.0, "speed": 1}},
    [{"lat": 52.5, "lon": 13.4, "recorded_at": 1780394400000, "accuracy_m": 5, "speed_mps": 1, "ping_id": "a"}],
]
_SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from([
        "", "NaN", "-1", "1e999", "²", "+", "2026-06-02", "2026-06-02T10:00:00", "9999-12-31T23:59:59-23:00",
        "0001-01-01T00:00:00+23:59", "\0", "\ud800", "x" * 300, 10**400, 1e308, -(10**18), 2**31, 10**11, True,
    ])
)  # fmt: skip
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner), max_leaves=4
)
_NAMES = sorted(
    {alias for names in ALIASES.values() for alias in names} | {"id", "deviceid", "valid", "mock", "location"}
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, each in inside for place in _places(each, (*path, key)))]


def _put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    found = dict(value) if isinstance(value, dict) else list(value)
    found[path[0]] = _put(found[path[0]], path[1:], new)
    return found


@st.composite
def _messages(draw: st.DrawFn) -> bytes:
    """A message of one of the apps, up to three places of it changed."""
    found = draw(st.sampled_from(_SAMPLES))
    for _ in range(draw(st.integers(1, 3))):
        found = _put(found, draw(st.sampled_from(_places(found))), draw(_VALUES))
    return json.dumps(found).encode()


_FORMS = st.dictionaries(
    st.sampled_from(_NAMES), _SCALARS.map(lambda said: str(said).encode(errors="replace").decode())
)
_BODIES = st.binary(max_size=60) | _messages() | _FORMS.map(lambda said: urlencode(said).encode())


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
@settings(max_examples=100)
@given(body=_BODIES, query=_FORMS, media=st.sampled_from([JSON, FORM, "", "text/plain"]))
def test_no_bytes_make_a_reader_raise_or_say_what_no_ping_can(
    reader: FeedReader, body: bytes, query: dict[str, str], media: str
):
    found = reader(body, media, query, NOON)
    assert isinstance(found, Read)
    for fix in found.fixes:
        assert fix.recorded_at.tzinfo is not None
        assert math.isfinite(fix.lat)
        assert math.isfinite(fix.lon)
        assert fix.accuracy_m is None or 0 < fix.accuracy_m < math.inf
        assert fix.speed_mps is None or 0 <= fix.speed_mps < math.inf
        assert fix.ping_id is None or 0 < len(fix.ping_id.encode()) <= 255
    for tell in (osmand_token, traccar_token):
        assert tell(body, media, query) != ""


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000, b"9" * 10_000, b"&" * 100_000, b"\xef\xbb\xbf"])
def test_bodies_that_break_parsers_break_no_reader(reader: FeedReader, body: bytes):
    for media in (JSON, FORM):
        assert reader(body, media, {}, NOON).fixes == ()
