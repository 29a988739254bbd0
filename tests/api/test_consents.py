"""The consent ledger over HTTP."""

import hashlib
from datetime import timedelta
from typing import Any

import pytest

from nearcast.domain.ids import TenantId
from nearcast.domain.reason import Reason
from nearcast.services.report import rfc3339
from tests.api.people import (
    ANNA,
    LOCATION,
    NEARBY,
    NOTICE,
    agreed,
    awaited,
    came,
    known,
    messages,
    refused_to_all_but_operators,
)
from tests.api.service import Service
from tests.api.town import open_shop

pytestmark = pytest.mark.enable_socket
PATH = "/v1/customers/anna/consents"


def test_what_a_customer_said_becomes_a_line_with_its_proof(service: Service):
    operator = known(service)
    told = operator.post(PATH, json=NEARBY)
    line = told.json()
    recorded = {"sender": "t1", "valid_until": None, "recorded_at": "2026-06-02T10:00:00Z", "state_after": "live"}
    chained = {"position": 1, "prev_hash": "0" * 64}
    ours = {key: line[key] for key in ("event_id", "actor_id", "row_hash", "address_index")}
    assert told.status_code == 201
    assert line == {**NEARBY, **recorded, **chained, **ours}
    assert ours["actor_id"] in {key.id for key in service.app.access.all(TenantId("t1"))}
    state = {"purpose": "marketing.nearby", "channel": "console", "sender": "t1", "status": "live"}
    assert operator.get(PATH).json() == {
        "items": [line],
        "next_cursor": None,
        "state": [{**state, "since": NEARBY["at"], "valid_until": None}],
    }


def test_a_line_says_by_its_hash_which_address_it_was_about(service: Service):
    operator = known(service)

    def index(said: dict[str, Any]) -> str | None:
        answer = operator.post(PATH, json=said)
        assert answer.status_code == 201, answer.text
        found: str | None = answer.json().get("address_index")
        return found

    first = index({**NEARBY, "channel": "sms"})
    assert first == service.app.contacts.index("+4915112345678")
    assert index(LOCATION) is None
    assert index({**NEARBY, "channel": "email"}) is None
    moved = {**ANNA, "contacts": [{"channel": "sms", "address": "+4915187654321"}]}
    assert operator.put("/v1/customers/anna", json=moved).status_code == 200
    second = index({"purpose": "marketing.nearby", "channel": "sms", "action": "withdrawn"})
    assert second == service.app.contacts.index("+4915187654321")
    assert [line.get("address_index") for line in operator.get(PATH).json()["items"]].count(first) == 1


PROOF: dict[str, Any] = {
    "notice": {"id": "nearby-sign-up", **NOTICE, "text": "Wir schreiben dir, wenn du in der Nähe bist."},
    "purpose_version": "3",
    "jurisdiction": "DE-BE",
    "lawful_basis": "consent",
    "ui_context": "web sign-up, build 4711",
    "capture_method": "paper_scan",
    "actor": "agent",
    "evidence": {
        "double_opt_in": {"token_id": "t-1", "sent_at": "2026-05-01T09:00:00Z", "clicked_at": "2026-05-01T09:05:00Z"},
        "inbound_message_id": "m-1",
        "file_sha256": "ab" * 32,
    },
    "controller": "Café Central GmbH, Berlin",
    "recipients": ["SMS gateway"],
    "withdrawal_method": "reply STOP",
}
PROOF["notice"]["text_sha256"] = hashlib.sha256(PROOF["notice"]["text"].encode()).hexdigest()


def test_everything_that_an_auditor_asks_for_is_kept_with_the_line(service: Service):
    operator = known(service)
    told = operator.post(PATH, json={**NEARBY, **PROOF})
    assert told.status_code == 201, told.text
    (line,) = operator.get(PATH).json()["items"]
    assert line == told.json()
    assert {key: line[key] for key in PROOF} == PROOF
    assert operator.post(PATH, json={**NEARBY, **PROOF}).status_code == 200
    assert operator.post(PATH, json={**NEARBY, **PROOF, "jurisdiction": "FR"}).status_code == 201
    assert service.app.ledger_proof.verify(TenantId("t1")).flaws == []


def test_an_import_over_http_without_its_proof_is_no_confirmation(sqlite_service: Service):
    operator = known(sqlite_service)
    claim = {key: value for key, value in NEARBY.items() if key != "notice"} | {"capture_method": "api_import"}
    assert operator.post(PATH, json=claim).json()["action"] == "granted"
    refused = operator.post(PATH, json={**claim, "purpose": "location.matching", "channel": None})
    assert (refused.status_code, refused.json()["path"]) == (422, "notice")
    assert [state["status"] for state in operator.get(PATH).json()["state"]] == ["unconfirmed"]
    operator.post(PATH, json={**NEARBY, "capture_method": "api_import"})
    assert [state["status"] for state in operator.get(PATH).json()["state"]] == ["live"]


