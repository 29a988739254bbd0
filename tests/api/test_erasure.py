"""Erasing a customer leaves figures, proof and silence, and nobody who could be told."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, select

from nearcast.channels.recorder import Recorder
from nearcast.domain.ids import TenantId
from nearcast.services.access import Role
from nearcast.services.ledger_proof import LedgerProof
from nearcast.services.live import Live
from nearcast.services.report import rfc3339
from nearcast.store.all_tables import metadata
from nearcast.store.customer_tables import consent_event, customer
from nearcast.store.erasing import BLANK, GONE
from nearcast.store.tables import match_log, message, ping_log
from tests.api.people import LOCATION, NEARBY, NOTICE, known, refused_to_all_but_operators
from tests.api.promises import reservation
from tests.api.service import Service
from tests.api.town import open_shop, rows_of, visit, work
from tests.store.values import pings

pytestmark = pytest.mark.enable_socket
ID, NUMBER, MAIL, NAME, TAG = "zaphod-4711", "+4915199887766", "Zaphod@Heart-of.gold", "Beeblebrox", "two-heads"
TABLE = "Zaphod's own table"
LAT, LON = 52.5200123, 13.4050123
ZAPHOD: dict[str, Any] = {
    "id": ID,
    "timezone": "Europe/Berlin",
    "tags": [TAG],
    "attributes": {"first_name": NAME},
    "contacts": [
        {"channel": "console", "address": TABLE},
        {"channel": "email", "address": MAIL},
        {"channel": "sms", "address": NUMBER},
    ],
}
PROVEN = {  # a line of the ledger that is full: whatever it may hold outlives them
    **NEARBY,
    "source": "paper form at the counter",
    "notice": {"id": "spring", **NOTICE},
    "purpose_version": "2",
    "ui_context": "scanner 4",
    "capture_method": "paper_scan",
    "actor": "agent",
    "evidence": {
        "double_opt_in": {"token_id": "t-1", "sent_at": "2026-06-02T07:58:00Z", "clicked_at": "2026-06-02T08:00:00Z"},
        "inbound_message_id": "m-1",
        "file_sha256": "ab" * 32,
    },
    "controller": "Café Central GmbH, privacy@cafe.example",
    "recipients": ["SMS gateway"],
    "withdrawal_method": "reply STOP, or call +49 30 1234567",
}
STOP = {"purpose": "marketing.news", "action": "withdrawn", "source": f"STOP by {NUMBER}, {MAIL}"}
PRIVATE = [
    str(each).lower() for each in (ID, NUMBER[1:], MAIL, NAME, TAG, TABLE, LAT, LON, f"tea for {NAME}", "phone-42")
]


def pinged(service: Service, ping_id: str, *, lat: float = LAT) -> None:
    at = rfc3339(service.clock.now())
    ping = {"customer_id": ID, "recorded_at": at, "lat": lat, "lon": LON, "accuracy_m": 8, "device_id": "phone-42"}
    told = service.client(Role.INGEST).post("/v1/pings", json=[{**ping, "ping_id": ping_id}])
    assert told.json()["accepted"] == 1, told.text


def lived(service: Service) -> Any:
    """A customer of whom every table has something: one message sent, one queued, a visit open, a ping waiting."""
    open_shop(service, offer={"text": "tea for {customer.first_name}"}, audience={"tags_any": [TAG]})
    operator, path = service.client(), f"/v1/customers/{ID}"
    heard = {"url": "https://hooks.example/", "events": ["enter", "exit"]}
    assert operator.post("/v1/webhooks", json=heard).status_code == 201
    assert operator.post("/v1/customers", json=ZAPHOD, headers={"Idempotency-Key": "make"}).status_code == 201
    sent = {"campaign_id": "newsletter", "status": "delivered", "at": rfc3339(service.clock.at - timedelta(days=9))}
    stop = {"channel": "sms", "reason": f"{NAME} said so at the counter"}
    for n, (where, said) in enumerate(
        [("consents", LOCATION), ("consents", PROVEN), ("consents", STOP), ("sends", sent), ("suppressions", stop)]
    ):
        told = operator.post(f"{path}/{where}", json=said, headers={"Idempotency-Key": str(n)})
        assert told.status_code == 201, told.text
    pinged(service, "zaphod-4711-1")
    work(service)
    slot = {"starts_at": "2026-06-05T17:00:00Z", "ends_at": "2026-06-05T19:00:00Z", "capacity": 1}
    assert operator.put("/v1/shops/cafe/slots", json={"slots": [slot]}).status_code == 200
    reservation(service, customer=ID)
    for _ in range(2):
        service.clock.step(minutes=5)
        pinged(service, f"out-{service.clock.at}", lat=LAT + 0.02)
        work(service)
    service.clock.step(hours=5)
    pinged(service, "zaphod-4711-2")
    Live(service.store, TenantId("t1"), Recorder()).work_pings(service.clock.now())
    service.clock.step(seconds=30)
    pinged(service, "zaphod-4711-3")
    with service.store.writing(TenantId("t1")) as uow:
        uow.past_pings.add(pings(ID, lat_deg=np.array([LAT]), lon_deg=np.array([LON])), service.clock.now())
        uow.commit()
    return operator


def every_value(service: Service) -> Iterator[tuple[str, str]]:
    """Table and column, and what stands there as text."""
    with service.store.engine.connect() as connection:
        for table in metadata.sorted_tables:
            for row in connection.execute(select(table)).mappings():
                for name, value in row.items():
                    yield f"{table.name}.{name}", json.dumps(value, default=str, ensure_ascii=False).lower()


def told_of_them(service: Service) -> set[str]:
    """The columns in which something stands that tells who they were; a campaign for a tag is about nobody."""
    found = {place for place, text in every_value(service) if any(secret in text for secret in PRIVATE)}
    return found - {"campaign_revision.doc"}


def count(service: Service, table: Any, *where: Any) -> int:
    with service.store.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(table).where(*where)) or 0


def test_whatever_names_customers_is_erased_or_made_nameless() -> None:
    naming = {table.name for table in metadata.sorted_tables if "customer_id" in table.c}
    assert naming == {table.name for table in (*GONE, *BLANK)}  # and the ping log, which names them within


def test_nothing_that_tells_who_they_were_is_left_anywhere(service: Service):
    operator = lived(service)
    before = {place.partition(".")[0] for place in told_of_them(service)}
    assert before >= {"customer", "contact", "suppression", "suppressed_address", "track", "visiting", "transition"}
    assert before >= {
        "match_log",
        "message",
        "other_send",
        "ping_log",
        "ping_seen",
        "past_ping",
        "idempotency",
        "reservation",
    }
    assert not {place for place in told_of_them(service) if place.startswith(("consent_event", "audit"))}
    rows = [(row["reason"], row["campaign_id"], row["outcome"]) for row in rows_of(operator)]
    receipt = operator.delete(f"/v1/customers/{ID}", headers={"Idempotency-Key": "go"})
    assert receipt.status_code == 200, receipt.text
    told = receipt.json()
    assert (told["cancelled"], told["suppressed"], told["erased_at"]) == (1, 3, rfc3339(service.clock.at))
    assert told_of_them(service) == set()
    # figures and proof stay, under the subject
    assert [(row["reason"], row["campaign_id"], row["outcome"]) for row in rows_of(operator)] == rows
    subject = told["subject"]
    assert count(service, match_log, match_log.c.customer_id == subject) == len(rows) == 2
    assert count(service, consent_event, consent_event.c.subject == subject) >= 2
    shown = operator.get("/v1/messages").json()["items"]
    assert [(each["customer_id"], each["status"]) for each in shown] == [(subject, "cancelled"), (subject, "accepted")]
    assert all(row["detail"]["marketing_consent"]["event_ids"] for row in rows_of(operator))


def test_the_ledger_closes_with_the_erasure_and_proves_what_was_agreed_to_by_subject(service: Service):
    operator = lived(service)
    before = operator.get(f"/v1/customers/{ID}/evidence").json()
    service.clock.step(seconds=1)
    told = operator.delete(f"/v1/customers/{ID}").json()
    path = f"/v1/evidence/{told['subject']}"
    pack = operator.get(path).json()
    assert [(line["purpose"], line["action"]) for line in pack["lines"]] == [
        *((line["purpose"], line["action"]) for line in before["lines"]),
        ("*", "erased"),
    ]
    assert pack["lines"][:-1] == before["lines"]
    assert pack["lines"][-1]["at"] == told["erased_at"] == pack["retention"]["erased_at"]
    assert pack["lines"][-1]["actor_id"] == before["lines"][0]["actor_id"]
    assert pack["verification"] == {"ok": True, "lines": 4, "flaws": []}
    assert (pack["customer_id"], pack["state"]) == (None, [])
    assert [message["consent_event_ids"] for message in pack["messages"]] == [
        message["consent_event_ids"] for message in before["messages"]
    ]
    assert pack["retention"]["keep_until"] == told["erased_at"].replace("2026", "2031")
    whole = LedgerProof(service.store).verify(TenantId("t1"), subject=told["subject"])
    assert (whole.chains, whole.lines, whole.flaws) == (1, 4, [])
    assert told["subject"] in operator.get(path, params={"format": "html"}).text
    assert service.client(tenant="t2").get(path).status_code == 404
    assert operator.get("/v1/evidence/nobody").status_code == 404


def test_the_erased_are_gone_and_a_second_time_there_is_nobody(service: Service):
    operator = lived(service)
    path = f"/v1/customers/{ID}"
    assert operator.delete(path).status_code == 200
    for answer in (operator.delete(path), operator.get(path), operator.get(f"{path}/consents")):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert operator.get("/v1/customers").json()["items"] == []


def test_what_was_on_its_way_finds_nobody(service: Service):
    operator = lived(service)
    assert operator.delete(f"/v1/customers/{ID}").status_code == 200
    channel = Recorder()
    live, now = Live(service.store, TenantId("t1"), channel), service.clock.step(seconds=1)
    assert live.work_pings(now) == 1
    live.work_due(now + timedelta(hours=2))
    late = {"customer_id": ID, "recorded_at": rfc3339(now), "lat": LAT, "lon": LON, "ping_id": "zaphod-4711-4"}
    refused = service.client(Role.INGEST).post("/v1/pings", json=[late]).json()["rejected"]
    assert refused == [{"index": 0, "reason": "consent_location_missing"}]
    assert told_of_them(service) == set()


def test_who_is_erased_while_pings_come_in_does_not_come_back(service: Service):
    operator = lived(service)
    over, moment = Event(), service.clock.now()

    def come(n: int) -> None:
        ping = {
            "customer_id": ID,
            "recorded_at": rfc3339(moment),
            "lat": LAT,
            "lon": LON,
            "ping_id": f"zaphod-4711-{n}",
        }
        read = service.app.read_native(json.dumps([ping]).encode(), "application/json", moment)
        service.app.intake.accept(TenantId("t1"), read.batch, moment)

    def all_come() -> None:
        n = 100
        while not over.is_set():
            come(n := n + 1)

    def all_work() -> None:
        live = Live(service.store, TenantId("t1"), Recorder())
        while not over.is_set():
            live.work_some_pings(moment)

    threads = [Thread(target=each) for each in (all_come, all_work)]
    for thread in threads:
        thread.start()
    over.wait(0.3)
    assert operator.delete(f"/v1/customers/{ID}").status_code == 200
    over.wait(0.3)
    over.set()
    for thread in threads:
        thread.join(timeout=10)
    Live(service.store, TenantId("t1"), Recorder()).work_pings(moment)
    assert told_of_them(service) == set()


def test_an_address_of_the_erased_stays_suppressed_whoever_brings_it_back(service: Service):
    operator = lived(service)
    operator.delete(f"/v1/customers/{ID}")
    again = {
        "id": "trillian",
        "contacts": [{"channel": "whatsapp", "address": NUMBER}, {"channel": "console", "address": TABLE}],
    }
    assert operator.put("/v1/customers/trillian", json=again).json()["suppressed"] == ["console", "whatsapp"]
    for said in (LOCATION, NEARBY):
        assert operator.post("/v1/customers/trillian/consents", json=said).status_code == 201
    assert operator.get("/v1/customers", params={"contact": NUMBER}).json()["items"][0]["id"] == "trillian"


def test_d12_a_number_of_the_erased_that_a_file_brings_back_as_opted_in_stays_suppressed(
    service: Service, tmp_path: Path
):
    operator = service.client()
    assert operator.post("/v1/customers", json=ZAPHOD).status_code == 201
    assert operator.delete(f"/v1/customers/{ID}").status_code == 200
    open_shop(service, channel="sms")
    people, claims = tmp_path / "people.csv", tmp_path / "claims.ndjson"
    people.write_text(f"id,contact.sms\nford,{NUMBER}\n")
    contacts = [{"channel": "sms", "address": NUMBER}]
    claimed = {"purpose": "marketing.nearby", "channel": "sms", "action": "confirmed", "at": "2026-06-02T08:00:00Z"}
    claims.write_text(json.dumps({"id": "ford", "contacts": contacts, "consents": [LOCATION, claimed]}))
    for path in (people, claims):
        service.app.importing.take("customers", path, TenantId("t1"), service.clock.now())
    assert "kept as unconfirmed" in (tmp_path / "claims.ndjson.report.ndjson").read_text()
    states = operator.get("/v1/customers/ford/consents").json()["state"]
    assert {each["purpose"]: each["status"] for each in states} == {
        "location.matching": "live",
        "marketing.nearby": "unconfirmed",
    }
    visit(service, "ford")
    assert [(row["outcome"], row["reason"]) for row in rows_of(operator)] == [("suppress", "suppressed_address")]
    assert told_of_them(service) == set()


def test_another_customer_is_left_alone(sqlite_service: Service):
    lived(sqlite_service)
    operator = known(sqlite_service)
    before = operator.get("/v1/customers/anna").json()
    operator.post("/v1/customers/anna/consents", json=LOCATION)
    assert operator.delete(f"/v1/customers/{ID}").status_code == 200
    assert operator.get("/v1/customers/anna").json() == before
    assert len(operator.get("/v1/customers/anna/consents").json()["items"]) == 1


def test_an_erasure_is_written_down_without_a_name(sqlite_service: Service):
    operator = lived(sqlite_service)
    subject = operator.delete(f"/v1/customers/{ID}").json()["subject"]
    with sqlite_service.store.reading(TenantId("t1")) as uow:
        entries = [entry for entry in uow.audit.page().items if entry.action == "erased"]
    assert [(entry.kind, entry.id) for entry in entries] == [("customer", subject)]


def test_only_operators_erase(sqlite_service: Service):
    known(sqlite_service)
    refused_to_all_but_operators(sqlite_service, "DELETE", "/v1/customers/anna")
    other = sqlite_service.client(tenant="t2")
    assert other.delete("/v1/customers/anna").status_code == 404
    assert count(sqlite_service, customer) == 1
    assert count(sqlite_service, message) + count(sqlite_service, ping_log) == 0
