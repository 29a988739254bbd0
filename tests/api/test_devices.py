"""Devices: secrets that name one customer, shown once, and over when the consent is."""

import json
from typing import Any

import httpx
import pytest

from nearcast.domain.ids import CustomerId, TenantId
from nearcast.services.access import Role
from tests.api.people import agreed, refused_to_all_but_operators
from tests.api.phones import ask, handset, located
from tests.api.service import Service
from tests.api.test_erasure import every_value
from tests.api.town import agree

pytestmark = pytest.mark.enable_socket
WITHDRAWN = {"purpose": "location.matching", "action": "withdrawn"}


def waiting(service: Service, customer: str = "ada", tenant: str = "t1") -> list[dict[str, object]]:
    """A customer's pings that no worker has consumed."""
    with service.store.reading(TenantId(tenant)) as uow:
        return uow.pings.of(CustomerId(customer))


def test_a_device_is_made_shown_once_listed_and_revoked(service: Service):
    agree(service, "ada", "bob")
    phone, other = handset(service), handset(service, "bob", "overland")
    assert phone.post("owntracks", located(service)).status_code == 200
    operator = service.client()
    listed = operator.get("/v1/devices").json()["items"]
    assert {row["device_id"] for row in listed} == {phone.device_id, other.device_id}
    (mine,) = operator.get("/v1/devices", params={"customer_id": "ada"}).json()["items"]
    assert mine == {
        "device_id": phone.device_id,
        "customer_id": "ada",
        "feed": "owntracks",
        "created_at": "2026-06-02T10:00:00Z",
        "revoked_at": None,
        "last_seen_at": "2026-06-02T10:00:00Z",
    }
    first = operator.get("/v1/devices", params={"limit": 1}).json()
    second = operator.get("/v1/devices", params={"limit": 1, "cursor": first["next_cursor"]}).json()
    assert [first["items"][0]["device_id"], second["items"][0]["device_id"]] == sorted(
        row["device_id"] for row in listed
    )
    assert operator.delete(f"/v1/devices/{phone.device_id}").status_code == 204
    assert operator.delete(f"/v1/devices/{phone.device_id}").status_code == 404
    assert phone.post("owntracks", located(service)).status_code == 401
    assert other.post("owntracks", located(service)).status_code == 200
    told = operator.get("/v1/audit", params={"kind": "device"}).json()["items"]
    assert {(row["action"], row["id"]) for row in told} == {
        ("created", phone.device_id),
        ("created", other.device_id),
        ("revoked", phone.device_id),
    }


def test_no_secret_of_a_device_is_kept_anywhere(service: Service):
    agree(service, "ada")
    phone = handset(service)
    phone.post("owntracks", located(service))
    secrets = [phone.password.lower(), phone.token.partition(".")[2].lower()]
    assert [place for place, text in every_value(service) if any(secret in text for secret in secrets)] == []


def test_only_operators_deal_with_devices_and_only_with_their_own_tenants(service: Service):
    agree(service, "ada")
    phone = handset(service)
    refused_to_all_but_operators(service, "GET", "/v1/devices")
    refused_to_all_but_operators(service, "POST", "/v1/devices", {"customer_id": "ada", "feed": "owntracks"})
    refused_to_all_but_operators(service, "DELETE", f"/v1/devices/{phone.device_id}")
    stranger = service.client(tenant="t2")
    assert stranger.get("/v1/devices").json()["items"] == []
    assert stranger.get("/v1/devices", params={"customer_id": "ada"}).status_code == 404
    assert stranger.delete(f"/v1/devices/{phone.device_id}").status_code == 404
    assert stranger.post("/v1/devices", json={"customer_id": "ada", "feed": "owntracks"}).status_code == 404


def test_what_is_no_device_is_refused(service: Service):
    agree(service, "ada")
    operator = service.client()
    for body in ({"customer_id": "nobody", "feed": "owntracks"}, {"customer_id": "ada", "feed": "pigeon"}, {}):
        assert operator.post("/v1/devices", json=body).status_code in (404, 422), body
    once = operator.post(
        "/v1/devices", json={"customer_id": "ada", "feed": "owntracks"}, headers={"Idempotency-Key": "1"}
    )
    assert once.status_code == 400


def test_a_withdrawal_of_location_revokes_every_device_of_the_customer_at_once(service: Service):
    operator = agreed(service)
    agree(service, "bob")
    phones, other = [handset(service, "anna") for _ in range(2)], handset(service, "bob")
    said = operator.post("/v1/customers/anna/consents", json={"purpose": "marketing.nearby", "action": "withdrawn"})
    assert said.status_code == 201
    assert phones[0].post("owntracks", located(service)).status_code == 200
    assert operator.post("/v1/customers/anna/consents", json=WITHDRAWN).status_code == 201
    listed = operator.get("/v1/devices", params={"customer_id": "anna"}).json()["items"]
    assert [row["revoked_at"] for row in listed] == ["2026-06-02T10:00:00Z"] * 2
    assert [phone.post("owntracks", located(service)).status_code for phone in phones] == [401, 401]
    assert other.post("owntracks", located(service)).status_code == 200


