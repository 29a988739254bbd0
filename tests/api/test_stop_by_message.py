"""Who writes that they want no more gets no more from before the provider is answered on, and one confirmation."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from nearcast.domain.ids import CustomerId, TenantId
from nearcast.services.conversation import Question
from nearcast.services.inbound_ports import Origin
from nearcast.services.sealed_names import reseal_names
from nearcast.services.vault import Vault
from nearcast.services.vault_keys import open_vault
from nearcast.store.all_tables import metadata
from nearcast.store.customer_tables import suppressed_address
from nearcast.store.inbound_tables import message_event, raw_webhook, reply
from tests.api.chat import (
    BSUID,
    NUMBER,
    WA_ID,
    Asked,
    Chat,
    messages,
    opened,
    preference,
    preferences,
    tapped,
    written,
)
from tests.api.people import LOCATION, NEARBY, came, known
from tests.api.people import messages as queued
from tests.api.service import Service
from tests.api.town import open_shop

pytestmark = pytest.mark.enable_socket
OFFERS = {**NEARBY, "channel": "whatsapp"}
ANNA = CustomerId("anna")


def chatting(service: Service, *questions: Question) -> tuple[Chat, Any]:
    """Anna gets offers by WhatsApp."""
    chat, operator = opened(service, *questions), known(service, contacts=[{"channel": "whatsapp", "address": NUMBER}])
    for said in (LOCATION, OFFERS):
        assert operator.post("/v1/customers/anna/consents", json=said).status_code == 201
    return chat, operator


def awaited(service: Service) -> tuple[Chat, Any]:
    """An offer for her is queued."""
    open_shop(service, channel="whatsapp")
    chat, operator = chatting(service)
    came(service)
    assert [each.status for each in queued(service)] == ["queued"]
    return chat, operator


def suppressed(operator: Any) -> list[str]:
    told: list[str] = operator.get("/v1/customers/anna").json()["suppressed"]
    return told


def state_of(operator: Any) -> dict[str, str]:
    told = operator.get("/v1/customers/anna/consents").json()["state"]
    return {f"{each['purpose']} {each['channel']}": each["status"] for each in told}


def pauses(service: Service) -> set[Origin]:
    with service.store.reading(TenantId("t1")) as uow:
        return {pause.origin for pause in uow.pauses.of([ANNA]).get(ANNA, [])}


def count(service: Service, table: Any) -> int:
    with service.store.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


def test_stop_ends_everything_before_it_is_answered(service: Service):
    chat, operator = awaited(service)
    chat.hears(messages(written(" Stop! ", at=service.clock.now())))
    assert [(each.status, each.reason) for each in queued(service)] == [("cancelled", "cancelled_consent")]
    assert suppressed(operator) == ["whatsapp"]
    assert state_of(operator)["marketing.nearby whatsapp"] == "withdrawn"
    line = operator.get("/v1/customers/anna/consents").json()["items"][-1]
    assert (line["source"], line["capture_method"], line["actor"]) == (
        "stop by message (whatsapp)",
        "sms_keyword",
        "self",
    )
    chat.works()
    assert chat.answers() == ["Du bekommst hier keine Angebote von t1 mehr."]
    for again in ("STOPP", "stop", "please stop texting me"):
        service.clock.step(seconds=10)
        chat.says(again)
    assert len(chat.wire.sent) == 1
    service.clock.step(hours=6)
    came(service)
    row = operator.get("/v1/match-log").json()["items"][0]
    assert (row["outcome"], row["reason"]) == ("suppress", "suppressed_address")


def test_a_tap_on_the_stop_button_of_an_offer_is_a_stop(sqlite_service: Service):
    chat, operator = chatting(sqlite_service)
    chat.hears(messages(tapped("nc1:stop", "No more offers", at=sqlite_service.clock.now())))
    assert suppressed(operator) == ["whatsapp"]


def test_words_around_a_stop_are_for_somebody_to_read_and_nothing_is_sent_meanwhile(service: Service):
    chat, operator = awaited(service)
    chat.says("when does the bus stop?")
    assert [each.status for each in queued(service)] == ["cancelled"]
    assert pauses(service) == {Origin.REVIEW}
    assert state_of(operator)["marketing.nearby whatsapp"] == "live"
    assert len(chat.wire.sent) == 1
    assert [button.id for button in chat.buttons()] == ["nc1:stop", "nc1:keep"]
    (review,) = operator.get("/v1/opt-out-reviews", params={"status": "open"}).json()["items"]
    assert (review["text"], review["customer_id"]) == ("when does the bus stop?", "anna")
    service.clock.step(seconds=5)
    chat.says("does it stop here?")
    assert len(chat.wire.sent) == 1  # asked once
    service.clock.step(seconds=5)
    chat.hears(messages(tapped("nc1:keep", "Weiter Angebote", at=service.clock.now())))
    chat.works()
    assert (pauses(service), suppressed(operator)) == (set(), [])
    (review,) = operator.get("/v1/opt-out-reviews").json()["items"]
    assert review["status"] == "kept"


@pytest.mark.parametrize(("decision", "listed"), [("kept", []), ("opted_out", ["whatsapp"])])
def test_an_operator_decides_what_was_meant(sqlite_service: Service, decision: str, listed: list[str]):
    chat, operator = chatting(sqlite_service)
    chat.says("cancel my order")
    path = f"/v1/opt-out-reviews/{operator.get('/v1/opt-out-reviews').json()['items'][0]['id']}"
    sqlite_service.clock.step(minutes=1)
    told = operator.post(path, json={"decision": decision})
    assert (told.status_code, told.json()["status"]) == (200, decision), told.text
    assert suppressed(operator) == listed
    assert operator.post(path, json={"decision": decision}).status_code == 409
    assert operator.post("/v1/opt-out-reviews/4711", json={"decision": "kept"}).status_code == 404


def test_who_wants_to_begin_again_is_asked_and_has_agreed_with_a_tap(service: Service):
    chat, operator = chatting(service)
    chat.says("STOP")
    service.clock.step(minutes=1)
    chat.says("start")
    assert state_of(operator)["marketing.nearby whatsapp"] == "unconfirmed"
    assert suppressed(operator) == ["whatsapp"]
    (yes,) = chat.buttons()
    service.clock.step(minutes=1)
    chat.hears(messages(tapped(yes.id, yes.title, at=service.clock.now())))
    chat.works()
    assert state_of(operator)["marketing.nearby whatsapp"] == "live"
    assert suppressed(operator) == []
    assert count(service, suppressed_address) == 0
    service.clock.step(minutes=1)
    chat.says("stop")
    assert suppressed(operator) == ["whatsapp"]
    assert len(chat.wire.sent) == 4  # stopped, asked, begun, stopped


def test_somebody_elses_tap_confirms_nothing(sqlite_service: Service):
    chat, operator = chatting(sqlite_service)
    chat.says("STOP")
    sqlite_service.clock.step(minutes=1)
    chat.says("start")
    (yes,) = chat.buttons()
    chat.hears(messages(tapped(yes.id, yes.title, at=sqlite_service.clock.now(), sender="4915199999999")))
    chat.works()
    assert state_of(operator)["marketing.nearby whatsapp"] == "unconfirmed"


def test_a_stop_that_arrives_late_ends_what_was_planned_since_and_no_newer_consent(service: Service):
    chat, operator = awaited(service)
    said_at = service.clock.now() - timedelta(minutes=30)
    chat.hears(messages(written("stop", at=said_at)))
    assert [each.status for each in queued(service)] == ["cancelled"]
    agreed = {**OFFERS, "at": "2026-06-02T10:00:00Z"}
    for action in ("granted", "confirmed"):
        assert operator.post("/v1/customers/anna/consents", json={**agreed, "action": action}).status_code == 201
    assert operator.post("/v1/customers/anna/suppressions/whatsapp/lift", json={"reason": "agreed"}).status_code == 200
    chat.hears(messages(written("stop", at=said_at - timedelta(minutes=1))))
    assert suppressed(operator) == []


def test_the_platforms_switch_and_the_customers_word_are_two_things(service: Service):
    chat, operator = awaited(service)
    noon = service.clock.now()
    chat.hears(preferences(preference("stop", at=noon)))
    assert [each.status for each in queued(service)] == ["cancelled"]
    assert (pauses(service), suppressed(operator)) == ({Origin.PLATFORM}, ["whatsapp"])
    chat.says("stop")
    chat.hears(preferences(preference("resume", at=noon + timedelta(seconds=5))))
    assert (pauses(service), suppressed(operator)) == (set(), ["whatsapp"])
    chat.hears(preferences(preference("stop", at=noon + timedelta(seconds=2))))  # older than the resumption
    assert pauses(service) == set()
    chat.hears(preferences(preference("stop", at=noon + timedelta(seconds=5))))  # of two at once the stop counts
    assert pauses(service) == {Origin.PLATFORM}
    told = operator.post("/v1/customers/anna/suppressions/whatsapp/lift", json={"reason": "asked for it"})
    assert told.json()["suppressed"] == ["whatsapp"]


def test_who_has_shown_no_number_is_known_by_the_name_that_the_provider_has_for_them(service: Service):
    chat, _ = chatting(service)
    hello = {**written("hello", at=service.clock.now()), "from_user_id": BSUID}
    chat.hears(messages(hello))
    chat.works()
    nameless = preference("stop", at=service.clock.now(), user_id=BSUID)
    chat.hears(preferences(nameless))
    assert pauses(service) == {Origin.PLATFORM}


def test_a_number_that_is_nobodys_yet_is_stopped_for_whoever_comes_with_it(service: Service):
    chat = opened(service)
    service.client()
    chat.says("stop")
    assert len(chat.wire.sent) == 1
    operator = known(service, contacts=[{"channel": "whatsapp", "address": NUMBER}])
    assert suppressed(operator) == ["whatsapp"]


def test_who_asks_is_told_whom_they_write_with(sqlite_service: Service):
    chat, operator = chatting(sqlite_service)
    controller = {"name": "Café Central", "address": "1 High Street", "contact": "privacy@example.org"}
    assert operator.put("/v1/settings", json={"controller": controller}).status_code == 200
    chat.says("HELP")
    assert "Café Central" in chat.answers()[0]
    assert "privacy@example.org" in chat.answers()[0]


def test_a_number_that_changed_gets_nothing_until_it_is_confirmed_and_nobody_is_merged(service: Service):
    chat, operator = awaited(service)
    at = service.clock.now()
    system = {"type": "user_changed_number", "wa_id": "4915155555555", "body": "…"}
    changed = {**written("", at=at), "type": "system", "system": system}
    chat.hears(messages(changed))
    chat.works()
    assert operator.get("/v1/customers/anna").json()["contacts"] == [
        {"channel": "whatsapp", "address": "+4915155555555"}
    ]
    assert (pauses(service), [each.status for each in queued(service)]) == ({Origin.IDENTITY}, ["cancelled"])
    bob = {"id": "bob", "contacts": [{"channel": "whatsapp", "address": "+4915166666666"}]}
    assert operator.post("/v1/customers", json=bob).status_code == 201
    again = {**written("", at=at, sender="4915155555555"), "type": "system"}
    chat.hears(messages({**again, "system": {**system, "wa_id": "4915166666666"}}))
    chat.works()
    assert operator.get("/v1/customers/bob").json()["contacts"] == bob["contacts"]
    assert operator.get("/v1/customers/anna").json()["contacts"] != bob["contacts"]


def test_a_position_is_kept_nowhere_and_no_words_when_they_were_dealt_with(service: Service):
    chat, _ = chatting(service)
    at = service.clock.now()
    place = {**written("", at=at), "type": "location", "location": {"latitude": 52.512345, "longitude": 13.412345}}
    chat.hears(messages(place, written("where are you?", at=at)))
    chat.works()
    with service.store.engine.connect() as connection:
        bodies = list(connection.scalars(select(raw_webhook.c.sealed)))
        words = list(connection.scalars(select(message_event.c.sealed)))
        for table in metadata.sorted_tables:
            for row in connection.execute(select(table)):
                assert not any(secret in str(row) for secret in ("52.5123", WA_ID, "where are you"))
    assert (bodies, words) == ([None], [None, None])


def test_what_came_from_somebody_is_told_to_them_and_erased_with_them(service: Service):
    chat, operator = chatting(service)
    chat.says("when does the bus stop?")
    told = operator.get("/v1/customers/anna/export").json()
    assert [each["what"] for each in told["heard"]] == ["text"]
    assert [each["status"] for each in told["replies"]] == ["accepted"]
    assert [each["text"] for each in told["opt_out_reviews"]] == ["when does the bus stop?"]
    assert {"channel": "whatsapp", "origin": "review"}.items() <= told["pauses"][0].items()
    assert told["contact_keys"] == [{"kind": "wa_id", "key": WA_ID}]
    assert count(service, raw_webhook) == 1
    assert operator.delete("/v1/customers/anna").status_code == 200
    assert [count(service, table) for table in (raw_webhook, message_event, reply)] == [0, 0, 0]


@pytest.mark.parametrize(
    ("questions", "paused", "listed"), [((), set(), ["whatsapp"]), ((Asked(),), {Origin.REVIEW}, ["whatsapp"])]
)
def test_cancel_may_be_an_answer_where_somebody_was_asked(
    sqlite_service: Service, questions: tuple[Question, ...], paused: set[Origin], listed: list[str]
):
    chat, operator = chatting(sqlite_service, *questions)
    chat.says("Cancelar")
    assert (pauses(sqlite_service), suppressed(operator)) == (paused, listed)
    is_live = state_of(operator)["marketing.nearby whatsapp"] == "live"
    assert is_live == bool(questions)


def test_an_operator_lifts_what_waits_and_never_what_the_provider_says(sqlite_service: Service):
    chat, operator = chatting(sqlite_service)
    chat.says("does the bus stop here?")
    path = "/v1/customers/anna/suppressions/whatsapp/lift"
    sqlite_service.clock.step(seconds=1)
    assert operator.post(path, json={"reason": "asked them"}).json()["suppressed"] == []
    chat.hears(preferences(preference("stop", at=sqlite_service.clock.now())))
    refused = operator.post(path, json={"reason": "asked them"})
    assert (refused.status_code, suppressed(operator)) == (409, ["whatsapp"])
    pack = operator.get("/v1/customers/anna/evidence").json()
    assert [each["origin"] for each in pack["pauses"]] == ["platform"]


def test_with_another_key_everything_is_read_as_before(sqlite_service: Service):
    chat, _ = chatting(sqlite_service)
    chat.says("does the bus stop here?")
    store, now = sqlite_service.store, sqlite_service.clock.now()
    before = open_vault(store, (), now)
    index_key, new = "i" * 40, "n" * 40
    both, alone = Vault([new, "k" * 40], index_key), Vault([new], index_key)
    with store.writing(TenantId("t1")) as uow:  # as if they had been sealed with a key of the operator's
        old = Vault(["k" * 40], index_key)
        (review,) = uow.reviews.of(ANNA)
        words = before.open(TenantId("t1"), ANNA, "opt-out review", review.sealed)
        uow.reviews.reseal(review.id, old.seal(TenantId("t1"), ANNA, "opt-out review", words))
        names = uow.contact_keys.of(ANNA)
        opened_names = [before.open(TenantId("t1"), ANNA, f"key {each.kind}", each.sealed) for each in names]
        uow.contact_keys.reseal(
            replace(each, sealed=old.seal(TenantId("t1"), ANNA, f"key {each.kind}", name))
            for each, name in zip(names, opened_names, strict=True)
        )
        uow.commit()
    assert reseal_names(store, both) == 1
    assert reseal_names(store, both) == 0
    with store.reading(TenantId("t1")) as uow:
        (review,) = uow.reviews.of(ANNA)
        assert alone.open(TenantId("t1"), ANNA, "opt-out review", review.sealed) == "does the bus stop here?"
        assert [alone.open(TenantId("t1"), ANNA, "key wa_id", each.sealed) for each in uow.contact_keys.of(ANNA)] == [
            WA_ID
        ]
