"""API keys over HTTP."""

from typing import Any

import httpx
import pytest
from sqlalchemy import select

from nearcast.store.tables import api_key, idempotency
from tests.api.people import refused_to_all_but_operators
from tests.api.service import Service
from tests.loopback import LOOPBACK

pytestmark = pytest.mark.enable_socket


def _asks(service: Service, key: str, path: str = "/v1/shops") -> int:
    with httpx.Client(base_url=service.url, headers={"Authorization": f"Bearer {key}"}, **LOOPBACK) as client:
        return client.get(path).status_code


def test_a_key_is_made_used_and_revoked(service: Service):
    operator = service.client()
    answer = operator.post("/v1/keys", json={"name": "till", "role": "owner"})
    made = answer.json()
    assert (answer.status_code, made["role"], made["key"].split("_")[:2]) == (201, "owner", ["nc", made["id"]])
    assert (_asks(service, made["key"]), _asks(service, made["key"], "/v1/keys")) == (200, 403)
    assert operator.delete(f"/v1/keys/{made['id']}").status_code == 204
    assert _asks(service, made["key"]) == 401
    again = operator.delete(f"/v1/keys/{made['id']}")
    assert (again.status_code, again.json()["code"]) == (404, "not_found")
    revoked = next(key for key in operator.get("/v1/keys").json()["items"] if key["id"] == made["id"])
    assert revoked == {
        "id": made["id"],
        "name": "till",
        "role": "owner",
        "shop_ids": None,
        "created_at": "2026-06-02T10:00:00Z",
        "revoked_at": "2026-06-02T10:00:00Z",
    }


def test_a_key_for_one_shop_sees_that_shop_alone(service: Service):
    operator = service.client()
    for shop in ("cafe", "bar"):
        operator.post("/v1/shops", json={"id": shop})
    made = operator.post("/v1/keys", json={"name": "bar", "role": "owner", "shop_ids": ["bar"]}).json()
    assert _asks(service, made["key"], "/v1/shops/bar") == 200
    assert _asks(service, made["key"], "/v1/shops/cafe") == 404


def test_neither_the_key_nor_its_hash_is_shown_again(sqlite_service: Service):
    operator = sqlite_service.client()
    made = operator.post("/v1/keys", json={"name": "till", "role": "ingest"}).json()
    shown = operator.get("/v1/keys").text
    with sqlite_service.store.engine.connect() as connection:
        hashes = list(connection.scalars(select(api_key.c.key_hash)))
    assert len(hashes) == 2
    assert not any(secret in shown for secret in (*hashes, made["key"].split("_")[2]))


def test_a_key_is_not_made_under_an_idempotency_key_which_would_keep_its_secret(service: Service):
    operator = service.client()
    before = operator.get("/v1/keys").json()
    new = {"name": "till", "role": "owner"}
    for _ in range(2):
        refused = operator.post("/v1/keys", json=new, headers={"Idempotency-Key": "k1"})
        assert (refused.status_code, refused.json()["code"]) == (400, "malformed")
        assert "Idempotency-Key" in refused.json()["detail"]
    assert operator.get("/v1/keys").json() == before
    with service.store.engine.connect() as connection:
        assert connection.execute(select(idempotency)).all() == []


@pytest.mark.parametrize(
    ("new", "path", "value"),
    [
        ({"name": "x", "role": "admin"}, "role", "admin"),
        ({"name": "", "role": "owner"}, "name", ""),
        ({"name": "a\nb", "role": "owner"}, "name", "a\nb"),
        ({"role": "owner"}, "name", None),
        ({"name": "x", "role": "owner", "shop_ids": ["cafe", "nowhere"]}, "shop_ids[1]", "nowhere"),
        ({"name": "x", "role": "owner", "shop_ids": []}, "shop_ids", None),
        ({"name": "x", "role": "analyst", "shop_ids": ["cafe"]}, "shop_ids", None),
        ({"name": "x", "role": "operator", "shop_ids": ["cafe"]}, "shop_ids", None),
        ({"name": "x", "role": "owner", "tenant": "t2"}, "tenant", "t2"),
    ],
)
def test_a_key_that_cannot_be_is_not_made(sqlite_service: Service, new: Any, path: str, value: Any):
    operator = sqlite_service.client()
    operator.post("/v1/shops", json={"id": "cafe"})
    before = operator.get("/v1/keys").json()
    refused = operator.post("/v1/keys", json=new)
    assert (refused.status_code, refused.json()["code"], refused.json()["path"]) == (422, "invalid_input", path)
    assert value is None or refused.json()["value"] == value
    assert operator.get("/v1/keys").json() == before


def test_a_key_of_another_tenant_can_neither_be_seen_nor_revoked(sqlite_service: Service):
    made = sqlite_service.client().post("/v1/keys", json={"name": "till", "role": "owner"}).json()
    stranger = sqlite_service.client(tenant="t2")
    assert made["id"] not in stranger.get("/v1/keys").text
    assert stranger.delete(f"/v1/keys/{made['id']}").status_code == 404
    assert _asks(sqlite_service, made["key"]) == 200


def test_keys_are_the_operators_alone(sqlite_service: Service):
    made = sqlite_service.client().post("/v1/keys", json={"name": "till", "role": "owner"}).json()
    refused_to_all_but_operators(sqlite_service, "GET", "/v1/keys")
    refused_to_all_but_operators(sqlite_service, "POST", "/v1/keys", {"name": "x", "role": "operator"})
    refused_to_all_but_operators(sqlite_service, "DELETE", f"/v1/keys/{made['id']}")
    assert _asks(sqlite_service, made["key"]) == 200