def test_visits_are_analysed_once_that_is_granted(sqlite_service: Service):
    operator = known(sqlite_service)
    assert operator.post(PATH, json={"purpose": "analytics.visits", "action": "granted"}).status_code == 201
    (state,) = operator.get(PATH).json()["state"]
    assert (state["purpose"], state["channel"], state["status"]) == ("analytics.visits", None, "live")


def test_the_same_again_is_the_line_that_stands(service: Service):
    operator = known(service)
    first = operator.post(PATH, json=LOCATION)
    service.clock.step(minutes=5)
    again = operator.post(PATH, json=LOCATION)
    assert (first.status_code, again.status_code, again.json()) == (201, 200, first.json())
    other = operator.post(PATH, json={**LOCATION, "source": "till"})
    assert (other.status_code, other.json()["event_id"] != first.json()["event_id"]) == (201, True)
    assert len(operator.get(PATH).json()["items"]) == 2


def test_two_tenants_do_not_share_a_line(sqlite_service: Service):
    gone = {"purpose": "location.matching", "action": "withdrawn"}
    ids = {known(sqlite_service, tenant).post(PATH, json=gone).json()["event_id"] for tenant in ("t1", "t2")}
    assert len(ids) == 2


def test_what_is_said_without_a_time_is_said_now(sqlite_service: Service):
    operator = known(sqlite_service)
    now = {key: value for key, value in LOCATION.items() if key != "at"}
    assert operator.post(PATH, json=now).json()["at"] == "2026-06-02T10:00:00Z"


def test_a_withdrawal_cancels_what_is_queued_before_it_is_answered(service: Service):
    operator = awaited(service)
    withdrawn = {"purpose": "marketing.nearby", "action": "withdrawn", "source": "STOP"}
    told = operator.post(PATH, json=withdrawn)
    assert (told.status_code, told.json()["channel"], told.json()["sender"]) == (201, None, None)
    assert [(message.status, message.reason) for message in messages(service)] == [
        ("cancelled", Reason.CANCELLED_CONSENT)
    ]
    states = {state["purpose"]: state["status"] for state in operator.get(PATH).json()["state"]}
    assert states == {"location.matching": "live", "marketing.nearby": "withdrawn"}


def test_a_customer_who_has_not_agreed_gets_nothing_and_one_who_has_does(sqlite_service: Service):
    open_shop(sqlite_service)
    operator = agreed(sqlite_service)
    came(sqlite_service)
    assert [message.status for message in messages(sqlite_service)] == ["queued"]
    assert operator.get(PATH).json()["state"][0]["status"] == "live"


def test_lines_are_shown_in_the_order_in_which_things_were_said(sqlite_service: Service):
    operator = known(sqlite_service)
    instants = ["2026-05-03T00:00:00Z", "2026-05-01T00:00:00Z", "2026-05-02T00:00:00Z"]
    for at, action in zip(instants, ("granted", "granted", "withdrawn"), strict=True):
        operator.post(PATH, json={**LOCATION, "at": at, "action": action})
    assert [line["at"] for line in operator.get(PATH).json()["items"]] == sorted(instants)


def test_every_consent_that_the_ledger_names_has_a_state(sqlite_service: Service):
    operator = known(sqlite_service)
    soon = rfc3339(sqlite_service.clock.now() + timedelta(hours=1))
    for said in (
        {**NEARBY, "action": "granted"},
        {**NEARBY, "channel": "sms"},
        {**NEARBY, "sender": "cafe", "valid_until": soon},
        {**NEARBY, "purpose": "marketing.news", "at": soon},
        {"purpose": "marketing.post", "action": "withdrawn"},
    ):
        assert operator.post(PATH, json=said).status_code == 201
    sqlite_service.clock.step(minutes=30)
    told = [tuple(state.values()) for state in operator.get(PATH).json()["state"]]
    assert told == [
        ("marketing.nearby", "console", "cafe", "live", NEARBY["at"], soon),
        ("marketing.nearby", "console", "t1", "unconfirmed", None, None),
        ("marketing.nearby", "sms", "t1", "live", NEARBY["at"], None),
        ("marketing.news", "console", "t1", "missing", None, None),
        ("marketing.post", None, None, "withdrawn", None, None),
    ]
    sqlite_service.clock.step(minutes=30)
    told = [(state["sender"], state["status"]) for state in operator.get(PATH).json()["state"]]
    assert told[0] == ("cafe", "expired")


