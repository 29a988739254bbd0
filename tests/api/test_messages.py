"""Messages over HTTP: what became of each, never what it says or where it went."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from nearcast.channels.recorder import Recorder
from nearcast.domain.ids import TenantId
from nearcast.services.access import Role
from nearcast.services.live import Live
from nearcast.store.tables import message
from tests.api.service import Service
from tests.api.town import ADDRESS, agree, open_shop, ping, rows_of, send, visit


def items(client: Any, **params: Any) -> list[dict[str, Any]]:
    answer = client.get("/v1/messages", params=params)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def test_a_message_that_was_sent(service: Service):
    open_shop(service)
    agree(service, "ada")
    visit(service, "ada")
    operator = service.client()
    (shown,) = items(operator)
    (row,) = rows_of(operator)
    assert shown == {
        "message_id": row["message_id"],
        "decision_id": row["decision_id"],
        "customer_id": "ada",
        "campaign_id": "cafe-offer",
        "channel": "console",
        "status": "accepted",
        "provider_id": None,
        "error": None,
        "reason": None,
        "late": False,
        "queued_at": "2026-06-02T10:00:01Z",
        "sent_at": "2026-06-02T10:00:01Z",
        "delivered_at": None,
        "read_at": None,
        "expires_at": "2026-06-02T10:20:01Z",
        "cost": None,
        "variant": None,
    }
    assert operator.get(f"/v1/messages/{shown['message_id']}").json() == shown


def test_neither_text_nor_address_is_shown(service: Service):
    open_shop(service)
    agree(service, "ada")
    visit(service, "ada")
    for client in (service.client(), service.client(Role.OWNER)):
        (shown,) = items(client)
        text = client.get("/v1/messages").text + client.get(f"/v1/messages/{shown['message_id']}").text
        assert "Coffee" not in text
        assert ADDRESS not in text


def test_what_ended_badly_says_why(service: Service):
    open_shop(service)
    agree(service, "ada", "bob")
    assert send(service, [ping(service, "ada"), ping(service, "bob")]).json()["accepted"] == 2
    live = Live(service.store, TenantId("t1"), Recorder())
    live.work_pings(service.clock.now())
    paused = service.client(Role.OWNER).post("/v1/campaigns/cafe-offer/pause")
    assert paused.status_code == 200
    with service.store.engine.begin() as connection:
        expired = message.c.customer_id == "bob"
        connection.execute(update(message).where(expired).values(expires_at=service.clock.now()))
    live.dispatch_due(service.clock.now())
    errors = {shown["customer_id"]: (shown["status"], shown["error"]) for shown in items(service.client())}
    assert errors == {
        "ada": ("cancelled", {"code": "cancelled_campaign", "class": "cancelled"}),
        "bob": ("expired", {"code": "expired", "class": "expired"}),
    }


@pytest.mark.enable_socket
def test_a_failure_without_a_reason_is_one_and_a_provider_may_name_it(sqlite_service: Service):
    open_shop(sqlite_service)
    agree(sqlite_service, "ada")
    visit(sqlite_service, "ada")
    with sqlite_service.store.engine.begin() as connection:
        connection.execute(update(message).values(status="failed", provider_id="wamid.1"))
    (shown,) = items(sqlite_service.client())
    assert (shown["error"], shown["provider_id"]) == ({"code": "failed", "class": "failed"}, "wamid.1")
    (hidden,) = items(sqlite_service.client(Role.OWNER))
    assert hidden["provider_id"] is None  # WhatsApp's hold the telephone number


def test_messages_are_found_by_what_owners_ask_for(service: Service):
    open_shop(service, "cafe")
    open_shop(service, "bar", lon=13.5)
    agree(service, "ada", "bob", "eve")
    visit(service, "ada")
    service.clock.step(seconds=1)
    visit(service, "bob", lon=13.5)
    service.clock.step(seconds=1)
    visit(service, "eve")
    operator = service.client()

    def who(**params: Any) -> list[str]:
        return [shown["customer_id"] for shown in items(operator, **params)]

    assert who() == ["eve", "bob", "ada"]
    assert who(campaign_id="cafe-offer") == ["eve", "ada"]
    assert who(shop_id="bar") == ["bob"]
    assert who(customer_id="ada") == ["ada"]
    assert who(status="accepted") == ["eve", "bob", "ada"]
    assert who(status="queued") == []
    first = operator.get("/v1/messages", params={"limit": 2}).json()
    assert [shown["customer_id"] for shown in first["items"]] == ["eve", "bob"]
    assert who(cursor=first["next_cursor"]) == ["ada"]


def test_an_owner_sees_messages_of_their_shops_and_customers_by_the_pseudonym_of_the_match_log(service: Service):
    open_shop(service, "cafe")
    open_shop(service, "bar", lon=13.5)
    agree(service, "ada", "bob")
    visit(service, "ada")
    visit(service, "bob", lon=13.5)
    barkeeper = service.client(Role.OWNER, shops=["bar"])
    (shown,) = items(barkeeper)
    (row,) = rows_of(barkeeper)
    assert shown["customer_id"] == row["customer_id"]
    assert shown["customer_id"].startswith("p-")
    assert barkeeper.get("/v1/messages", params={"shop_id": "cafe"}).status_code == 404
    of_cafe = items(service.client(), shop_id="cafe")[0]["message_id"]
    assert barkeeper.get(f"/v1/messages/{of_cafe}").status_code == 404
    assert barkeeper.get(f"/v1/messages/{shown['message_id']}").json() == shown
    refused = barkeeper.get("/v1/messages", params={"customer_id": "bob"})
    assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")


@pytest.mark.enable_socket
def test_a_message_of_another_tenant_is_not_there(sqlite_service: Service):
    open_shop(sqlite_service)
    agree(sqlite_service, "ada")
    visit(sqlite_service, "ada")
    (shown,) = items(sqlite_service.client(Role.OWNER))
    stranger = sqlite_service.client(Role.OWNER, tenant="t2")
    assert items(stranger) == []
    assert stranger.get(f"/v1/messages/{shown['message_id']}").status_code == 404


@pytest.mark.enable_socket
@pytest.mark.parametrize(("role", "status"), [("owner", 200), ("operator", 200), ("analyst", 403), ("ingest", 403)])
def test_the_outbox_is_for_owners(sqlite_service: Service, role: str, status: int):
    assert sqlite_service.client(Role(role)).get("/v1/messages").status_code == status


@pytest.mark.enable_socket
def test_a_status_that_there_is_not_is_named(sqlite_service: Service):
    refused = sqlite_service.client().get("/v1/messages", params={"status": "gone"})
    assert (refused.status_code, refused.json()["path"], refused.json()["value"]) == (422, "status", "gone")


@pytest.mark.enable_socket
def test_a_message_that_arrived_after_its_offer_was_late(sqlite_service: Service):
    open_shop(sqlite_service)
    agree(sqlite_service, "ada")
    visit(sqlite_service, "ada")
    with sqlite_service.store.engine.begin() as connection:
        connection.execute(update(message).values(sent_at=sqlite_service.clock.now() + timedelta(hours=1)))
    assert [shown["late"] for shown in items(sqlite_service.client())] == [True]
