"""Shops over HTTP."""

import pytest

from nearcast.services.access import Role
from tests.api.service import Service

CAFE = {
    "id": "cafe",
    "name": "Café",
    "lat": 52.52,
    "lon": 13.405,
    "timezone": "Europe/Berlin",
    "opening_hours": "Mo-Sa 08:00-20:00",
    "closed_on": ["2026-10-03"],
}


def test_a_shop_is_made_read_changed_and_taken_out(service: Service):
    owner = service.client(Role.OWNER)
    made = owner.post("/v1/shops", json=CAFE)
    assert (made.status_code, made.json(), made.headers["etag"]) == (201, CAFE, '"1"')
    assert owner.get("/v1/shops/cafe").json() == CAFE
    renamed = {**CAFE, "name": "Café am Markt"}
    changed = owner.put("/v1/shops/cafe", json=renamed, headers={"If-Match": made.headers["etag"]})
    assert (changed.status_code, changed.json(), changed.headers["etag"]) == (200, renamed, '"2"')
    assert owner.get("/v1/shops").json() == {"items": [renamed], "next_cursor": None}
    assert owner.delete("/v1/shops/cafe").status_code == 204
    assert owner.get("/v1/shops/cafe").status_code == 404
    assert owner.get("/v1/shops").json()["items"] == []


@pytest.mark.enable_socket
def test_a_shop_without_an_id_gets_one(sqlite_service: Service):
    owner = sqlite_service.client(Role.OWNER)
    made = owner.post("/v1/shops", json={"name": "Nameless"}).json()
    assert made["id"].startswith("shop-")
    assert owner.get(f"/v1/shops/{made['id']}").json() == made


@pytest.mark.enable_socket
def test_somebody_who_was_slower_does_not_overwrite(sqlite_service: Service):
    owner = sqlite_service.client(Role.OWNER)
    owner.post("/v1/shops", json=CAFE)
    owner.put("/v1/shops/cafe", json={**CAFE, "name": "first"})
    late = owner.put("/v1/shops/cafe", json={**CAFE, "name": "second"}, headers={"If-Match": '"1"'})
    assert (late.status_code, late.json()["code"]) == (412, "revision_changed")
    assert owner.get("/v1/shops/cafe").json()["name"] == "first"


@pytest.mark.enable_socket
def test_an_id_that_is_taken_is_a_conflict(sqlite_service: Service):
    owner = sqlite_service.client(Role.OWNER)
    owner.post("/v1/shops", json=CAFE)
    again = owner.post("/v1/shops", json=CAFE)
    assert (again.status_code, again.json()["code"]) == (409, "already_exists")


@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("change", "path", "value"),
    [
        ({"opening_hours": "Mo-Su 8-25"}, "opening_hours", "Mo-Su 8-25"),
        ({"lat": "north"}, "lat", "north"),
        ({"lat": 91.0}, "", None),
        ({"timezone": "Europe/Nowhere"}, "timezone", "Europe/Nowhere"),
        ({"closed_on": ["2026-13-01"]}, "closed_on[0]", "2026-13-01"),
        ({"colour": "red"}, "colour", "red"),
    ],
)
def test_what_is_wrong_with_a_shop_is_named_with_path_and_value(sqlite_service: Service, change, path, value):
    owner = sqlite_service.client(Role.OWNER)
    refused = owner.post("/v1/shops", json={**CAFE, **change})
    said = refused.json()
    assert (refused.status_code, refused.headers["content-type"]) == (422, "application/problem+json")
    assert said["code"] == "invalid_input"
    if path:
        assert (said["path"], said["value"]) == (path, value)
    assert owner.get("/v1/shops").json()["items"] == []


@pytest.mark.enable_socket
def test_a_key_for_one_shop_sees_and_edits_that_shop_alone(sqlite_service: Service):
    sqlite_service.client(Role.OWNER).post("/v1/shops", json=CAFE)
    sqlite_service.client(Role.OWNER).post("/v1/shops", json={**CAFE, "id": "bar"})
    barkeeper = sqlite_service.client(Role.OWNER, shops=["bar"])
    assert [shop["id"] for shop in barkeeper.get("/v1/shops").json()["items"]] == ["bar"]
    assert barkeeper.get("/v1/shops/cafe").status_code == 404
    assert barkeeper.delete("/v1/shops/cafe").status_code == 404
    assert barkeeper.put("/v1/shops/cafe", json=CAFE).json()["code"] == "not_allowed"
    assert barkeeper.put("/v1/shops/bar", json={**CAFE, "id": "bar", "name": "Bar"}).status_code == 200


@pytest.mark.enable_socket
def test_a_shop_of_another_tenant_is_not_there(sqlite_service: Service):
    sqlite_service.client(Role.OWNER).post("/v1/shops", json=CAFE)
    stranger = sqlite_service.client(Role.OWNER, tenant="t2")
    assert stranger.get("/v1/shops/cafe").status_code == 404
    assert stranger.delete("/v1/shops/cafe").status_code == 404
    assert stranger.post("/v1/shops", json=CAFE).status_code == 201


@pytest.mark.enable_socket
def test_lists_come_in_pages(sqlite_service: Service):
    owner = sqlite_service.client(Role.OWNER)
    for n in range(5):
        owner.put(f"/v1/shops/s{n}", json={"id": f"s{n}"})
    first = owner.get("/v1/shops", params={"limit": 2}).json()
    second = owner.get("/v1/shops", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    third = owner.get("/v1/shops", params={"limit": 2, "cursor": second["next_cursor"]}).json()
    ids = [[shop["id"] for shop in page["items"]] for page in (first, second, third)]
    assert (ids, third["next_cursor"]) == ([["s0", "s1"], ["s2", "s3"], ["s4"]], None)
