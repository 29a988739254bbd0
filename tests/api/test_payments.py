"""Payments over HTTP: who may ask for which, what is refused, what others may know, and what stays."""

import json
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from nearcast.services.access import Role
from nearcast.store.payment_tables import payment
from tests.api.operations import operations
from tests.api.payers import owed, paid, with_payments, writes
from tests.api.people import known
from tests.api.service import Service
from tests.api.town import open_shop
from tests.loopback import LOOPBACK
from tests.payments.fake_stripe import SECRET, signature

pytestmark = pytest.mark.enable_socket
PATH, HOOK = "/v1/payment-requests", "/v1/webhooks/payments"
ASKED: dict[str, Any] = {
    "customer_id": "anna",
    "shop_id": "cafe",
    "amount": {"minor": 1250, "currency": "EUR"},
    "description": "Deposit",
}


def opened(service: Service) -> httpx.Client:
    """An operator where payments are set up, and Anna wrote just now."""
    open_shop(service)
    operator = known(service)
    with_payments(service)
    writes(service, "anna")
    return operator


def test_an_owner_asks_for_their_shop_and_is_answered_once(service: Service):
    opened(service)
    open_shop(service, "bar", lon=13.5)
    owner, other = service.client(Role.OWNER, shops=["cafe"]), service.client(Role.OWNER, shops=["bar"])
    key = {"Idempotency-Key": "table-7"}
    answer = owner.post(PATH, json=ASKED, headers=key)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["state"], made["amount"]["text"], made["sent_at"]) == ("requested", "12.50 EUR", None)
    assert made["expires_at"] == "2026-06-02T11:00:00Z"
    assert made["customer_id"].startswith("p-"), "owners see customers by pseudonyms"
    again = owner.post(PATH, json=ASKED, headers=key)
    assert (again.json(), again.headers["Idempotency-Replay"]) == (made, "true")
    assert owner.post(PATH, json={**ASKED, "description": "Else"}, headers=key).status_code == 422
    assert [each["reference"] for each in owner.get(PATH).json()["items"]] == [made["reference"]]
    assert other.get(PATH).json()["items"] == []
    path = f"{PATH}/{made['reference']}"
    strangers = (other.get(path), service.client(tenant="t2").get(path), owner.get(f"{PATH}/pay-none"))
    assert [each.status_code for each in strangers] == [404, 404, 404]
    assert other.post(PATH, json=ASKED).status_code == 404
    assert [service.client(role).post(PATH, json=ASKED).status_code for role in (Role.ANALYST, Role.INGEST)] == [
        403
    ] * 2
    assert service.client().get(path).json()["customer_id"] == "anna"


def test_what_cannot_be_asked_for_is_refused_by_name(sqlite_service: Service):
    open_shop(sqlite_service)
    operator = known(sqlite_service)
    off = operator.post(PATH, json=ASKED)
    assert (off.status_code, off.json()["code"]) == (409, "payments_off")
    assert "NEARCAST_PAYMENTS_SECRET_KEY" in off.json()["detail"]
    with_payments(sqlite_service)
    silent = operator.post(PATH, json=ASKED)
    assert (silent.status_code, silent.json()["code"]) == (409, "no_open_chat")
    writes(sqlite_service, "anna")
    wrong: list[tuple[dict[str, Any], int]] = [
        ({"customer_id": "nobody"}, 404),
        ({"shop_id": "nowhere"}, 404),
        ({"amount": {"minor": 0, "currency": "EUR"}}, 422),
        ({"amount": {"minor": 12.5, "currency": "EUR"}}, 422),
        ({"amount": {"minor": 100_000_000, "currency": "EUR"}}, 422),
        ({"amount": {"minor": 5, "currency": "eur"}}, 422),
        ({"description": ""}, 422),
        ({"description": "a\u202eb"}, 422),
        ({"expires_in_s": 299}, 422),
        ({"expires_in_s": 82_801}, 422),
        ({"price": 5}, 422),
    ]
    for said, status in wrong:
        assert operator.post(PATH, json={**ASKED, **said}).status_code == status, said
    assert operator.get(PATH).json()["items"] == []


