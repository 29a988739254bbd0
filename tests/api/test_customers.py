"""Customers over HTTP: who they are, where they must not be reached, what others sent them."""

from datetime import timedelta
from typing import Any

import pytest

from nearcast.domain.ids import TenantId
from nearcast.domain.reason import Reason
from nearcast.services.report import rfc3339
from tests.api.people import ANNA, agreed, awaited, came, known, messages, refused_to_all_but_operators
from tests.api.service import Service
from tests.api.town import open_shop, rows_of

pytestmark = pytest.mark.enable_socket
OPEN: dict[str, Any] = {"suppressed": [], "quiet_hours": [], "paused_until": None}
SHOWN = {**ANNA, **OPEN}


def test_a_customer_is_made_read_and_changed(service: Service):
    operator = service.client()
    made = operator.post("/v1/customers", json=ANNA)
    assert (made.status_code, made.json()) == (201, SHOWN)
    assert operator.get("/v1/customers/anna").json() == SHOWN
    moved = {**ANNA, "timezone": "Europe/Lisbon", "tags": []}
    changed = operator.put("/v1/customers/anna", json=moved)
    assert (changed.status_code, changed.json()) == (200, {**moved, **OPEN})
    assert operator.get("/v1/customers").json() == {"items": [{**moved, **OPEN}], "next_cursor": None}


def test_what_is_left_out_of_a_change_is_forgotten(sqlite_service: Service):
    operator = known(sqlite_service)
    operator.put("/v1/customers/anna", json={"id": "anna"})
    nothing: dict[str, Any] = {"timezone": None, "language": None, "tags": [], "attributes": {}, "contacts": []}
    assert operator.get("/v1/customers/anna").json() == {"id": "anna", **nothing, **OPEN}


def test_a_customer_is_put_where_there_was_none(sqlite_service: Service):
    assert sqlite_service.client().put("/v1/customers/anna", json=ANNA).status_code == 201


def test_a_customer_without_an_id_gets_one(sqlite_service: Service):
    operator = sqlite_service.client()
    made = operator.post("/v1/customers", json={"tags": ["new"]}).json()
    assert made["id"].startswith("customer-")
    assert operator.get(f"/v1/customers/{made['id']}").json() == made


def test_an_id_that_is_taken_is_a_conflict(service: Service):
    operator = known(service)
    again = operator.post("/v1/customers", json={"id": "anna"})
    assert (again.status_code, again.json()["code"]) == (409, "already_exists")
    assert operator.get("/v1/customers/anna").json() == SHOWN


def test_an_address_and_a_document_name_the_same_customer(sqlite_service: Service):
    operator = sqlite_service.client()
    refused = operator.put("/v1/customers/bob", json=ANNA)
    assert (refused.status_code, refused.json()["path"], refused.json()["value"]) == (422, "id", "anna")
    assert operator.get("/v1/customers").json()["items"] == []


def test_lists_come_in_pages(service: Service):
    operator = service.client()
    for n in range(5):
        operator.put(f"/v1/customers/c{n}", json={"id": f"c{n}", "suppressed": ["sms"] if n == 3 else []})
    first = operator.get("/v1/customers", params={"limit": 3}).json()
    second = operator.get("/v1/customers", params={"limit": 3, "cursor": first["next_cursor"]}).json()
    seen = [(each["id"], each["suppressed"]) for page in (first, second) for each in page["items"]]
    assert seen == [("c0", []), ("c1", []), ("c2", []), ("c3", ["sms"]), ("c4", [])]
    assert second["next_cursor"] is None


LONG = "x" * 501
REFUSED: list[tuple[dict[str, Any], str, Any]] = [
    ({"timezone": "Mars/Olympus"}, "timezone", "Mars/Olympus"),
    ({"language": "deutsch"}, "language", "deutsch"),
    ({"language": "de_DE"}, "language", "de_DE"),
    ({"tags": ["vip", ""]}, "tags[1]", ""),
    ({"tags": [1]}, "tags[0]", 1),
    ({"tags": ["a\nb"]}, "tags[0]", "a\nb"),
    ({"attributes": {"age": 40}}, "attributes.age", 40),
    ({"colour": "red"}, "colour", "red"),
    ({"id": ".."}, "id", ".."),
    ({"id": ""}, "id", ""),
    ({"contacts": [{"channel": "SMS", "address": "+4915112345678"}]}, "contacts[0].channel", "SMS"),
    ({"contacts": [{"channel": "sms", "address": "015112345678"}]}, "contacts[0].address", "015112345678"),
    ({"contacts": [{"channel": "whatsapp", "address": "+49 151 1234"}]}, "contacts[0].address", "+49 151 1234"),
    ({"contacts": [{"channel": "sms", "address": "+491511"}]}, "contacts[0].address", "+491511"),
    ({"contacts": [{"channel": "sms", "address": "+4915112345678901"}]}, "contacts[0].address", "+4915112345678901"),
    ({"contacts": [{"channel": "sms", "address": "+٤٩١٥١١٢٣٤٥٦٧"}]}, "contacts[0].address", "+٤٩١٥١١٢٣٤٥٦٧"),
    ({"contacts": [{"channel": "mail", "address": ""}]}, "contacts[0].address", ""),
    ({"contacts": [{"channel": "mail", "address": "a\u2028b"}]}, "contacts[0].address", "a\u2028b"),
    ({"contacts": [{"channel": "sms", "address": "+4915112345678"}] * 2}, "contacts[1].channel", "sms"),
    ({"contacts": [{"channel": "mail", "address": "a@b", "name": "A"}]}, "contacts[0].name", "A"),
    ({"suppressed": ["SMS"]}, "suppressed[0]", "SMS"),
]


