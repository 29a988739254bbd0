"""Geofences over HTTP, as GeoJSON Features."""

from typing import Any

import httpx
import pytest

from nearcast.bootstrap import application
from nearcast.services.access import Role
from nearcast.settings import Settings
from tests.api.service import Service
from tests.feeds.address_book import MARKET, book

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


def _kept(answer: httpx.Response) -> dict[str, Any]:
    """The Feature of an answer, without what was said beside it."""
    return {key: value for key, value in answer.json().items() if key != "care"}


def test_a_geofence_is_made_read_changed_and_taken_out(service: Service):
    owner = _owner(service)
    made = owner.post("/v1/geofences", json=SQUARE)
    assert (made.status_code, _kept(made), made.headers["etag"]) == (201, SQUARE, '"1"')
    circle = {**SQUARE, "geometry": {"type": "Point", "coordinates": [13.4, 52.5]}, "properties": {"radius_m": 80}}
    changed = owner.put("/v1/geofences/f1", json=circle, headers={"If-Match": '"1"'})
    assert (changed.status_code, _kept(changed), changed.headers["etag"]) == (200, circle, '"2"')
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
        (_bent(geometry=None, properties={}), "geometry"),
        (_bent(geometry=None, properties={"shop_id": "cafe"}), "properties.radius_m"),
        (_bent(geometry=None, properties={"shop_id": "cafe", "radius_m": -5}), "properties.radius_m"),
        (_bent(geometry=None, properties={"shop_id": "cafe", "radius_m": 50}), "properties.shop_id"),
        (_bent(geometry=None, properties={"shop_id": "nowhere", "radius_m": 50}), "properties.shop_id"),
        (_bent(geometry=None, properties={"address": "Markt 1", "radius_m": 50}), "properties.address"),
        (_bent(geometry=None, properties={"address": " ", "radius_m": 50}), "properties.address"),
        (_bent(geometry=None, properties={"address": ["Markt 1"], "radius_m": 50}), "properties.address"),
    ],
)
def test_what_is_wrong_with_a_geofence_is_named_down_to_the_vertex(sqlite_service: Service, feature, path):
    owner = _owner(sqlite_service)
    refused = owner.post("/v1/geofences", json=feature)
    said = refused.json()
    assert refused.status_code == 422, said
    assert said["code"] in ("invalid_geofence", "invalid_input")
    assert said.get("path", "").startswith(path)
    assert owner.post("/v1/geofences/check", json=feature).json() == said
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


def _care(answer: httpx.Response) -> dict[str, Any]:
    assert answer.is_success, answer.text
    care: dict[str, Any] = answer.json()["care"]
    return care


@pytest.mark.enable_socket
def test_what_is_worth_knowing_is_said_when_it_is_drawn_and_afterwards(sqlite_service: Service):
    owner = _owner(sqlite_service)
    door = _bent(id="door", geometry={"type": "Point", "coordinates": [13.405, 52.52]}, properties={"radius_m": 20})
    assert _care(owner.post("/v1/geofences", json=SQUARE))["overlaps"]["items"] == []
    checked = owner.post("/v1/geofences/check", json=door)
    assert checked.status_code == 200
    assert owner.get("/v1/geofences/door").status_code == 404
    made = owner.post("/v1/geofences", json=door)
    assert made.json() == checked.json()
    care = _care(made)
    assert (care["reliability"]["band"], [each["code"] for each in care["warnings"]]) == ("poor", ["low_reliability"])
    assert [(each["geofence_id"], each["relation"]) for each in care["overlaps"]["items"]] == [("f1", "around")]
    assert owner.get("/v1/geofences/door/care").json() == care
    (inside,) = owner.get("/v1/geofences/f1/care").json()["overlaps"]["items"]
    assert (inside["geofence_id"], inside["relation"]) == ("door", "within")
    owner.delete("/v1/geofences/door")
    assert owner.get("/v1/geofences/f1/care").json()["overlaps"]["items"] == []
    assert owner.get("/v1/geofences/door/care").status_code == 404


@pytest.mark.enable_socket
def test_what_was_said_is_not_kept_when_it_comes_back(sqlite_service: Service):
    owner = _owner(sqlite_service)
    answered = owner.post("/v1/geofences", json=SQUARE).json()
    again = owner.put("/v1/geofences/f1", json={**answered, "care": {"stale": True}, "note": "kept"})
    assert _kept(again) == {**SQUARE, "note": "kept"}
    assert "stale" not in again.json()["care"]
    assert owner.get("/v1/geofences/f1").json() == {**SQUARE, "note": "kept"}


@pytest.mark.enable_socket
def test_a_bow_tie_is_kept_as_it_was_repaired(sqlite_service: Service):
    owner = _owner(sqlite_service)
    bow_tie = _bent(geometry={"type": "Polygon", "coordinates": [[RING[0], RING[2], RING[1], RING[3]]]})
    assert owner.post("/v1/geofences", json=bow_tie).json()["code"] == "invalid_geofence"
    checked = owner.post("/v1/geofences/check", params={"repair": True}, json=bow_tie)
    made = owner.post("/v1/geofences", params={"repair": True}, json=bow_tie)
    assert made.json() == checked.json()
    assert _care(made)["repaired"] == ["ring closed", "self-intersection at lon 13.405, lat 52.52"]
    assert made.json()["geometry"]["type"] == "MultiPolygon"
    kept = owner.get("/v1/geofences/f1").json()
    assert kept == _kept(made)
    again = owner.put("/v1/geofences/f1", json=kept)
    assert (again.status_code, _care(again)["repaired"]) == (200, [])


