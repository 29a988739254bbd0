"""The evidence pack and the reminders over HTTP."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from nearcast.channels.recorder import Recorder
from nearcast.domain.ids import TenantId
from nearcast.services.live import Live
from tests.api.people import LOCATION, NEARBY, agreed, awaited, known, messages, refused_to_all_but_operators
from tests.api.service import Service

pytestmark = pytest.mark.enable_socket
CONSENTS, EVIDENCE = "/v1/customers/anna/consents", "/v1/customers/anna/evidence"
GRANT = {**NEARBY, "action": "granted", "at": "2026-06-02T08:30:00Z"}


def dispatched(service: Service) -> None:
    Live(service.store, TenantId("t1"), Recorder()).dispatch_due(service.clock.now())


def test_a_pack_shows_what_each_message_relied_on(service: Service):
    operator = awaited(service)
    service.clock.step(seconds=5)
    dispatched(service)
    pack = operator.get(EVIDENCE).json()
    ids = [line["event_id"] for line in pack["lines"]]
    (message,) = pack["messages"]
    assert (message["status"], message["consent_event_ids"]) == ("accepted", ids)
    assert [line["messages"] for line in pack["lines"]] == [1, 1]
    assert [line["notice"] for line in pack["lines"]] == [NEARBY["notice"]] * 2
    assert pack["verification"] == {"ok": True, "lines": 2, "flaws": []}
    assert [state["status"] for state in pack["state"]] == ["live", "live"]
    assert pack["retention"] == {
        "last_given_at": "2026-06-02T08:00:00Z",
        "last_used_at": message["sent_at"],
        "erased_at": None,
        "keep_until": message["sent_at"].replace("2026", "2031"),
        "years": 5,
    }


def test_a_message_rests_on_what_stood_when_it_was_sent(sqlite_service: Service):
    operator = awaited(sqlite_service)
    renewed = [
        operator.post(CONSENTS, json={**NEARBY, "action": action, "at": None}).json()["event_id"]
        for action in ("granted", "confirmed")
    ]
    (queued,) = messages(sqlite_service)
    assert not set(renewed) & set(queued.consent_event_ids)
    sqlite_service.clock.step(seconds=5)
    dispatched(sqlite_service)
    (sent,) = messages(sqlite_service)
    assert sent.consent_event_ids == (queued.consent_event_ids[0], *renewed)


class Texts(HTMLParser):
    """What a page shows, and the tags that it is made of."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_page_to_print_shows_the_same_and_loads_nothing(sqlite_service: Service):
    operator = agreed(sqlite_service)
    evil = "<script>alert('x')</script><img src=//evil.example>"
    operator.post(CONSENTS, json={**GRANT, "source": evil})
    answer = operator.get(EVIDENCE, params={"format": "html"})
    assert answer.headers["content-type"].startswith("text/html")
    page = Texts(answer.text)
    assert evil in page.texts
    assert not page.tags & {"script", "img", "link", "iframe"}
    assert not re.search(r"(src|href|url)\s*[=(]", re.sub("&lt;.*&gt;", "", answer.text))
    for line in operator.get(CONSENTS).json()["items"]:
        assert {line["event_id"], line["row_hash"], line["notice"]["text_sha256"]} <= set(page.texts)


def test_a_pack_says_that_its_chain_was_touched(sqlite_service: Service):
    operator = agreed(sqlite_service)
    with sqlite_service.store.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM ledger_head")
    told = operator.get(EVIDENCE).json()["verification"]
    assert (told["ok"], [flaw["position"] for flaw in told["flaws"]]) == (False, [2])
    assert "not as it was written" in operator.get(EVIDENCE, params={"format": "html"}).text


def test_packs_are_the_operators_of_that_tenant(sqlite_service: Service):
    agreed(sqlite_service)
    assert sqlite_service.client(tenant="t2").get(EVIDENCE).status_code == 404
    refused_to_all_but_operators(sqlite_service, "GET", EVIDENCE)
    refused_to_all_but_operators(sqlite_service, "GET", "/v1/reminders")


def due(operator: Any, **params: Any) -> list[tuple[str, str, str]]:
    items = operator.get("/v1/reminders", params=params).json()["items"]
    return [(each["customer_id"], each["purpose"], each["due_at"]) for each in items]


def test_a_reminder_is_due_a_year_after_the_customer_was_last_told(service: Service):
    operator = agreed(service)
    assert due(operator) == []
    service.clock.step(days=365)
    both = [("anna", purpose, "2027-06-02T08:00:00Z") for purpose in ("location.matching", "marketing.nearby")]
    assert due(operator) == both
    reminded = {"purpose": "marketing.nearby", "action": "reminded", "source": "yearly mail"}
    assert operator.post(CONSENTS, json=reminded).json()["state_after"] == "live"
    assert due(operator) == both[:1]
    operator.post(CONSENTS, json={"purpose": "location.matching", "action": "withdrawn"})
    assert due(operator) == []
    service.clock.step(days=365)
    assert due(operator) == [("anna", "marketing.nearby", "2028-06-01T10:00:00Z")]


def test_reminders_come_in_pages_and_as_often_as_the_tenant_says(sqlite_service: Service):
    operator = agreed(sqlite_service)
    for key in ("bob", "carl"):
        operator.post("/v1/customers", json={"id": key})
        operator.post(f"/v1/customers/{key}/consents", json=LOCATION)
    settings = operator.get("/v1/settings").json()
    assert operator.put("/v1/settings", json={**settings, "consent_reminder": {"every_days": 30}}).status_code == 200
    sqlite_service.clock.step(days=30)
    found, cursor = [], None
    while True:
        page = operator.get("/v1/reminders", params={"limit": 1, **({"cursor": cursor} if cursor else {})}).json()
        found += [each["customer_id"] for each in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == ["anna", "anna", "bob", "carl"]


def test_nobody_is_reminded_of_what_they_never_confirmed(sqlite_service: Service):
    operator = known(sqlite_service)
    operator.post(CONSENTS, json=GRANT)
    sqlite_service.clock.step(days=800)
    assert due(operator) == []
