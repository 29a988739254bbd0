"""Webhooks: who hears of a visit, in which order, how often, and who does not any more."""

import hmac
import re
from collections import Counter
from datetime import timedelta
from typing import Any

import httpx
import pytest

from nearcast.domain.ids import TenantId
from nearcast.domain.webhook import MOST_ATTEMPTS
from nearcast.services.access import Role
from nearcast.services.figures import Figure
from tests.api.people import LOCATION
from tests.api.receiver import Receiver, courier, deliver
from tests.api.service import Service
from tests.api.town import LAT, LON, agree, leave, open_shop, visit

pytestmark = pytest.mark.enable_socket
URL = "https://hooks.example/visits"
AGREED = {**LOCATION, "purpose": "location.sharing"}


def webhook(operator: httpx.Client, **changes: Any) -> dict[str, Any]:
    answer = operator.post("/v1/webhooks", json={"url": URL, "events": ["enter", "exit"], **changes})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def deliveries(operator: httpx.Client, key: str, **params: Any) -> list[dict[str, Any]]:
    answer = operator.get(f"/v1/webhooks/{key}/deliveries", params=params)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


def test_a_visit_is_told_as_signed_cloud_events_in_order(service: Service) -> None:
    open_shop(service)
    agree(service, "ada")
    operator, receiver = service.client(), Receiver()
    made = webhook(operator)
    visit(service, "ada")
    leave(service, "ada")
    assert deliver(service, receiver) == 2
    entered, left = receiver.events
    assert [entered["type"], left["type"]] == [
        "org.camaraproject.geofencing-subscriptions.v0.area-entered",
        "org.camaraproject.geofencing-subscriptions.v0.area-left",
    ]
    assert (entered["specversion"], entered["source"], entered["time"]) == (
        "1.0",
        "urn:nearcast:t1",
        "2026-06-02T10:00:00Z",
    )
    assert entered["id"] == f"{entered['data']['visit_id']}.enter"
    assert entered["data"]["subscriptionId"] == made["id"]
    assert (entered["data"]["customer_id"], entered["data"]["geofence_id"]) == ("ada", "cafe-door")
    assert entered["data"]["area"]["center"] == {"latitude": LAT, "longitude": LON}
    assert "position" not in entered["data"]
    post = receiver.posts[0]
    assert (post.url, post.headers["Content-Type"]) == (URL, "application/cloudevents+json; charset=utf-8")
    at_s, said = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", post.headers["Nearcast-Signature"]).groups()  # type: ignore[union-attr]
    assert said == hmac.new(made["secret"].encode(), f"{at_s}.".encode() + post.body, "sha256").hexdigest()
    assert [(each["status"], each["answer"], each["event"]) for each in deliveries(operator, made["id"])] == [
        ("delivered", "204", None)
    ] * 2
    assert deliver(service, receiver) == 0


def test_without_a_webhook_nothing_is_written(service: Service) -> None:
    open_shop(service)
    agree(service, "ada")
    visit(service, "ada")
    made = webhook(service.client())
    assert deliveries(service.client(), made["id"]) == []
    assert deliver(service, Receiver()) == 0


def test_a_webhook_hears_of_its_shops_and_kinds_alone(service: Service) -> None:
    open_shop(service)
    open_shop(service, "bar", lon=LON + 0.1)
    agree(service, "ada", "bob")
    operator, receiver = service.client(), Receiver()
    webhook(operator, shop_ids=["bar"], events=["enter"])
    visit(service, "ada")
    visit(service, "bob", lon=LON + 0.1)
    leave(service, "bob")
    deliver(service, receiver)
    assert [(each["data"]["customer_id"], each["data"]["kind"]) for each in receiver.events] == [("bob", "enter")]


def test_an_event_is_repeated_with_the_same_id_and_keeps_the_next_ones_waiting(service: Service) -> None:
    open_shop(service)
    agree(service, "ada")
    operator, receiver = service.client(), Receiver(status=503)
    made = webhook(operator)
    visit(service, "ada")
    leave(service, "ada")
    assert deliver(service, receiver) == 1
    assert deliver(service, receiver) == 0
    service.clock.step(seconds=4)
    receiver.status = None
    assert deliver(service, receiver) == 1
    assert [each["answer"] for each in deliveries(operator, made["id"])] == [None, "ConnectError"]
    service.clock.step(seconds=8)
    receiver.status = 200
    assert deliver(service, receiver) == 2
    assert [each["data"]["kind"] for each in receiver.events] == ["enter", "enter", "enter", "exit"]
    assert len({each["id"] for each in receiver.events[:3]}) == 1


