"""Sensitive places over HTTP: no geofence is drawn over one, and one that is listed later silences those there."""

import json
from pathlib import Path
from typing import Any

import pytest

from nearcast.channels.recorder import Recorder
from nearcast.domain.ids import TenantId
from nearcast.services.access import Role
from nearcast.services.live import Live
from nearcast.services.report import rfc3339
from tests.api.service import Service
from tests.api.town import LAT, LON, agree, leave, open_shop, ping, rows_of, send, visit

CLINIC: dict[str, Any] = {
    "type": "Feature",
    "id": "clinic-7",
    "geometry": {"type": "Point", "coordinates": [LON, LAT + 0.001]},
    "properties": {"category": "clinic", "radius_m": 80},
}
PATH = "/v1/sensitive-places/clinic-7"
DOOR = {
    "type": "Feature",
    "id": "new-door",
    "geometry": {"type": "Point", "coordinates": [LON, LAT]},
    "properties": {"shop_id": "cafe", "radius_m": 60},
}


def test_a_listed_clinic_refuses_geofences_and_silences_those_that_are_there(service: Service):
    """X06."""
    open_shop(service)
    agree(service, "ada", "bob")
    owner, operator = service.client(Role.OWNER), service.client()
    visit(service, "ada")
    leave(service, "ada")
    made = operator.put(PATH, json=CLINIC)
    assert (made.status_code, made.json()) == (201, {**CLINIC, "suppresses": ["cafe-door"]})
    visit(service, "bob")
    first, then = (rows_of(operator, customer_id=who)[0] for who in ("ada", "bob"))
    assert (first["outcome"], first["reason"]) == ("send", None)
    assert (then["outcome"], then["reason"]) == ("suppress", "sensitive_location")
    assert then["detail"]["place_policy"] == {
        "category": "clinic",
        "place_id": "clinic-7",
        "reason": "sensitive_location",
    }
    for answer in (
        owner.post("/v1/geofences", json=DOOR),
        owner.put("/v1/geofences/new-door", json=DOOR),
        owner.post("/v1/geofences/check", json=DOOR),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "sensitive_location")
        assert answer.json()["detail"] == "geofence 'new-door' overlaps a sensitive place: clinic 'clinic-7'"
    assert owner.get("/v1/geofences/new-door").status_code == 404
    assert operator.delete(PATH).status_code == 204
    assert owner.post("/v1/geofences", json=DOOR).status_code == 201


def test_what_is_queued_for_a_geofence_over_a_place_that_is_listed_meanwhile_is_cancelled(service: Service):
    open_shop(service)
    agree(service, "ada")
    assert send(service, [ping(service, "ada")]).is_success
    worker = Live(service.store, TenantId("t1"), Recorder())
    worker.work_pings(service.clock.now())
    service.client().put(PATH, json=CLINIC)
    worker.dispatch_due(service.clock.step(seconds=5))
    (message,) = service.client().get("/v1/messages").json()["items"]
    assert (message["status"], message["error"]["code"]) == ("cancelled", "sensitive_location")


def test_a_place_is_kept_changed_and_listed_and_every_edit_is_in_the_trail(service: Service):
    operator = service.client()
    assert operator.put(PATH, json=CLINIC).status_code == 201
    wider = {**CLINIC, "properties": {"category": "shelter", "radius_m": 90}}
    changed = operator.put(PATH, json=wider, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["ETag"]) == (200, '"2"')
    assert operator.put(PATH, json=CLINIC, headers={"If-Match": '"1"'}).status_code == 412
    assert operator.get(PATH).json() == wider
    assert operator.get("/v1/sensitive-places").json() == {"items": [wider], "next_cursor": None}
    assert operator.delete(PATH).status_code == 204
    assert operator.get(PATH).status_code == 404
    with service.store.reading(TenantId("t1")) as uow:
        entries = uow.audit.page().items
    mine = [entry for entry in entries if entry.kind == "sensitive place"]
    assert [(each.action, each.id, rfc3339(each.at)) for each in mine] == [
        (action, "clinic-7", "2026-06-02T10:00:00Z") for action in ("deleted", "changed", "created")
    ]
    assert {each.actor.role for each in mine} == {"operator"}


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("properties", "path"),
    [
        ({"radius_m": 80}, "properties.category"),
        ({"radius_m": 80, "category": "bakery"}, "properties.category"),
        ({"category": "clinic"}, ""),
    ],
)
def test_a_place_that_is_none_is_refused(sqlite_service: Service, properties: dict[str, Any], path: str):
    answer = sqlite_service.client().put(PATH, json={**CLINIC, "properties": properties})
    assert answer.status_code == 422
    assert answer.json().get("path", "").startswith(path)


@pytest.mark.enable_socket
def test_places_come_from_a_file_too(sqlite_service: Service, tmp_path: Path):
    open_shop(sqlite_service)
    app, now = sqlite_service.app, sqlite_service.clock.now()
    bad = {**CLINIC, "id": "bakery", "properties": {"category": "bakery", "radius_m": 5}}
    file = tmp_path / "places.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": [CLINIC, bad]}))
    taken = app.importing.take("sensitive-places", file, TenantId("t1"), now)
    assert (taken.counts["new"], [(each.id, each.path) for each in taken.bad]) == (
        1,
        [("bakery", "properties.category")],
    )
    again = app.importing.take("sensitive-places", file, TenantId("t1"), now)
    assert (again.counts["new"], again.counts["unchanged"]) == (0, 1)
    fences = tmp_path / "fences.geojson"
    fences.write_text(json.dumps({"type": "FeatureCollection", "features": [DOOR]}))
    refused = app.importing.take("geofences", fences, TenantId("t1"), now)
    assert [each.message for each in refused.bad] == [
        "geofence 'new-door' overlaps a sensitive place: clinic 'clinic-7'"
    ]
