"""The scenario file's shapes: instants, ids, units, and where a fault leads."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from nearcast.domain.errors import InvalidInput
from nearcast.services.scalars import parse_instant
from nearcast.services.scenario import ScenarioShape, dotted, placed, read_scenario
from tests.domain.builders import NOON

SECONDS = 1_780_394_400  # NOON


@pytest.mark.parametrize(
    "written",
    [
        "2026-06-02T10:00:00Z",
        "2026-06-02T12:00:00+02:00",
        "2026-06-02T10:00Z",
        "2026-06-02 10:00:00+00:00",
        "2026-06-01T22:00:00-12:00",
        SECONDS,
        float(SECONDS),
        SECONDS * 1000,
        NOON,
        NOON.astimezone(timezone(timedelta(hours=2))),
    ],
)
def test_an_instant(written: object) -> None:
    found = parse_instant(written)
    assert found == NOON
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-06-02T10:00:00.25Z", NOON + timedelta(seconds=0.25)),
        (SECONDS + 0.25, NOON + timedelta(seconds=0.25)),
        (SECONDS * 1000 + 250, NOON + timedelta(seconds=0.25)),
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (10**11, datetime(1973, 3, 3, 9, 46, 40, tzinfo=UTC)),  # milliseconds: as seconds it would be far to come
        ("2199-12-31T23:59:59Z", datetime(2199, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_seconds_and_milliseconds_are_told_apart_by_their_size(written: object, expected: datetime) -> None:
    assert parse_instant(written) == expected


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("2026-06-02T10:00:00", "has no offset: write Z or +02:00 behind it"),
        ("2026-06-02", "has no offset"),
        (datetime(2026, 6, 2), "has no offset"),  # noqa: DTZ001 - what is refused
        ("10:00", "is not an instant like 2026-06-02T10:00:00Z"),
        ("yesterday", "is not an instant like"),
        ("", "is not an instant like"),
        (str(SECONDS), "is not an instant like"),
        ("2026-02-30T10:00:00Z", "is not an instant like"),
        ("2026-06-02T10:00:00 Europe/Berlin", "is not an instant like"),
        (True, "is not an instant like"),
        (None, "is not an instant like"),
        ([], "is not an instant like"),
        (SECONDS * 10**6, "is not an instant"),  # microseconds
        (float("nan"), "is not an instant"),
        (float("inf"), "is not an instant"),
        (10**400, "is not an instant"),
        (-1, "is not between 1970 and 2200"),
        ("1969-12-31T23:59:59Z", "is not between 1970 and 2200"),
        ("2200-01-01T00:00:00Z", "is not between 1970 and 2200"),
        ("0001-01-01T00:00:00+05:00", "is not between 1970 and 2200"),
        ("9999-12-31T23:00:00-05:00", "is not between 1970 and 2200"),
    ],
)
def test_what_is_no_instant(written: object, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        parse_instant(written)
    assert said in str(refused.value)


CAMPAIGN = {"id": "c1", "shop_id": "s1", "trigger": {"on": "enter"}, "channel": "sms", "offer": {"text": "Coffee"}}
PING = {"customer_id": "a", "lat": 52.0, "lon": 13.0}
PRIOR = {"customer_id": "a", "campaign_id": "b", "status": "accepted"}


@pytest.mark.parametrize(
    ("scenario", "said"),
    [
        ({"tennant": {}}, "tennant: unknown key"),
        ({"tenant": {"zone": "UTC"}}, "tenant.zone: unknown key"),
        ({"campaigns": [CAMPAIGN | {"offer": {"text": "x", "expires": 5}}]}, "campaigns[0].offer.expires: unknown key"),
        ({"events": [{"at": SECONDS, "ping": PING}, {"at": SECONDS, "pong": {}}]}, "events[1]"),
        ({"campaigns": [{"id": "c1"}]}, "campaigns[0].shop_id: is missing; and 3 more"),
        ({"campaigns": [CAMPAIGN | {"trigger": {}}]}, "campaigns[0].trigger.on: is missing"),
        ({"campaigns": [CAMPAIGN | {"trigger": {"on": "leave"}}]}, "campaigns[0].trigger.on: "),
        ({"campaigns": [CAMPAIGN | {"priority": "50"}]}, "campaigns[0].priority: "),
        ({"campaigns": [CAMPAIGN | {"priority": 50.5}]}, "campaigns[0].priority: "),
        ({"campaigns": [CAMPAIGN | {"re_eligibility_s": -1}]}, "campaigns[0].re_eligibility_s: "),
        ({"campaigns": [CAMPAIGN | {"re_eligibility_s": 604_800_000_000}]}, "campaigns[0].re_eligibility_s: "),
        ({"campaigns": [CAMPAIGN | {"on_cap": "wait"}]}, "campaigns[0].on_cap: "),
        ({"ping_rules": {"max_age_s": "5m"}}, "ping_rules.max_age_s: "),
        ({"presence": {"gap_s": 0}}, "presence.gap_s: "),
        ({"policy": {"quiet_hours": [{"from": "21:00"}]}}, "policy.quiet_hours[0].until: is missing"),
        ({"policy": {"caps": [{"id": "G", "kind": "weekly"}]}}, "policy.caps[0].kind: "),
        ({"policy": {"quiet_hours": [{"from": "21:00", "until": "08:00", "days": ["monday"]}]}}, "days[0]: "),
        ({"shops": [{"id": "s1", "lat": 52.0}]}, "shops[0]: a position needs both lat and lon"),
        ({"shops": [{"id": ""}]}, "shops[0].id: "),
        ({"shops": [{"id": True}]}, "shops[0].id: "),
        ({"shops": [{"id": "s1", "closed_on": ["3 October"]}]}, "shops[0].closed_on[0]: "),
        ({"events": [{"at": SECONDS}]}, "events[0]: an event is one of ping, consent, "),
        ({"events": [{"at": SECONDS, "ping": PING, "geofence_delete": "f"}]}, "this one has ping, geofence_delete"),
        ({"events": [{"ping": PING}]}, "events[0].at: is missing"),
        ({"events": [{"at": "noon", "ping": PING}]}, "events[0].at: 'noon' is not an instant"),
        ({"events": [{"at": SECONDS, "ping": PING | {"lat": float("nan")}}]}, "events[0].ping.lat: "),
        (
            {"events": [{"at": SECONDS, "prior_send": {"customer_id": "a", "campaign_id": "b", "status": "gone"}}]},
            "status: ",
        ),
        ({"events": {}}, "events: "),
    ],
)
def test_a_fault_is_named_with_its_place(tmp_path: Path, scenario: dict[str, Any], said: str) -> None:
    path = tmp_path / "scenario.json"
    path.write_text(json.dumps(scenario))
    with pytest.raises(InvalidInput) as refused:
        read_scenario(path)
    assert refused.value.place == str(path)
    assert said in refused.value.message


@pytest.mark.parametrize("content", ["", "[]", "text", "7"])
def test_a_scenario_is_a_mapping(tmp_path: Path, content: str) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text(content)
    with pytest.raises(InvalidInput, match="a scenario is a mapping"):
        read_scenario(path)


def test_a_number_is_an_id_too() -> None:
    shape = ScenarioShape.model_validate({"shops": [{"id": 7}], "events": [{"at": SECONDS, "geofence_delete": 8}]})
    assert shape.shops[0].id == "7"
    assert shape.events[0].geofence_delete == "8"


def test_yaml_needs_no_quotes(tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text(
        """
        shops: [{id: s1, closed_on: [2026-10-03]}]
        policy: {quiet_hours: [{from: 21:00, until: 08:00}]}
        campaigns:
          - {id: c1, shop_id: s1, trigger: {on: enter}, channel: sms, offer: {text: Coffee}}
        events:
          - {at: 2026-06-02T10:00:00Z, geofence_delete: f1}
        """
    )
    shape = read_scenario(path)
    assert shape.shops[0].closed_on[0].isoformat() == "2026-10-03"
    assert (shape.policy.quiet_hours[0].from_, shape.policy.quiet_hours[0].until) == ("21:00", "08:00")
    assert shape.campaigns[0].trigger.on == "enter"
    assert shape.events[0].at == NOON


@pytest.mark.parametrize(
    ("loc", "path"),
    [
        (("campaigns", 0, "offer"), "campaigns[0].offer"),
        (("events", 12, "ping", "lat"), "events[12].ping.lat"),
        ((0,), "[0]"),
        ((), ""),
    ],
)
def test_the_way_into_a_document(loc: tuple[str | int, ...], path: str) -> None:
    assert dotted(loc) == path


def test_a_complaint_leads_to_its_place() -> None:
    def complain() -> None:
        raise InvalidInput("is wrong", place="from")

    with pytest.raises(InvalidInput) as refused:
        placed("policy.quiet_hours[0]", complain)
    assert str(refused.value) == "policy.quiet_hours[0]: from: is wrong"
    assert placed("anywhere", lambda: 5) == 5


def test_a_value_that_is_nested_too_deeply_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text("events: " + "[" * 3000 + "]" * 3000)
    with pytest.raises(InvalidInput):
        read_scenario(path)