def test_an_event_that_is_never_taken_dies_is_seen_and_can_be_delivered_again(service: Service) -> None:
    open_shop(service)
    agree(service, "ada")
    operator, receiver, figures = service.client(), Receiver(status=500), service.store.figures
    made = webhook(operator, events=["enter"])
    before = figures.counts(Figure.DELIVERIES)
    visit(service, "ada")
    for _ in range(MOST_ATTEMPTS):
        assert courier(service, receiver).deliver_some(TenantId("t1"), service.clock.now(), service.clock.now) == 1
        service.clock.step(hours=1)
    assert deliver(service, receiver) == 0
    counted = Counter(figures.counts(Figure.DELIVERIES)) - Counter(before)
    assert counted == {("failed",): MOST_ATTEMPTS - 1, ("dead",): 1}
    (dead,) = deliveries(operator, made["id"], status="dead")
    assert (dead["attempts"], dead["answer"], dead["event"]["data"]["customer_id"]) == (MOST_ATTEMPTS, "500", "ada")
    again = f"/v1/webhooks/{made['id']}/deliveries/{dead['id']}/redeliver"
    assert operator.post(again).json()["status"] == "queued"
    assert operator.post(again).status_code == 404
    receiver.status = 204
    assert deliver(service, receiver) == 1
    assert deliveries(operator, made["id"], status="dead") == []


def test_a_receiver_that_is_gone_for_good_is_not_asked_again(service: Service) -> None:
    open_shop(service)
    agree(service, "ada")
    made = webhook(service.client())
    visit(service, "ada")
    deliver(service, Receiver(status=410))
    assert [each["status"] for each in deliveries(service.client(), made["id"])] == ["dead"]


def test_nobody_is_told_of_who_has_withdrawn(service: Service) -> None:
    open_shop(service)
    agree(service, "ada", "bob")
    operator, receiver = service.client(), Receiver()
    made = webhook(operator)
    visit(service, "ada", "bob")
    said = {"purpose": "location.matching", "action": "withdrawn", "source": "the counter"}
    assert operator.post("/v1/customers/ada/consents", json=said).status_code == 201
    deliver(service, receiver)
    assert {each["data"]["customer_id"] for each in receiver.events} == {"bob"}
    cancelled = deliveries(operator, made["id"], status="cancelled")
    assert cancelled
    assert all(each["event"] is None for each in cancelled)


def test_what_no_webhook_took_is_forgotten_with_the_consent(service: Service) -> None:
    open_shop(service)
    agree(service, "ada", "bob")
    operator = service.client()
    made = webhook(operator, events=["enter"])
    visit(service, "ada", "bob")
    deliver(service, Receiver(status=410))
    service.clock.step(seconds=1)
    said = {"purpose": "location.matching", "action": "withdrawn", "source": "the counter"}
    assert operator.post("/v1/customers/ada/consents", json=said).status_code == 201
    (dead,) = deliveries(operator, made["id"], status="dead")
    assert dead["event"]["data"]["customer_id"] == "bob"
    (ended,) = deliveries(operator, made["id"], status="cancelled")
    assert ended["event"] is None
    assert operator.post(f"/v1/webhooks/{made['id']}/deliveries/{ended['id']}/redeliver").status_code == 404


def test_an_erasure_takes_along_the_answer_to_who_had_an_event_delivered_again(service: Service) -> None:
    open_shop(service)
    agree(service, "ada")
    operator = service.client()
    made = webhook(operator, events=["enter"])
    visit(service, "ada")
    deliver(service, Receiver(status=410))
    (dead,) = deliveries(operator, made["id"])
    again, once = f"/v1/webhooks/{made['id']}/deliveries/{dead['id']}/redeliver", {"Idempotency-Key": "k"}
    assert operator.post(again, headers=once).json()["event"]["data"]["customer_id"] == "ada"
    assert operator.post(again, headers=once).headers["Idempotency-Replay"] == "true"
    assert operator.delete("/v1/customers/ada").status_code == 200
    assert operator.post(again, headers=once).status_code == 404


