"""What Home Assistant's companion app tells a webhook."""

import json
from typing import Any

import pytest

from nearcast.feeds.homeassistant import read_homeassistant
from nearcast.services.feed_request import Read
from tests.feeds.phones import JSON, NOON, NOTHING, PLACE, whole


def read(said: Any) -> Read:
    return read_homeassistant(json.dumps(said).encode(), JSON, NOTHING, NOON)


def located(**data: Any) -> dict[str, Any]:
    said = {"gps": list(PLACE), "gps_accuracy": 12.0, "battery": 85, "speed": 1, "course": 180, "vertical_accuracy": 3}
    return {"type": "update_location", "data": {**said, **data}}


def test_a_location_is_a_fix_of_now():
    assert whole(read(located(location_name="home"))) == (NOON, *PLACE, 12.0, 1.0, None)
    assert whole(read(located(gps_accuracy=0, speed=-1))) == (NOON, *PLACE, None, None, None)


@pytest.mark.parametrize("data", [{"location_name": "home"}, {"gps": None}, {"gps": []}, None])
def test_a_zone_without_a_position_is_none(data: Any):
    assert read({"type": "update_location", "data": data}) == Read(besides={"no position": 1})


def test_every_other_message_is_counted():
    assert read({"type": "update_registration", "data": {}}) == Read(besides={"other message": 1})


@pytest.mark.parametrize("said", [{}, [], None, {"type": 7}, located(gps=["x", "y"]), located(gps=[52.52])])
def test_what_should_have_been_a_fix_is_refused(said: Any):
    assert read(said) == Read(refused=((0, "malformed"),))