REFUSED: list[tuple[dict[str, Any], str, Any]] = [
    ({"purpose": "marketing"}, "purpose", "marketing"),
    ({"purpose": "profiling"}, "purpose", "profiling"),
    ({"purpose": "location.tracking"}, "purpose", "location.tracking"),
    ({"action": "agreed"}, "action", "agreed"),
    ({"action": None}, "action", None),
    ({"channel": None}, "channel", None),
    ({"channel": "SMS"}, "channel", "SMS"),
    ({"at": "2026-06-02 10:00"}, "at", "2026-06-02 10:00"),
    ({"at": True}, "at", True),
    ({"valid_until": "2026-06-02T08:00:00Z"}, "valid_until", "2026-06-02T08:00:00Z"),
    ({"notice": {**NOTICE, "text_sha256": "9F" * 32}}, "notice.text_sha256", "9F" * 32),
    ({"notice": {**NOTICE, "text_sha256": "9f"}}, "notice.text_sha256", "9f"),
    ({"notice": {"version": "1", "language": "de"}}, "notice.text_sha256", None),
    ({"notice": {**NOTICE, "language": "german text"}}, "notice.language", "german text"),
    ({"source": "a\tb"}, "source", "a\tb"),
    ({"source": "called by +49 (151) 1234-5678"}, "source", "called by +49 (151) 1234-5678"),
    ({"source": "mail of anna@example.org"}, "source", "mail of anna@example.org"),
    ({"ui_context": "tel:+4915112345678"}, "ui_context", "tel:+4915112345678"),
    ({"purpose_version": "a@b.c"}, "purpose_version", "a@b.c"),
    ({"notice": {**NOTICE, "id": "to +4915112345678"}}, "notice.id", "to +4915112345678"),
    ({"evidence": {"inbound_message_id": "<1@example.org>"}}, "evidence.inbound_message_id", "<1@example.org>"),
    ({"jurisdiction": "Germany"}, "jurisdiction", "Germany"),
    ({"lawful_basis": "habit"}, "lawful_basis", "habit"),
    ({"evidence": {"double_opt_in": {"sent_at": "2026-05-01T09:00:00Z"}}}, "evidence.double_opt_in.clicked_at", None),
    ({"customer_id": "anna"}, "customer_id", "anna"),
]


@pytest.mark.parametrize(("change", "path", "value"), REFUSED)
def test_what_cannot_be_agreed_to_is_not_written_down(
    sqlite_service: Service, change: dict[str, Any], path: str, value: Any
):
    operator = known(sqlite_service)
    refused = operator.post(PATH, json={**NEARBY, **change})
    said = refused.json()
    assert (refused.status_code, said["code"], said["path"], said.get("value")) == (422, "invalid_input", path, value)
    assert operator.get(PATH).json() == {"items": [], "next_cursor": None, "state": []}


def test_a_withdrawal_is_taken_whatever_stands_in_it_and_kept_without_addresses(sqlite_service: Service):
    operator = known(sqlite_service)
    stop = {"source": "STOP by +49 151 12345678 (anna@example.org)", "evidence": {"inbound_message_id": "<1@x.org>"}}
    told = operator.post(PATH, json={"purpose": "marketing.nearby", "action": "withdrawn", **stop})
    assert told.status_code == 201, told.text
    line = told.json()
    assert (line["source"], line["evidence"]) == ("STOP by [address] [address]", {"inbound_message_id": "[address]"})


def test_a_text_has_the_hash_that_is_said_of_it(sqlite_service: Service):
    refused = known(sqlite_service).post(PATH, json={**NEARBY, "notice": {**NOTICE, "text": "another"}})
    assert (refused.status_code, refused.json()["path"]) == (422, "notice")


def test_nothing_is_written_down_of_somebody_unknown(service: Service):
    known(service)
    for operator in (service.client(), service.client(tenant="t2")):
        for answer in (
            operator.post("/v1/customers/nobody/consents", json=LOCATION),
            operator.get("/v1/customers/nobody/consents"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_the_ledger_of_another_tenants_customer_is_not_there(sqlite_service: Service):
    operator = agreed(sqlite_service)
    stranger = sqlite_service.client(tenant="t2")
    assert stranger.get(PATH).status_code == 404
    assert stranger.post(PATH, json={"purpose": "location.matching", "action": "withdrawn"}).status_code == 404
    assert len(operator.get(PATH).json()["items"]) == 2


def test_the_ledger_is_the_operators_alone(sqlite_service: Service):
    operator = known(sqlite_service)
    refused_to_all_but_operators(sqlite_service, "GET", PATH)
    refused_to_all_but_operators(sqlite_service, "POST", PATH, LOCATION)
    assert operator.get(PATH).json()["items"] == []
