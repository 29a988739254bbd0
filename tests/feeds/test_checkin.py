"""The fixes of the check-in page."""

import json

import pytest

from nearcast.feeds.checkin import read_checkin
from nearcast.services.feed_request import Read
from tests.feeds.phones import JSON, NOON, NOON_S, NOTHING, PLACE, whole

FIX = {"ping_id": "a", "recorded_at": NOON_S * 1000, "lat": 52.52, "lon": 13.405, "accuracy_m": 8.5, "speed_mps": None}


def read(said: object) -> Read:
    return read_checkin(json.dumps(said).encode(), JSON, NOTHING, NOON)


def test_a_fix_of_the_page():
    found = read([{**FIX, "recorded_at": "2026-06-02T10:00:00.000Z"}])
    assert whole(found) == (NOON, *PLACE, 8.5, None, "a")


def test_milliseconds_are_what_the_page_sends():
    assert [(fix.recorded_at, fix.repaired) for fix in read([FIX]).fixes] == [(NOON, None)]


def test_what_is_no_fix_is_refused_by_its_index():
    found = read([FIX, 7, {**FIX, "lat": "x"}, {**FIX, "ping_id": "b", "speed_mps": 1.5}])
    assert [(fix.ping_id, fix.speed_mps) for fix in found.fixes] == [("a", None), ("b", 1.5)]
    assert found.refused == ((1, "malformed"), (2, "malformed"))


@pytest.mark.parametrize("body", [b"", b"{", b"7", b"\xff"])
def test_a_body_that_is_no_array_is_one_refused_entry(body: bytes):
    assert read_checkin(body, JSON, NOTHING, NOON) == Read(refused=((0, "malformed"),))
