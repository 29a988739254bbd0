"""Geofences over HTTP, as GeoJSON Features."""

from typing import Any

import pytest

from nearcast.services.access import Role
from tests.api.service import Service

RING = [[13.40, 52.51], [13.41, 52.51], [13.41, 52.53], [13.40, 52.53], [13.40, 52.51]]
SQUARE: dict[str, Any] = {
    "type": "Feature",
    "id": "f1",
    "geometry": {"type": "Polygon", "coordinates": [RING]},
    "properties": {"shop_id": "cafe", "name": "The square", "colour": "green"},
    "bbox": [13.40, 52.51, 13.41, 52.53],
}


def _owner(service: Service, **scope: Any) -> Any:
    owner = service.client(Role.OWNER, **scope)
    service.client(Role.OWNER).put("/v1/shops/cafe", json={"id": "cafe"})
    return owner


def test_a_geofence_is_made_read_changed_and_taken_out(service: Service):
    owner = _owner(service)
    made = owner.post("/v1/geofences", json=SQUARE)
    assert (made.status_code, made.json(), made.headers["etag"]) == (201, SQUARE, '"1"')
    circle = {**SQUARE, "geometry": {"type": "Point", "coordinates": [13.4, 52.5]}, "properties": {"radius_m": 80}}
    changed = owner.put("/v1/geofences/f1", json=circle, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.json(), changed.headers["etag"]) == (200, circle, '"2"')
    assert owner.get("/v1/geofences/f1").json() == circle
    assert owner.get("/v1/geofences").json() == {"items": [circle], "next_cursor": None}
    assert owner.delete("/v1/geofences/f1", headers={"If-Match": '"1"'}).status_code == 412
    assert owner.delete("/v1/geofences/f1").status_code == 204
    assert owner.get("/v1/geofences/f1").status_code == 404
    assert owner.delete("/v1/geofences/f1").status_code == 404


@pytest.mark.enable_socket
def test_a_geofence_takes_the_id_of_its_address_or_gets_one(sqlite_service: Service):
    owner = _owner(sqlite_service)
    nameless = {key: value for key, value in SQUARE.items() if key != "id"}
    assert owner.post("/v1/geofences", json=nameless).json()["id"].startswith("geofence-")
    assert owner.put("/v1/geofences/door", json=nameless).json()["id"] == "door"
    other = owner.put("/v1/geofences/door", json=SQUARE).json()
    assert (other["path"], other["value"]) == ("id", "f1")


def _bent(**change: Any) -> dict[str, Any]:
    return {**SQUARE, **change}


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("feature", "path"),
    [
        (_bent(type="FeatureCollection"), ""),
        (
            _bent(geometry={"type": "Polygon", "coordinates": [[*RING[:2], [13.41, 95.0], *RING[3:]]]}),
            "geometry.coordinates[0][2]",
        ),
        (
            _bent(geometry={"type": "Polygon", "coordinates": [[RING[0], RING[2], RING[1], RING[3], RING[0]]]}),
            "geometry.coordinates[0]",
        ),
        (_bent(geometry={"type": "LineString", "coordinates": RING}), "geometry"),
        (_bent(geometry={"type": "Point", "coordinates": [13.4, 52.5]}), ""),
        (_bent(properties={"radius_m": 5}), "properties.radius_m"),
        (_bent(properties={"dwell_s": -1}), "properties.dwell_s"),
        (_bent(properties={"active_hours": "always"}), "properties.active_hours"),
        (_bent(properties={"shop_id": "nowhere"}), "properties.shop_id"),
    ],
)
def test_what_is_wrong_with_a_geofence_is_named_down_to_the_vertex(sqlite_service: Service, feature, path):
    owner = _owner(sqlite_service)
    refused = owner.post("/v1/geofences", json=feature)
    said = refused.json()
    assert refused.status_code == 422, said
    assert said["code"] in ("invalid_geofence", "invalid_input")
    assert said.get("path", "").startswith(path)
    assert owner.get("/v1/geofences").json()["items"] == []


@pytest.mark.enable_socket
def test_a_campaign_goes_on_without_a_geofence_that_is_gone(sqlite_service: Service):
    owner = _owner(sqlite_service)
    owner.post("/v1/geofences", json=SQUARE)
    campaign = {
        "id": "c1",
        "shop_id": "cafe",
        "geofence_ids": ["f1"],
        "trigger": {"on": "enter"},
        "channel": "console",
        "offer": {"text": "Hello"},
        "state": "active",
    }
    assert owner.post("/v1/campaigns", json=campaign).status_code == 201
    assert owner.delete("/v1/geofences/f1").status_code == 204
    assert owner.post("/v1/campaigns/c1/pause").json()["state"] == "paused"
    named_again = owner.put("/v1/campaigns/c1", json={key: campaign[key] for key in campaign if key != "state"})
    assert (named_again.status_code, named_again.json()["path"]) == (422, "geofence_ids[0]")


@pytest.mark.enable_socket
def test_a_shop_with_geofences_stays(sqlite_service: Service):
    owner = _owner(sqlite_service)
    owner.post("/v1/geofences", json=SQUARE)
    assert owner.delete("/v1/shops/cafe").json()["code"] == "in_use"
    owner.delete("/v1/geofences/f1")
    assert owner.delete("/v1/shops/cafe").status_code == 204


@pytest.mark.enable_socket
def test_a_key_for_one_shop_sees_and_edits_its_geofences_alone(sqlite_service: Service):
    _owner(sqlite_service).post("/v1/geofences", json=SQUARE)
    sqlite_service.client(Role.OWNER).put("/v1/shops/bar", json={"id": "bar"})
    barkeeper = sqlite_service.client(Role.OWNER, shops=["bar"])
    mine = {**SQUARE, "id": "f2", "properties": {"shop_id": "bar"}}
    assert barkeeper.post("/v1/geofences", json=mine).status_code == 201
    assert [each["id"] for each in barkeeper.get("/v1/geofences").json()["items"]] == ["f2"]
    assert barkeeper.get("/v1/geofences/f1").status_code == 404
    assert barkeeper.delete("/v1/geofences/f1").status_code == 404
    assert barkeeper.post("/v1/geofences", json={**SQUARE, "id": "f3"}).json()["code"] == "not_allowed"
    assert barkeeper.put("/v1/geofences/f1", json={**mine, "id": "f1"}).json()["code"] == "already_exists"


@pytest.mark.enable_socket
def test_pages_of_a_key_for_one_shop_are_full(sqlite_service: Service):
    owner = _owner(sqlite_service)
    owner.put("/v1/shops/bar", json={"id": "bar"})
    for n in range(6):
        shop = "bar" if n % 2 else "cafe"
        owner.post("/v1/geofences", json={**SQUARE, "id": f"f{n}", "properties": {"shop_id": shop}})
    barkeeper = sqlite_service.client(Role.OWNER, shops=["bar"])
    first = barkeeper.get("/v1/geofences", params={"limit": 2}).json()
    second = barkeeper.get("/v1/geofences", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [[each["id"] for each in page["items"]] for page in (first, second)] == [["f1", "f3"], ["f5"]]
    assert second["next_cursor"] is None
