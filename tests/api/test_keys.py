"""API keys over HTTP."""

from datetime import timedelta
from functools import partial
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from nearcast.domain.ids import TenantId
from nearcast.services.access import Access, Role
from nearcast.services.audit_ports import SYSTEM
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
        "expires_at": None,
        "last_used_at": "2026-06-02T10:00:00Z",
        "previous_until": None,
        "revoked_at": "2026-06-02T10:00:00Z",
    }


def test_a_key_ends_when_it_expires(service: Service):
    operator = service.client()
    answer = operator.post("/v1/keys", json={"name": "fair", "role": "owner", "expires_in_days": 3})
    made = answer.json()
    assert made["expires_at"] == "2026-06-05T10:00:00Z"
    service.clock.step(days=3, microseconds=-1)
    assert _asks(service, made["key"]) == 200
    service.clock.step(microseconds=1)
    assert _asks(service, made["key"]) == 401
    assert operator.post(f"/v1/keys/{made['id']}/rotate", json={}).status_code == 404


def test_both_secrets_of_a_rotated_key_open_it_until_the_old_one_ends(service: Service):
    operator = service.client()
    made = operator.post("/v1/keys", json={"name": "till", "role": "owner"}).json()
    answer = operator.post(f"/v1/keys/{made['id']}/rotate", json={"overlap_s": 3600})
    new = answer.json()
    assert (answer.status_code, new["id"], new["role"]) == (200, made["id"], "owner")
    assert new["previous_until"] == "2026-06-02T11:00:00Z"
    assert new["key"] != made["key"]
    assert (_asks(service, made["key"]), _asks(service, new["key"])) == (200, 200)
    service.clock.step(hours=1)
    assert (_asks(service, made["key"]), _asks(service, new["key"])) == (401, 200)


def test_a_secret_that_got_out_is_ended_by_rotating_without_an_overlap(sqlite_service: Service):
    operator = sqlite_service.client()
    made = operator.post("/v1/keys", json={"name": "till", "role": "owner"}).json()
    new = operator.post(f"/v1/keys/{made['id']}/rotate", json={"overlap_s": 0}).json()
    assert (_asks(sqlite_service, made["key"]), _asks(sqlite_service, new["key"])) == (401, 200)
    operator.delete(f"/v1/keys/{made['id']}")
    assert _asks(sqlite_service, new["key"]) == 401
    refused = operator.post(f"/v1/keys/{made['id']}/rotate", json={})
    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")


def test_the_last_use_is_noted_once_an_hour(service: Service):
    def noted() -> str:
        found: str = next(key["last_used_at"] for key in operator.get("/v1/keys").json()["items"] if key["id"] == id_)
        return found

    operator = service.client()
    made = operator.post("/v1/keys", json={"name": "till", "role": "owner"}).json()
    id_ = made["id"]
    assert noted() is None
    for minutes, said in ((0, "10:00"), (59, "10:00"), (1, "11:00"), (59, "11:00")):
        service.clock.step(minutes=minutes)
        _asks(service, made["key"])
        assert noted() == f"2026-06-02T{said}:00Z"


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
        ({"name": "x", "role": "owner", "expires_in_days": 0}, "expires_in_days", 0),
        ({"name": "x", "role": "owner", "expires_in_days": 1e9}, "expires_in_days", 1e9),
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
    assert stranger.post(f"/v1/keys/{made['id']}/rotate", json={}).status_code == 404
    assert _asks(sqlite_service, made["key"]) == 200


def test_keys_are_the_operators_alone(sqlite_service: Service):
    made = sqlite_service.client().post("/v1/keys", json={"name": "till", "role": "owner"}).json()
    refused_to_all_but_operators(sqlite_service, "GET", "/v1/keys")
    refused_to_all_but_operators(sqlite_service, "POST", "/v1/keys", {"name": "x", "role": "operator"})
    refused_to_all_but_operators(sqlite_service, "DELETE", f"/v1/keys/{made['id']}")
    assert _asks(sqlite_service, made["key"]) == 200


def test_a_key_that_was_revoked_by_another_process_opens_for_a_second_at_most(sqlite_service: Service):
    key = sqlite_service.key(Role.INGEST)
    headers = {"Authorization": f"Bearer {key}"}

    def status() -> int:
        return httpx.post(f"{sqlite_service.url}/v1/pings", json=[], headers=headers, **LOOPBACK).status_code

    assert [status(), status()] == [202, 202]
    elsewhere = Access(sqlite_service.store)
    elsewhere.revoke(TenantId("t1"), key.split("_")[1], sqlite_service.clock.now(), by=SYSTEM)
    sqlite_service.clock.step(seconds=1)
    assert status() == 401


def test_a_key_that_is_revoked_here_opens_nothing_any_more(sqlite_service: Service):
    key = sqlite_service.key(Role.INGEST)
    headers = {"Authorization": f"Bearer {key}"}
    post = partial(httpx.post, f"{sqlite_service.url}/v1/pings", json=[], headers=headers, **LOOPBACK)
    assert [post().status_code, post().status_code] == [202, 202]
    sqlite_service.app.access.revoke(TenantId("t1"), key.split("_")[1], sqlite_service.clock.now(), by=SYSTEM)
    assert post().status_code == 401


def test_one_of_those_who_come_again_and_again_asks_before_all_have_to(sqlite_service: Service):
    sqlite_service.client()  # who makes the tenant
    access, now = Access(sqlite_service.store), sqlite_service.clock.now()
    key = access.create(TenantId("t1"), Role.INGEST, "phones", now, by=SYSTEM).key
    assert access.authenticate(key, now) is not None
    is_known = [
        access.recall(key, now + timedelta(milliseconds=ms)) is not None for ms in (0, 499, 500, 501, 999, 1000)
    ]
    assert is_known == [True, True, False, True, True, False]
