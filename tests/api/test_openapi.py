"""The description at /openapi.json: whole, and true. What it shows is sent, and what it promises is answered."""

import json
import re
from base64 import b64encode
from hmac import digest
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import select

from nearcast.bootstrap import application
from nearcast.domain.ids import ShopId, TenantId
from nearcast.services.access import Role
from nearcast.store.inbound_tables import message_event
from tests.api.chat import settings as provider_settings
from tests.api.chat import signature
from tests.api.operations import Operation, document, operations
from tests.api.payers import paid, with_payments, writes
from tests.api.promises import reservation, review, voucher
from tests.api.provider import stopped, with_provider
from tests.api.receiver import Receiver, deliver
from tests.api.service import Service
from tests.api.town import agree, open_shop, rows_of, visit
from tests.loopback import LOOPBACK

pytestmark = pytest.mark.enable_socket
FEEDS = "/v1/feeds/"
BY_KEY: list[dict[str, list[str]]] = [{"HTTPBearer": []}]
BY_DEVICE = [{"HTTPBasic": []}, *BY_KEY, {"DeviceToken": []}]
UNSUBSCRIBE = "/unsubscribe/{token}"
PROVIDERS = ("/v1/webhooks/whatsapp", "/v1/webhooks/sms", "/v1/webhooks/telegram")
PAYMENTS = "/v1/webhooks/payments"
OPEN = ("/healthz", "/readyz", "/v1/confirmations/{token}", UNSUBSCRIBE, *PROVIDERS, PAYMENTS)
PROBLEM = "application/problem+json"
NAMES = {
    "shop_id": "cafe-central",
    "geofence_id": "cafe-central-door",
    "campaign_id": "coffee-after-four",
    "customer_id": "cust-0001",
    "place_id": "clinic-am-park",
    "channel": "sms",
    "sender": "555",
    "name": "coffee_offer",
    "language": "en",
    "action": "activate",
}
# everything there is, each after what it needs
STORY = """
    GET /healthz · GET /readyz · PUT /v1/settings · GET /v1/settings · GET /v1/retention
    POST /v1/shops · PUT /v1/shops/{shop_id} · GET /v1/shops/{shop_id} · GET /v1/shops
    POST /v1/geofences/check · POST /v1/geofences · PUT /v1/geofences/{geofence_id} · GET /v1/geofences/{geofence_id}
    GET /v1/geofences/{geofence_id}/care · GET /v1/geofences
    POST /v1/campaigns · PUT /v1/campaigns/{campaign_id} · GET /v1/campaigns/{campaign_id} · GET /v1/campaigns
    POST /v1/customers · PUT /v1/customers/{customer_id} · GET /v1/customers/{customer_id} · GET /v1/customers
    POST /v1/customers/{customer_id}/consents · GET /v1/customers/{customer_id}/consents
    POST /v1/customers/{customer_id}/consents/{event_id}/confirmation · POST /v1/confirmations/{token}
    GET /v1/customers/{customer_id}/evidence · GET /v1/evidence/{subject}
    POST /v1/customers/{customer_id}/suppressions · POST /v1/customers/{customer_id}/suppressions/{channel}/lift
    POST /v1/customers/{customer_id}/sends · GET /v1/customers/{customer_id}/export
    POST /v1/keys · GET /v1/keys · POST /v1/keys/{key_id}/rotate · DELETE /v1/keys/{key_id} · GET /v1/audit
    GET /v1/compliance/record-of-processing · GET /v1/compliance/dpia
    POST /v1/devices · GET /v1/devices · POST /v1/feeds/owntracks
    POST /v1/feeds/overland · GET /v1/feeds/overland · POST /v1/feeds/traccar · POST /v1/feeds/osmand
    GET /v1/feeds/osmand · POST /v1/feeds/gpslogger · PUT /v1/feeds/gpslogger · GET /v1/feeds/gpslogger
    POST /v1/feeds/colota · GET /v1/feeds/colota · POST /v1/feeds/homeassistant · POST /v1/feeds/checkin
    DELETE /v1/devices/{device_id}
    POST /v1/webhooks · GET /v1/webhooks · GET /v1/webhooks/{webhook_id} · PUT /v1/webhooks/{webhook_id}
    POST /v1/pings
    GET /v1/match-log · GET /v1/conflicts · GET /v1/match-log/{decision_id} · GET /v1/explain
    PUT /v1/shops/{shop_id}/staff · GET /v1/shops/{shop_id}/staff · POST /v1/campaigns/{campaign_id}/test
    GET /v1/vouchers/{code} · POST /v1/vouchers/{code}/redeem
    PUT /v1/shops/{shop_id}/slots · GET /v1/shops/{shop_id}/slots · GET /v1/reservations
    DELETE /v1/shops/{shop_id}/slots/{slot_id}
    POST /v1/payment-requests · GET /v1/payment-requests · GET /v1/payment-requests/{reference}
    POST /v1/payment-requests/{reference}/cancel · POST /v1/payment-requests/{reference}/refund
    GET /v1/usage · GET /v1/reminders · GET /v1/messages · GET /v1/messages/{message_id}
    GET /v1/webhooks/{webhook_id}/deliveries · POST /v1/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver
    POST /v1/webhooks/{webhook_id}/rotate · DELETE /v1/webhooks/{webhook_id} · GET /metrics
    DELETE /v1/customers/{customer_id} · DELETE /v1/campaigns/{campaign_id} · POST /v1/campaigns/{campaign_id}/{action}
    GET /v1/campaigns/{campaign_id}/templates
    GET /v1/campaigns/{campaign_id}/runs · DELETE /v1/geofences/{geofence_id} · DELETE /v1/shops/{shop_id}
    PUT /v1/sensitive-places/{place_id} · GET /v1/sensitive-places/{place_id} · GET /v1/sensitive-places
    DELETE /v1/sensitive-places/{place_id}
    GET /v1/opt-out-reviews · POST /v1/opt-out-reviews/{review_id}
    GET /v1/senders · POST /v1/senders/{channel}/{sender}/resume
    POST /v1/templates · POST /v1/templates/sync · GET /v1/templates · GET /v1/templates/{name}/{language}
"""