@pytest.mark.enable_socket
def test_an_open_ring_is_kept_closed(sqlite_service: Service):
    owner = _owner(sqlite_service)
    answer = owner.post("/v1/geofences", json=_bent(geometry={"type": "Polygon", "coordinates": [RING[:4]]}))
    assert (answer.status_code, _kept(answer), _care(answer)["repaired"]) == (201, SQUARE, ["ring closed"])


@pytest.mark.enable_socket
def test_a_radius_and_a_shop_are_a_circle_round_it(sqlite_service: Service):
    owner = _owner(sqlite_service)
    owner.put("/v1/shops/bar", json={"id": "bar", "lat": 48.1, "lon": 11.6})
    round_it = {"type": "Feature", "id": "f1", "properties": {"shop_id": "bar", "radius_m": 80}}
    answer = owner.post("/v1/geofences", json=round_it)
    assert _kept(answer) == {**round_it, "geometry": {"type": "Point", "coordinates": [11.6, 48.1]}}
    assert owner.get("/v1/geofences/f1").json() == _kept(answer)


@pytest.mark.enable_socket
def test_an_address_is_looked_up_and_kept_beside_its_circle(sqlite_service: Service):
    owner = _owner(sqlite_service)
    said = {"type": "Feature", "id": "f1", "properties": {"address": "Markt 1", "radius_m": 80, "shop_id": "cafe"}}
    with book([MARKET]) as server:
        _look_up_at(sqlite_service, server.url)
        answer = owner.post("/v1/geofences", json=said)
        assert owner.post("/v1/geofences/check", json={**said, "properties": {"address": "x"}}).status_code == 422
        assert len(server.asked) == 1  # what could not be kept is not looked up
    assert _kept(answer) == {**said, "geometry": {"type": "Point", "coordinates": [13.405, 52.52]}}
    away = owner.post("/v1/geofences", json={**said, "id": "f2"})
    assert (away.status_code, away.json()["code"]) == (409, "geocoder_unavailable")
    assert [each["id"] for each in owner.get("/v1/geofences").json()["items"]] == ["f1"]


@pytest.mark.enable_socket
def test_an_address_of_several_places_is_refused_and_they_are_listed(sqlite_service: Service):
    owner = _owner(sqlite_service)
    said = {"type": "Feature", "id": "f1", "properties": {"address": "Markt 1", "radius_m": 80}}
    with book([MARKET, {"lat": "48.1", "lon": "11.6", "display_name": "Markt 1, Fernstadt"}]) as server:
        _look_up_at(sqlite_service, server.url)
        refused = owner.post("/v1/geofences", json=said)
    assert (refused.status_code, refused.json()["path"]) == (422, "properties.address")
    assert "Markt 1, Fernstadt (lon 11.6, lat 48.1)" in refused.json()["detail"]
    assert owner.get("/v1/geofences").json()["items"] == []


def _look_up_at(service: Service, url: str) -> None:
    settings = Settings(geocoder_url=url)
    service.server.state.application = application(settings, service.store, clock=service.clock, is_narrow=True)


@pytest.mark.enable_socket
def test_a_fence_far_from_its_shop_is_kept_and_doubted(sqlite_service: Service):
    owner = _owner(sqlite_service)
    owner.put("/v1/shops/bar", json={"id": "bar", "lat": 52.52, "lon": 13.405})
    swapped = {"type": "Point", "coordinates": [52.52, 13.405]}
    answer = owner.post("/v1/geofences", json=_bent(geometry=swapped, properties={"shop_id": "bar", "radius_m": 100}))
    (warning,) = _care(answer)["warnings"]
    assert warning["code"] == "far_from_shop"
    assert "swapped" in warning["message"]


@pytest.mark.enable_socket
def test_a_key_for_one_shop_hears_of_others_as_a_number(sqlite_service: Service):
    owner = _owner(sqlite_service)
    owner.put("/v1/shops/bar", json={"id": "bar", "lat": 52.52, "lon": 13.405})
    owner.post("/v1/geofences", json=_bent(id="secret"))
    barkeeper = sqlite_service.client(Role.OWNER, shops=["bar"])
    mine = {"type": "Feature", "id": "f2", "properties": {"shop_id": "bar", "radius_m": 80}}
    for answer in (barkeeper.post("/v1/geofences/check", json=mine), barkeeper.post("/v1/geofences", json=mine)):
        overlaps = _care(answer)["overlaps"]
        assert (overlaps["items"], overlaps["of_others"]) == ([], 1)
        assert "secret" not in answer.text
    assert "secret" not in barkeeper.get("/v1/geofences/f2/care").text
    assert [each["geofence_id"] for each in _care(owner.put("/v1/geofences/f2", json=mine))["overlaps"]["items"]] == [
        "secret"
    ]
    for theirs in ({**mine, "properties": {"shop_id": "cafe", "radius_m": 80}}, SQUARE):
        assert barkeeper.post("/v1/geofences/check", json=theirs).json()["code"] == "not_allowed"
    assert barkeeper.get("/v1/geofences/secret/care").status_code == 404