@pytest.mark.parametrize(("change", "path", "value"), REFUSED)
def test_what_is_wrong_with_a_customer_is_named_with_path_and_value(
    sqlite_service: Service, change: dict[str, Any], path: str, value: Any
):
    operator = sqlite_service.client()
    for answer in (
        operator.post("/v1/customers", json={**ANNA, **change}),
        operator.put("/v1/customers/anna", json={**ANNA, **change}),
    ):
        said = answer.json()
        assert (answer.status_code, said["code"], said["path"], said["value"]) == (422, "invalid_input", path, value)
    assert operator.get("/v1/customers").json()["items"] == []


@pytest.mark.parametrize(
    "change",
    [
        {"tags": ["t"] * 101},
        {"tags": ["x" * 65]},
        {"attributes": {"a": LONG}},
        {"attributes": {str(n): "" for n in range(51)}},
        {"contacts": [{"channel": "mail", "address": "x" * 321}]},
        {"contacts": [{"channel": f"c{n}", "address": "a"} for n in range(21)]},
        {"id": "é" * 128},
    ],
)
def test_a_customer_has_bounds(sqlite_service: Service, change: dict[str, Any]):
    operator = sqlite_service.client()
    assert operator.post("/v1/customers", json={**ANNA, **change}).status_code == 422
    assert operator.get("/v1/customers").json()["items"] == []


def test_what_is_said_of_a_bad_address_does_not_repeat_it(sqlite_service: Service, caplog: pytest.LogCaptureFixture):
    bad = {**ANNA, "contacts": [{"channel": "sms", "address": "015199999999"}]}
    refused = sqlite_service.client().post("/v1/customers", json=bad).json()
    assert "015199999999" not in refused["detail"]
    assert "015199999999" not in caplog.text


def test_customers_are_the_operators_alone(sqlite_service: Service):
    known(sqlite_service)
    asked: list[tuple[str, str, Any]] = [
        ("GET", "/v1/customers", None),
        ("POST", "/v1/customers", ANNA),
        ("GET", "/v1/customers/anna", None),
        ("PUT", "/v1/customers/anna", {"id": "anna"}),
        ("POST", "/v1/customers/anna/suppressions", {"channel": "sms"}),
        ("POST", "/v1/customers/anna/sends", {"campaign_id": "x", "status": "sent"}),
    ]
    for method, path, body in asked:
        refused_to_all_but_operators(sqlite_service, method, path, body)
    assert sqlite_service.client().get("/v1/customers").json()["items"] == [SHOWN]


