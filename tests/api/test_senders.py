"""Operators see how senders and templates stand, and bring them on their way again."""

from dataclasses import replace
from typing import Any

import pytest

from nearcast.services.access import Role
from nearcast.services.report import rfc3339
from tests.api.provider import of_the_first, stopped, with_provider
from tests.api.service import Service

pytestmark = pytest.mark.enable_socket
ASKED: dict[str, Any] = {
    "name": "coffee",
    "language": "en",
    "category": "UTILITY",
    "components": [{"type": "BODY", "text": "Hello {{1}}, coffee is ready", "example": {"body_text": [["Anna"]]}}],
}


def test_an_operator_sees_a_stopped_sender_and_lets_it_go_on(service: Service):
    operator = service.client()
    stopped(service)
    (shown,) = [each for each in operator.get("/v1/senders").json()["items"] if each["stopped_at"] is not None]
    assert (shown["channel"], shown["sender"], shown["code"]) == ("whatsapp", "555", "190")
    assert shown["stopped_at"] == rfc3339(service.clock.at)
    assert 'nearcast_senders_stopped{channel="whatsapp"} 1.0' in operator.get("/metrics").text
    answer = operator.post("/v1/senders/whatsapp/555/resume", headers={"Idempotency-Key": "go"})
    assert (answer.status_code, answer.json()["stopped_at"]) == (200, None)
    again = operator.post("/v1/senders/whatsapp/555/resume", headers={"Idempotency-Key": "go"})
    assert again.headers["Idempotency-Replay"] == "true"
    assert "nearcast_senders_stopped{" not in operator.get("/metrics").text
    (entry,) = [each for each in operator.get("/v1/audit").json()["items"] if each["kind"] == "sender"]
    assert (entry["action"], entry["detail"]["code"]) == ("resumed", "190")


def test_a_sender_of_others_is_none(service: Service):
    other = service.client(tenant="t2")
    service.client()
    stopped(service)
    assert "555" in {each["sender"] for each in other.get("/v1/senders").json()["items"]}  # while it is everybody's
    of_the_first(service)
    assert "555" not in {each["sender"] for each in other.get("/v1/senders").json()["items"]}
    assert other.post("/v1/senders/whatsapp/555/resume").status_code == 404


def test_a_template_is_asked_for_and_read_back(service: Service):
    operator, owner = service.client(), service.client(Role.OWNER)
    provider = with_provider(service)
    made = operator.post("/v1/templates", json=ASKED, headers={"Idempotency-Key": "new"})
    assert (made.status_code, made.json()["status"], made.json()["category"]) == (201, "PENDING", "MARKETING")
    again = operator.post("/v1/templates", json=ASKED, headers={"Idempotency-Key": "new"})
    assert (again.json(), len(provider.known)) == (made.json(), 1)
    assert operator.post("/v1/templates", json=ASKED).json()["code"] == "already_exists"
    at = service.clock.step(minutes=5)
    provider.known = [replace(provider.known[0], status="APPROVED", status_at=at)]
    assert operator.post("/v1/templates/sync").json() == {"seen": 1, "changed": 1, "gone": 0}
    found = owner.get("/v1/templates/coffee/en").json()
    assert (found["status"], found["is_usable"], found["variables"]) == ("APPROVED", True, ["1"])
    assert owner.get("/v1/templates/coffee/de").status_code == 404
    assert service.client(tenant="t2").get("/v1/templates/coffee/en").status_code == 404


def test_templates_come_in_pages(sqlite_service: Service):
    operator = sqlite_service.client()
    with_provider(sqlite_service)
    for name in ("a", "b", "c"):
        assert operator.post("/v1/templates", json={**ASKED, "name": name}).status_code == 201
    first = operator.get("/v1/templates", params={"limit": 2}).json()
    rest = operator.get("/v1/templates", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [each["name"] for each in first["items"] + rest["items"]] == ["a", "b", "c"]
    assert rest["next_cursor"] is None


def test_what_cannot_be_asked_for_says_why(sqlite_service: Service):
    operator = sqlite_service.client()
    bare = operator.post("/v1/templates", json=ASKED)
    assert (bare.status_code, bare.json()["code"]) == (409, "conflict")
    provider = with_provider(sqlite_service)
    bad = operator.post("/v1/templates", json={**ASKED, "name": "Coffee"})
    assert (bad.status_code, bad.json()["path"]) == (422, "name")
    assert operator.post("/v1/templates", json={**ASKED, "name": "refused"}).status_code == 409
    provider.answers = False
    away = operator.post("/v1/templates/sync")
    assert (away.status_code, away.json()["code"]) == (502, "provider_unavailable")
    assert operator.get("/v1/templates").json()["items"] == []


def test_only_operators_ask_for_templates_and_let_senders_go_on(sqlite_service: Service):
    with_provider(sqlite_service)
    owner = sqlite_service.client(Role.OWNER)
    for path in ("/v1/templates/sync", "/v1/senders/whatsapp/555/resume"):
        assert owner.post(path).status_code == 403
    assert owner.post("/v1/templates", json=ASKED).status_code == 403
    assert owner.get("/v1/senders").status_code == 403