def test_a_position_is_told_where_it_is_asked_for_and_shared_until_that_is_withdrawn(service: Service) -> None:
    open_shop(service)
    agree(service, "ada", "bob", "eve")
    operator, receiver = service.client(), Receiver()
    webhook(operator, events=["enter"], with_position=True)
    for customer in ("ada", "eve"):
        answer = operator.post(f"/v1/customers/{customer}/consents", json=AGREED)
        assert answer.status_code == 201, answer.text
    service.clock.step(seconds=1)
    visit(service, "ada", "bob", "eve")
    service.clock.step(seconds=1)
    said = {"purpose": "location.sharing", "action": "withdrawn", "source": "the counter"}
    assert operator.post("/v1/customers/eve/consents", json=said).status_code == 201
    deliver(service, receiver)
    told = {each["data"]["customer_id"]: each["data"].get("position") for each in receiver.events}
    assert told == {"ada": {"lat": LAT, "lon": LON, "accuracy_m": 8}, "bob": None, "eve": None}


def test_a_secret_is_shown_once_and_signs_beside_its_follower(service: Service) -> None:
    open_shop(service)
    agree(service, "ada")
    operator, receiver = service.client(), Receiver()
    made = webhook(operator, events=["enter"])
    path = f"/v1/webhooks/{made['id']}"
    assert "secret" not in operator.get(path).json()
    rotated = operator.post(f"{path}/rotate", json={"overlap_s": 60}).json()
    assert rotated["secret"] != made["secret"]
    visit(service, "ada")
    deliver(service, receiver)
    assert receiver.posts[0].headers["Nearcast-Signature"].count("v1=") == 2
    assert (
        operator.post(
            "/v1/webhooks", json={"url": URL, "events": ["enter"]}, headers={"Idempotency-Key": "k"}
        ).status_code
        == 400
    )
    kinds = [(each["action"], each["kind"]) for each in operator.get("/v1/audit").json()["items"]]
    assert {("rotated", "webhook"), ("created", "webhook")} <= set(kinds)


def test_a_webhook_that_is_deleted_hears_nothing_more(service: Service) -> None:
    open_shop(service)
    agree(service, "ada")
    operator, receiver = service.client(), Receiver()
    made = webhook(operator)
    visit(service, "ada")
    assert operator.delete(f"/v1/webhooks/{made['id']}").status_code == 204
    leave(service, "ada")
    assert deliver(service, receiver) == 0
    assert operator.get(f"/v1/webhooks/{made['id']}/deliveries").status_code == 404


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.com/", "ftp://example.com/", "example.com", "https://", "https://a:b@example.com/"),
        *("https://127.0.0.1/", "https://[::1]/", "https://10.1.2.3/", "https://169.254.169.254/latest", "x" * 2000),
        *("http://localhost:8080/", "https://example.com/#x", "https://exa mple.com/", "https://example.com:99999/"),
    ],
)
def test_an_address_that_may_not_be_is_refused_with_its_place(sqlite_service: Service, url: str) -> None:
    answer = sqlite_service.client().post("/v1/webhooks", json={"url": url, "events": ["enter"]})
    assert (answer.status_code, answer.json()["path"]) == (422, "url"), answer.text


def test_only_operators_keep_webhooks_and_another_tenants_are_not_there(sqlite_service: Service) -> None:
    made = webhook(sqlite_service.client())
    for role in (Role.OWNER, Role.ANALYST, Role.INGEST):
        assert sqlite_service.client(role).get("/v1/webhooks").status_code == 403
    stranger = sqlite_service.client(tenant="t2")
    assert stranger.get(f"/v1/webhooks/{made['id']}").status_code == 404
    assert stranger.get("/v1/webhooks").json()["items"] == []


def test_a_courier_that_dies_loses_its_events_to_the_next(service: Service) -> None:
    open_shop(service)
    agree(service, "ada")
    webhook(service.client(), events=["enter"])
    visit(service, "ada")
    with service.store.writing(TenantId("t1")) as uow:
        now = service.clock.now()
        assert len(uow.events.claim(now, until=now + timedelta(seconds=60), limit=9)) == 1
        uow.commit()
    receiver = Receiver()
    assert deliver(service, receiver) == 0
    service.clock.step(seconds=61)
    assert deliver(service, receiver) == 1