@pytest.mark.parametrize("key", ["anna", "nobody", "%F0%9F%A6%8A"])
def test_a_customer_of_another_tenant_is_not_there(service: Service, key: str):
    known(service)
    stranger = service.client(tenant="t2")
    for answer in (
        stranger.get(f"/v1/customers/{key}"),
        stranger.post(f"/v1/customers/{key}/suppressions", json={"channel": "sms"}),
        stranger.post(f"/v1/customers/{key}/sends", json={"campaign_id": "x", "status": "sent"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert service.client().get("/v1/customers/anna").json() == SHOWN


def test_a_suppressed_address_gets_nothing_and_what_is_queued_is_cancelled_at_once(service: Service):
    operator = awaited(service)
    told = operator.post("/v1/customers/anna/suppressions", json={"channel": "console", "reason": "asked by phone"})
    assert (told.status_code, told.json()) == (
        201,
        {"channel": "console", "suppressed": ["console"], "cancelled": 1},
    )
    assert [(message.status, message.reason) for message in messages(service)] == [
        ("cancelled", Reason.CANCELLED_CONSENT)
    ]
    assert operator.get("/v1/customers/anna").json()["suppressed"] == ["console"]


def test_what_is_queued_on_another_channel_stays(sqlite_service: Service):
    operator = awaited(sqlite_service)
    told = operator.post("/v1/customers/anna/suppressions", json={"channel": "sms"}).json()
    assert told == {"channel": "sms", "suppressed": ["sms"], "cancelled": 0}
    assert [message.status for message in messages(sqlite_service)] == ["queued"]


def test_an_address_is_suppressed_once(service: Service):
    operator = known(service)
    first = operator.post("/v1/customers/anna/suppressions", json={"channel": "sms", "reason": "stop"})
    again = operator.post("/v1/customers/anna/suppressions", json={"channel": "sms", "reason": "other"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()


def test_a_change_of_a_customer_takes_no_address_off_the_list_but_can_put_one_on(service: Service):
    operator = awaited(service)
    operator.post("/v1/customers/anna/suppressions", json={"channel": "sms"})
    kept = operator.put("/v1/customers/anna", json=ANNA).json()
    assert kept["suppressed"] == ["sms"]
    assert operator.put("/v1/customers/anna", json={**kept, "suppressed": ["console"]}).json()["suppressed"] == [
        "console",
        "sms",
    ]
    assert [message.status for message in messages(service)] == ["cancelled"]


@pytest.mark.parametrize(
    ("body", "path", "value"),
    [({"channel": "Sms"}, "channel", "Sms"), ({}, "channel", None), ({"channel": "sms", "reason": ""}, "reason", "")],
)
def test_a_suppression_that_says_nothing_is_refused(sqlite_service: Service, body: Any, path: str, value: Any):
    operator = known(sqlite_service)
    refused = operator.post("/v1/customers/anna/suppressions", json=body)
    assert (refused.status_code, refused.json()["path"], refused.json().get("value")) == (422, path, value)
    assert operator.get("/v1/customers/anna").json()["suppressed"] == []


def test_a_message_of_somebody_elses_takes_up_a_cap(service: Service):
    open_shop(service)
    operator = agreed(service)
    at = rfc3339(service.clock.now() - timedelta(hours=1))
    sent = {"campaign_id": "newsletter", "status": "delivered", "at": at, "channel": "sms"}
    told = operator.post("/v1/customers/anna/sends", json=sent)
    assert (told.status_code, told.json()) == (201, {**sent, "counts": True})
    came(service)
    (row,) = rows_of(operator)
    assert (row["outcome"], row["reason"], messages(service)) == ("suppress", Reason.CAP_MIN_GAP, [])


@pytest.mark.parametrize("status", ["transactional", "cancelled", "expired", "failed"])
def test_what_never_counts_is_accepted_and_changes_nothing(sqlite_service: Service, status: str):
    open_shop(sqlite_service)
    operator = agreed(sqlite_service)
    told = operator.post("/v1/customers/anna/sends", json={"campaign_id": "receipt", "status": status})
    assert (told.status_code, told.json()["counts"]) == (201, False)
    came(sqlite_service)
    assert [row["outcome"] for row in rows_of(operator)] == ["send"]


def test_a_message_of_somebody_elses_takes_from_its_campaigns_budget_and_is_its_shops(service: Service):
    open_shop(service, budget={"messages": 1})
    operator = agreed(service)
    at = rfc3339(service.clock.now() - timedelta(days=30))
    operator.post("/v1/customers/anna/sends", json={"campaign_id": "cafe-offer", "status": "sent", "at": at})
    with service.store.reading(TenantId("t1")) as uow:
        assert uow.budgets.used() == {"cafe-offer": 1}
        ((send,),) = uow.sends.of(["anna"]).values()  # type: ignore[list-item]
    assert (send.shop_id, send.channel) == ("cafe", "console")
    came(service)
    assert [row["reason"] for row in rows_of(operator)] == [Reason.BUDGET_EXHAUSTED]


@pytest.mark.parametrize(
    ("change", "path", "value"),
    [
        ({"status": "gone"}, "status", "gone"),
        ({"campaign_id": None}, "campaign_id", None),
        ({"at": "yesterday"}, "at", "yesterday"),
        ({"at": "2026-06-03T10:00:00Z"}, "at", "2026-06-03T10:00:00Z"),
        ({"customer_id": "anna"}, "customer_id", "anna"),
    ],
)
def test_a_message_that_cannot_be_is_not_counted(sqlite_service: Service, change: Any, path: str, value: Any):
    operator = known(sqlite_service)
    body = {"campaign_id": "x", "status": "sent", **change}
    refused = operator.post("/v1/customers/anna/sends", json=body)
    assert (refused.status_code, refused.json()["path"], refused.json().get("value")) == (422, path, value)
    with sqlite_service.store.reading(TenantId("t1")) as uow:
        assert uow.sends.of(["anna"]) == {}  # type: ignore[list-item]