def test_payments_are_listed_page_by_page_and_by_state(sqlite_service: Service):
    operator = opened(sqlite_service)
    made = [operator.post(PATH, json=ASKED).json()["reference"] for _ in range(3)]
    operator.post(f"{PATH}/{made[1]}/cancel")
    first = operator.get(PATH, params={"limit": 2}).json()
    rest = operator.get(PATH, params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [each["reference"] for each in (*first["items"], *rest["items"])] == made[::-1]
    assert rest["next_cursor"] is None
    (cancelled,) = operator.get(PATH, params={"state": "cancelled", "shop_id": "cafe"}).json()["items"]
    assert (cancelled["reference"], cancelled["reason"]) == (made[1], "by_shop")


def test_what_is_given_back_is_asked_for_and_written_down(sqlite_service: Service):
    operator = opened(sqlite_service)
    reference = paid(sqlite_service, operator.post(PATH, json=ASKED).json()["reference"])
    answer = operator.post(f"{PATH}/{reference}/refund").json()
    assert (answer["state"], answer["refund_asked_at"]) == ("paid", "2026-06-02T10:00:00Z")
    over = operator.post(f"{PATH}/{reference}/cancel")
    assert (over.status_code, over.json()["code"]) == (409, "payment_over")
    entries = operator.get("/v1/audit", params={"kind": "payment"}).json()["items"]
    assert [each["action"] for each in entries] == ["refunded", "requested"]
    assert entries[0]["detail"] == {"shop_id": "cafe", "amount_minor": 1250, "currency": "EUR", "reason": "by_shop"}


def test_who_is_erased_leaves_the_amount_alone(service: Service):
    operator = opened(service)
    reference = paid(service, operator.post(PATH, json=ASKED).json()["reference"])
    told = operator.get("/v1/customers/anna/export").json()["payments"]
    assert [(each["description"], each["state"]) for each in told] == [("Deposit", "requested"), ("Deposit", "paid")]
    subject = operator.delete("/v1/customers/anna").json()["subject"]
    left = operator.get(f"{PATH}/{reference}").json()
    assert (left["customer_id"], left["description"], left["amount"]["minor"]) == (subject, "", 1250)
    with service.store.engine.connect() as connection:
        assert set(connection.scalars(select(payment.c.customer_id))) == {subject}


def test_the_usage_of_a_month_says_what_was_paid(sqlite_service: Service):
    operator = opened(sqlite_service)
    reference = operator.post(PATH, json=ASKED).json()["reference"]
    paid(sqlite_service, reference)
    asked = {"shop_id": "cafe", "month": "2026-06"}
    found = operator.get("/v1/usage", params=asked).json()
    assert found["payments"] == [
        {"currency": "EUR", "payments": 1, "minor": 1250, "text": "12.50 EUR", "refunds": 0, "refunded_minor": 0}
    ]
    assert found["totals"] == [], "what customers paid is not what the shop owes"
    assert operator.get("/v1/usage", params={**asked, "month": "2026-05"}).json()["payments"] == []
    assert "12.50 EUR" in operator.get("/v1/usage", params={**asked, "format": "html"}).text
    (line,) = operator.get("/v1/usage", params={**asked, "format": "csv"}).text.splitlines()[1:]
    assert line == "cafe,2026-06,payments,,,0,0,EUR,0,0,0,1,1250,0,0"


def test_what_the_provider_sends_as_it_is_shown_is_taken_and_nothing_else(sqlite_service: Service):
    service = sqlite_service
    (said,) = [each for each in operations(service) if each.path == HOOK]
    raw = json.dumps(said.media["application/json"]).encode()
    (header,) = said.parameters["header"]
    good = signature(raw, secret=SECRET, at=service.clock.now())
    with httpx.Client(base_url=service.url, **LOOPBACK) as provider:
        assert provider.post(HOOK, content=raw, headers=good).status_code == 404, "not set up"
        with_payments(service)
        taken = provider.post(HOOK, content=raw, headers=good)
        assert (taken.status_code, taken.json()) == said.answer
        assert provider.post(HOOK, content=raw, headers={**good, header: "t=1,v1=00"}).status_code == 401
        assert provider.post(HOOK, content=b"x" * (1 << 21), headers=good).status_code == 413


def test_what_the_provider_tells_reaches_whose_payment_it_is(service: Service):
    opened(service)
    reference = owed(service, "anna")
    about = {"client_reference_id": reference, "payment_status": "paid", "amount_total": 1250, "currency": "eur"}
    created = int(service.clock.now().timestamp())
    said = {"id": "evt_1", "type": "checkout.session.completed", "created": created, "data": {"object": about}}
    raw = json.dumps(said).encode()
    headers = signature(raw, secret=SECRET, at=service.clock.now())
    with httpx.Client(base_url=service.url, **LOOPBACK) as provider:
        answers = [provider.post(HOOK, content=raw, headers=headers).status_code for _ in range(2)]
    assert answers == [200, 200]
    found = service.client().get(f"{PATH}/{reference}").json()
    assert (found["state"], found["paid_at"]) == ("paid", "2026-06-02T10:00:00Z")