def test_an_old_withdrawal_that_a_later_consent_has_overtaken_revokes_nothing(service: Service):
    operator = agreed(service)
    phone = handset(service, "anna")
    late = {**WITHDRAWN, "at": "2026-06-01T08:00:00Z"}
    assert operator.post("/v1/customers/anna/consents", json=late).status_code == 201
    assert phone.post("owntracks", located(service)).status_code == 200


def test_an_imported_withdrawal_revokes_too(service: Service, tmp_path):
    agree(service, "ada")
    phone = handset(service)
    file = tmp_path / "customers.ndjson"
    row = {"id": "ada", "consents": [{**WITHDRAWN, "at": "2026-06-02T09:59:00Z"}]}
    file.write_text(json.dumps(row) + "\n")
    service.app.importing.take("customers", file, TenantId("t1"), service.clock.now())
    assert phone.post("owntracks", located(service)).status_code == 401


def test_who_is_erased_takes_their_devices_along_and_sees_them_before(service: Service):
    agree(service, "ada")
    phone = handset(service)
    operator = service.client()
    (told,) = operator.get("/v1/customers/ada/export").json()["devices"]
    assert (told["device_id"], told["feed"]) == (phone.device_id, "owntracks")
    assert operator.delete("/v1/customers/ada").json()["rows"]["device"] == 1
    assert phone.post("owntracks", located(service)).status_code == 401
    assert operator.get("/v1/devices").json()["items"] == []


@pytest.mark.parametrize("how", ["basic", "bearer", "token", "token as user"])
def test_every_credential_of_a_device_names_its_customer(service: Service, how: str):
    agree(service, "ada", "bob")
    phone = handset(service)
    credentials: dict[str, dict[str, Any]] = {
        "basic": {"auth": phone.basic},
        "bearer": {"headers": {"Authorization": f"Bearer {phone.token}"}},
        "token": {"params": {"token": phone.token}},
        "token as user": {"headers": {"Authorization": f"Basic {phone.token}:"}},
    }
    message = {**located(service), "topic": "owntracks/bob/phone"}
    said = {"X-Limit-U": "bob", "X-Limit-D": "phone"}
    sent = credentials[how]
    sent = {**sent, "headers": {**sent.get("headers", {}), **said}}
    assert ask(service, "POST", "owntracks", json=message, **sent).text == "[]"
    assert len(waiting(service, "ada")) == 1
    assert waiting(service, "bob") == []


def test_wrong_credentials_are_401_and_store_nothing(service: Service):
    agree(service, "ada")
    phone, other = handset(service), handset(service)
    wrong: list[dict[str, Any]] = [
        {},
        {"auth": httpx.BasicAuth(phone.username, other.password)},
        {"auth": httpx.BasicAuth(phone.username, phone.token.partition(".")[2])},
        {"auth": httpx.BasicAuth(phone.username, "")},
        {"auth": httpx.BasicAuth("nobody", phone.password)},
        {"auth": httpx.BasicAuth("", "")},
        {"headers": {"Authorization": f"Bearer {phone.device_id}.{phone.password}"}},
        {"headers": {"Authorization": f"Bearer {phone.device_id}"}},
        {"headers": {"Authorization": "Basic %%%"}},
        {"headers": {"Authorization": "Bearer nc_0_0"}},
        {"params": {"token": phone.token + "x"}},
        {"params": {"token": "\0"}},
    ]
    for said in wrong:
        answer = ask(service, "POST", "owntracks", json=located(service), **said)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized"), said
        assert answer.headers["WWW-Authenticate"].startswith("Basic"), said
    assert waiting(service) == []


def test_an_ingest_key_speaks_for_the_customer_that_it_names(service: Service):
    agree(service, "ada")
    ingest = service.client(Role.INGEST)
    assert ingest.post("/v1/feeds/owntracks?customer_id=ada", json=located(service)).text == "[]"
    assert len(waiting(service)) == 1
    assert ingest.post("/v1/feeds/owntracks", json=located(service)).status_code == 403
    analyst = service.client(Role.ANALYST)
    assert analyst.post("/v1/feeds/owntracks?customer_id=ada", json=located(service)).status_code == 403
    (denied,) = service.client().get("/v1/audit", params={"kind": "route"}).json()["items"]
    assert (denied["action"], denied["id"]) == ("denied", "POST /v1/feeds/owntracks")
    stranger = service.client(Role.INGEST, "t2")
    assert stranger.post("/v1/feeds/owntracks?customer_id=ada", json=located(service, tst=1)).text == "[]"
    assert len(waiting(service)) == 1


def test_a_revoked_device_is_forgotten_a_month_later_and_a_live_one_is_not(service: Service):
    agree(service, "ada")
    gone, live = handset(service), handset(service)
    assert service.client().delete(f"/v1/devices/{gone.device_id}").status_code == 204
    for days, left in ((29, {gone.device_id, live.device_id}), (2, {live.device_id})):
        service.app.retention.prune(TenantId("t1"), service.clock.step(days=days))
        assert {row["device_id"] for row in service.client().get("/v1/devices").json()["items"]} == left
