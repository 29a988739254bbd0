"""A customer is told everything that is kept about them; addresses are found, and suppressions lifted."""

import pytest

from nearcast.domain.ids import TenantId
from nearcast.services.access import Role
from tests.api.people import ANNA, NOTICE, awaited, known, refused_to_all_but_operators
from tests.api.service import Service
from tests.api.town import LAT, LON, work
from tests.store.values import pings

pytestmark = pytest.mark.enable_socket
NUMBER = "+4915112345678"


def test_everything_that_is_kept_about_a_customer_is_told(service: Service):
    operator = awaited(service)
    work(service)
    operator.post("/v1/customers/anna/sends", json={"campaign_id": "newsletter", "status": "delivered"})
    operator.post("/v1/customers/anna/suppressions", json={"channel": "sms"})
    with service.store.writing(TenantId("t1")) as uow:
        uow.past_pings.add(pings("anna"), service.clock.now())
        uow.commit()
    told = operator.get("/v1/customers/anna/export").json()
    assert told["customer"] == {**ANNA, "quiet_hours": [], "paused_until": None}
    assert told["suppressed"] == ["sms"]
    assert [(line["purpose"], line["notice"]) for line in told["consents"]] == [
        ("location.matching", NOTICE),
        ("marketing.nearby", NOTICE),
    ]
    assert [(row["outcome"], row["campaign_id"]) for row in told["decisions"]] == [("send", "cafe-offer")]
    assert [(row["status"], row["text"]) for row in told["messages"]] == [("accepted", "Coffee for Anna")]
    assert [send["campaign_id"] for send in told["other_sends"]] == ["newsletter"]
    assert [row["kind"] for row in told["transitions"]] == ["enter"]
    assert [(ping["lat"], ping["lon"]) for ping in told["pings"]] == [(LAT, LON)]
    assert [(ping["lat"], ping["device_id"]) for ping in told["past_pings"]] == [(52.52, "phone")]
    assert [(fix["lat"], fix["lon"], fix["geofence_ids"]) for fix in told["positions"]] == [(LAT, LON, ["cafe-door"])]


def test_that_a_customer_was_told_is_written_down(sqlite_service: Service):
    operator = known(sqlite_service)
    subject = operator.get("/v1/customers/anna/export").json()["subject"]
    with sqlite_service.store.reading(TenantId("t1")) as uow:
        entries = [entry for entry in uow.audit.page().items if entry.action == "exported"]
    assert [(entry.kind, entry.id, entry.actor.role) for entry in entries] == [("customer", subject, "operator")]


def test_only_operators_of_the_tenant_are_told(sqlite_service: Service):
    known(sqlite_service)
    refused_to_all_but_operators(sqlite_service, "GET", "/v1/customers/anna/export")
    assert sqlite_service.client(tenant="t2").get("/v1/customers/anna/export").status_code == 404


def test_customers_are_found_by_an_address_however_it_is_written(service: Service):
    operator = known(service, contacts=[{"channel": "email", "address": "Anna@Example.org"}])
    operator.put("/v1/customers/bob", json={"contacts": [{"channel": "sms", "address": NUMBER}]})

    def found(address: str) -> list[str]:
        page = operator.get("/v1/customers", params={"contact": address}).json()
        assert page["next_cursor"] is None
        return [each["id"] for each in page["items"]]

    assert found(" anna@EXAMPLE.org") == ["anna"]
    assert found(NUMBER) == ["bob"]
    assert found("+491511234567") == []
    assert service.client(tenant="t2").get("/v1/customers", params={"contact": NUMBER}).json()["items"] == []


def test_a_suppression_is_lifted_with_a_reason_that_stays(service: Service):
    operator, path = known(service), "/v1/customers/anna/suppressions"
    operator.post(path, json={"channel": "sms"})
    operator.put("/v1/customers/bob", json={"contacts": [{"channel": "sms", "address": NUMBER}]})
    assert operator.get("/v1/customers/bob").json()["suppressed"] == ["sms"]
    assert operator.post(f"{path}/sms/lift", json={}).status_code == 422
    lifted = operator.post(f"{path}/sms/lift", json={"reason": "signed again"})
    assert (lifted.status_code, lifted.json()) == (200, {"channel": "sms", "suppressed": []})
    assert operator.get("/v1/customers/bob").json()["suppressed"] == []
    assert operator.post(f"{path}/sms/lift", json={"reason": "signed again"}).status_code == 404
    with service.store.reading(TenantId("t1")) as uow:
        (entry,) = [entry for entry in uow.audit.page().items if entry.action == "unsuppressed"]
    assert entry.detail == {"channel": "sms", "reason": "signed again"}


def test_only_operators_lift_a_suppression(sqlite_service: Service):
    operator = known(sqlite_service)
    operator.post("/v1/customers/anna/suppressions", json={"channel": "sms"})
    refused_to_all_but_operators(sqlite_service, "POST", "/v1/customers/anna/suppressions/sms/lift", {"reason": "no"})
    assert sqlite_service.client(Role.OPERATOR).get("/v1/customers/anna").json()["suppressed"] == ["sms"]


def test_no_answer_that_is_kept_shows_an_address(service: Service):
    operator, key = service.client(), {"Idempotency-Key": "make"}
    first = operator.post("/v1/customers", json=ANNA, headers=key)
    with service.store.engine.connect() as connection:
        rows = str(connection.exec_driver_sql("SELECT * FROM idempotency").all())
    assert "make" in rows
    assert NUMBER not in rows
    again = operator.post("/v1/customers", json=ANNA, headers=key)
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert again.headers["idempotency-replay"] == "true"