def test_every_operation_says_what_it_is_who_may_and_what_can_go_wrong(sqlite_service: Service):
    names = []
    for each in operations(sqlite_service):
        said, is_feed = each.said, each.path.startswith(FEEDS)
        assert said["summary"], each
        assert said["description"], each
        assert said["tags"], each
        assert set(re.findall(r"{(\w+)}", each.path)) == set(each.parameters["path"]), each
        assert PROBLEM in said["responses"]["default"]["content"], each
        assert not [key for key in said if key.startswith("x-") and key != "x-roles"], each
        if each.path in OPEN:
            assert "security" not in said, each
            assert each.roles == [], each
        else:
            assert said["security"] == (BY_DEVICE if is_feed else BY_KEY), each
            assert "operator" in each.roles, each
        if each.method in ("POST", "PUT", "DELETE") and each.path not in OPEN and not is_feed:
            assert "Idempotency-Key" in each.parameters["header"], each
        names.append(said["operationId"])
    assert len(set(names)) == len(names)


def test_the_document_holds_what_it_refers_to(sqlite_service: Service):
    whole = document(sqlite_service)
    assert whole["openapi"].startswith("3.1.")
    assert whole["info"]["title"] == "nearcast"
    found = set(re.findall(r"'\$ref': '#/components/schemas/(\w+)'", str(whole)))
    assert found == set(whole["components"]["schemas"]) & found
    assert found >= {"NewShop", "OwnCampaign", "CustomerDocument"}
    assert whole["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"


def test_what_it_shows_is_accepted_and_answered_as_it_shows(sqlite_service: Service):
    told = {
        str(each): each for each in operations(sqlite_service) if each.path not in (UNSUBSCRIBE, *PROVIDERS, PAYMENTS)
    }
    story = [line.strip() for line in re.split(r"[·\n]", STORY) if line.strip()]
    assert set(story) == set(told)
    operator, names = sqlite_service.client(), dict(NAMES)
    for name in story:
        if name == "GET /v1/match-log":
            heard = {"url": "https://example.com/visits", "events": ["enter"]}
            operator.put(f"/v1/webhooks/{names['webhook_id']}", json=heard)
            names |= _decision(sqlite_service)
        if name == "POST /v1/campaigns/{campaign_id}/test":
            _staff_writes(sqlite_service, names["shop_id"])
        if name == "GET /v1/reservations":
            reservation(sqlite_service)
        if name == "DELETE /v1/shops/{shop_id}/slots/{slot_id}":
            names |= _new_slot(operator, names["shop_id"])
        if name == "DELETE /v1/campaigns/{campaign_id}":
            assert _ask(operator, told["POST /v1/campaigns"], {**names}, nameless=True).status_code == 201
        if name == "POST /v1/campaigns/{campaign_id}/{action}":
            names["campaign_id"] = operator.get("/v1/campaigns").json()["items"][-1]["id"]
        if name == "POST /v1/payment-requests":
            with_payments(sqlite_service)
            writes(sqlite_service, names["customer_id"])
        if name == "POST /v1/payment-requests/{reference}/refund":
            names["reference"] = paid(sqlite_service, names["reference"])
        if name == "GET /v1/opt-out-reviews":
            names["review_id"] = review(sqlite_service, "ada")
        if name == "GET /v1/senders":
            stopped(sqlite_service, names["channel"])
            with_provider(sqlite_service)
        if name == "DELETE /v1/shops/{shop_id}":
            names["shop_id"] = operator.post("/v1/shops", json={"name": "without campaigns"}).json()["id"]
        if name == "POST /v1/customers/{customer_id}/consents/{event_id}/confirmation":
            names["event_id"] = _waiting_grant(operator, names["customer_id"])
        answer = _ask(operator, told[name], names, nameless=name.startswith("PUT /v1/webhooks"))
        status, shown = told[name].answer
        assert answer.status_code == status, f"{name}: {answer.text}"
        if isinstance(shown, dict):
            _check_keys(name, answer.json(), shown)
        names |= {key: answer.json()["token"] for key in ("token",) if name.endswith("/confirmation")}
        if name == "GET /v1/customers/{customer_id}/evidence":
            names["subject"] = answer.json()["subject"]
        if name == "POST /v1/payment-requests":
            names["reference"] = answer.json()["reference"]
        if name == "POST /v1/devices":
            names["device_id"] = answer.json()["device_id"]
        if name == "POST /v1/webhooks":
            names["webhook_id"] = answer.json()["id"]
        if name == "GET /v1/webhooks/{webhook_id}/deliveries":
            names["delivery_id"] = answer.json()["items"][0]["id"]
        if name == "POST /v1/keys":
            names["key_id"] = answer.json()["id"]


TWICE = """
    PUT /v1/shops/{shop_id} · PUT /v1/geofences/{geofence_id} · PUT /v1/campaigns/{campaign_id}
    PUT /v1/customers/{customer_id} · POST /v1/customers/{customer_id}/consents
    POST /v1/customers/{customer_id}/suppressions · PUT /v1/sensitive-places/{place_id}
"""


def test_it_tells_what_is_answered_to_what_is_new_and_to_what_is_not(sqlite_service: Service):
    told, operator = {str(each): each for each in operations(sqlite_service)}, sqlite_service.client()
    for name in [line.strip() for line in re.split(r"[·\n]", TWICE) if line.strip()]:
        for status in (201, 200):
            answer = _ask(operator, told[name], NAMES)
            assert answer.status_code == status, f"{name}: {answer.text}"
            shown = told[name].said["responses"][str(status)]["content"]["application/json"]["example"]
            _check_keys(name, answer.json(), shown)


def test_what_a_provider_sends_as_it_is_shown_is_taken(sqlite_service: Service):
    service, told = sqlite_service, {str(each): each for each in operations(sqlite_service)}
    address = "https://offers.example"
    twilio = {"twilio_account_sid": "AC1", "twilio_auth_tokens": SecretStr("hidden"), "twilio_from": "+15005550006"}
    bot = {"telegram_token": SecretStr("1:x"), "telegram_webhook_secrets": SecretStr("agreed")}
    settings = provider_settings(public_url=address, **twilio, **bot)
    service.server.state.application = application(settings, service.store, clock=service.clock, is_narrow=True)
    service.client()  # whose tenant has all of these numbers
    for path in PROVIDERS:
        said = told[f"POST {path}"]
        ((media, example),) = said.media.items()
        raw = example.encode() if isinstance(example, str) else json.dumps(example).encode()
        fields = "".join(map("".join, sorted(parse_qsl(raw.decode()))))
        proofs = {
            "X-Hub-Signature-256": signature(raw),
            "X-Twilio-Signature": b64encode(digest(b"hidden", f"{address}{path}{fields}".encode(), "sha1")).decode(),
            "X-Telegram-Bot-Api-Secret-Token": "agreed",
        }
        (header,) = said.parameters["header"]
        good = {"Content-Type": media, header: proofs[header]}
        with httpx.Client(base_url=service.url, **LOOPBACK) as provider:
            taken = provider.post(path, content=raw, headers=good)
            assert (taken.status_code, taken.json()) == said.answer, path
            assert provider.post(path, content=raw, headers={**good, header: "another"}).status_code == 401, path
    with service.store.engine.connect() as connection:
        kept = connection.execute(select(message_event.c.channel, message_event.c.status)).all()
    assert sorted(each.channel for each in kept) == ["sms", "telegram", "whatsapp"]
    assert "unparsed" not in {each.status for each in kept}


def _ask(client: Any, operation: Operation, names: dict[str, str], *, nameless: bool = False) -> Any:
    path = operation.path.format_map(names)
    if operation.path == "/v1/usage":
        path += f"?shop_id={names['shop_id']}&month=2026-06"
    if operation.path == "/v1/explain":
        path += f"?decision_id={names['decision_id']}"
    if operation.path.startswith(FEEDS):
        path += f"?customer_id={names['customer_id']}"
    answer = None if operation.media else client.request(operation.method, path)
    for media, example in operation.media.items():
        body = {key: value for key, value in example.items() if key != "id"} if nameless else example
        sent = {"content": body} if isinstance(body, str) else {"json": body}
        answer = client.request(operation.method, path, headers={"Content-Type": media}, **sent)
    return answer


def _new_slot(client: Any, shop_id: str) -> dict[str, str]:
    said = {"starts_at": "2026-06-07T17:00:00Z", "ends_at": "2026-06-07T19:00:00Z", "capacity": 1}
    written = client.put(f"/v1/shops/{shop_id}/slots", json={"slots": [said]}).json()["items"]
    return {"slot_id": written[0]["slot_id"]}


def _waiting_grant(client: Any, customer_id: str) -> str:
    said = {"purpose": "marketing.news", "channel": "sms", "action": "granted"}
    event_id: str = client.post(f"/v1/customers/{customer_id}/consents", json=said).json()["event_id"]
    return event_id


def _check_keys(name: str, answered: dict[str, Any], shown: dict[str, Any]) -> None:
    """The keys of a document, of the first item too where it is a list: all lists but those of runs,
    reminders, usage and a campaign's templates have one here."""
    assert set(answered) == set(shown), name
    if "items" in shown and not name.endswith(("/runs", "/reminders", "/usage", "}/templates")):
        assert set(answered["items"][0]) == set(shown["items"][0]), name


def _staff_writes(service: Service, shop: str) -> None:
    with service.store.writing(TenantId("t1")) as uow:
        for member in uow.staff.of(ShopId(shop)):
            uow.staff.verify(member, service.clock.now())
            uow.staff.hear([member], service.clock.now(), by="4711")
        uow.commit()


def _decision(service: Service) -> dict[str, str]:
    open_shop(service)
    agree(service, "ada")
    visit(service, "ada")
    (row,) = rows_of(service.client(Role.ANALYST))
    assert deliver(service, Receiver(status=410)) >= 1
    return {"decision_id": row["decision_id"], "message_id": row["message_id"], "code": voucher(service)}
