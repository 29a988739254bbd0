"""Through WhatsApp's webhook: who sends where they are gets offers, and a shop's staff stop and start theirs."""

from typing import Any

import pytest
from sqlalchemy import select

from nearcast.domain.sending import Choice, Purpose
from nearcast.services.access import Role
from nearcast.store.all_tables import metadata
from nearcast.store.inbound_tables import message_event, raw_webhook
from tests.api.chat import NUMBER, WA_ID, Chat, chosen, messages, opened, pinned
from tests.api.people import LOCATION, NEARBY, came, known
from tests.api.people import messages as queued
from tests.api.service import Service
from tests.api.town import LAT, open_shop

pytestmark = pytest.mark.enable_socket
COUNTER = "+4915112349999"
LAT_OF_PIN, LON_OF_PIN = 52.5201937, 13.4061213


def hired(service: Service, chat: Chat, *, is_confirmed: bool = True) -> Any:
    """The owner of a shop, whose counter has shown that its number is its own."""
    owner = service.client(Role.OWNER, shops=["cafe"])
    said = {"staff": [{"name": "Ada", "channel": "whatsapp", "address": COUNTER}]}
    answer = owner.put("/v1/shops/cafe/staff", json=said)
    assert answer.status_code == 200, answer.text
    if is_confirmed:
        chat.says(answer.json()["items"][0]["code"], sender=COUNTER[1:])
        assert chat.answers() == ["This number now speaks for cafe."]
        chat.wire.sent.clear()
    return owner


def everything(service: Service) -> str:
    with service.store.engine.connect() as connection:
        return str([list(row) for table in metadata.sorted_tables for row in connection.execute(table.select())])


def test_a_pin_brings_offers_and_is_kept_nowhere(service: Service):
    open_shop(service)
    chat = opened(service)
    chat.hears(messages(pinned(LAT_OF_PIN, LON_OF_PIN, at=service.clock.now())))
    chat.works()
    (sent,) = chat.wire.sent
    assert isinstance(sent.content, Choice)
    assert "1. cafe, 80 m, open" in sent.content.body
    assert sent.purpose is Purpose.SERVICE
    with service.store.engine.connect() as connection:
        assert connection.scalars(select(raw_webhook.c.sealed)).all() == [None]
        assert connection.scalars(select(message_event.c.sealed)).all() == [None]
    assert str(LAT) in everything(service)
    for private in ("2.52019", "3.40612", WA_ID):
        assert private not in everything(service), private

    row = sent.content.rows[0]
    chat.hears(messages(chosen(row.id, row.title, at=service.clock.now())))
    chat.works()
    assert chat.answers()[-1].splitlines()[:2] == ["cafe", "Coffee for"]


def test_sold_out_stops_the_campaign_and_what_waits_and_go_on_lets_it_run_again(service: Service):
    open_shop(service, channel="whatsapp")
    chat, operator = opened(service), known(service, contacts=[{"channel": "whatsapp", "address": NUMBER}])
    for said in (LOCATION, {**NEARBY, "channel": "whatsapp"}):
        assert operator.post("/v1/customers/anna/consents", json=said).status_code == 201
    came(service)
    assert [each.status for each in queued(service)] == ["queued"]
    owner = hired(service, chat)
    chat.says("Sold out!", sender=COUNTER[1:])
    assert chat.answers() == ["Paused: cafe-offer. 1 messages were stopped."]
    assert owner.get("/v1/campaigns/cafe-offer").json()["state"] == "paused"
    assert [(each.status, each.reason) for each in queued(service)] == [("cancelled", "cancelled_campaign")]
    chat.says("go on", sender=COUNTER[1:])
    assert chat.answers()[-1] == "Running again: cafe-offer."
    assert owner.get("/v1/campaigns/cafe-offer").json()["state"] == "active"
    told = service.client().get("/v1/audit", params={"kind": "campaign"}).json()["items"]
    assert [(each["actor"], each["action"]) for each in told[:2]] == [
        ("staff by whatsapp", "activate"),
        ("staff by whatsapp", "pause"),
    ]
    assert COUNTER[1:] not in everything(service)


def test_nobody_else_stops_a_campaign_and_stop_alone_is_a_customers_word(sqlite_service: Service):
    open_shop(sqlite_service, channel="whatsapp")
    chat = opened(sqlite_service)
    owner = hired(sqlite_service, chat)
    chat.says("sold out", sender=WA_ID)
    chat.says("stop", sender=COUNTER[1:])
    assert owner.get("/v1/campaigns/cafe-offer").json()["state"] == "active"
    assert len(chat.wire.sent) == 1, "the one confirmation"
    chat.says("stop cafe-offer", sender=COUNTER[1:])
    assert owner.get("/v1/campaigns/cafe-offer").json()["state"] == "paused"


def test_a_test_goes_to_the_counter_and_nowhere_else(sqlite_service: Service):
    open_shop(sqlite_service, channel="whatsapp")
    chat = opened(sqlite_service)
    owner = hired(sqlite_service, chat, is_confirmed=False)
    refused = owner.post("/v1/campaigns/cafe-offer/test")
    assert (refused.status_code, refused.json()["code"]) == (409, "no_test_number")
    hired(sqlite_service, chat)
    told = owner.post("/v1/campaigns/cafe-offer/test", json={"channel": "whatsapp"})
    assert (told.status_code, told.json()["sent_to"]) == (202, 1)
    chat.works()
    (sent,) = chat.wire.sent
    assert (sent.to.address, chat.answers()) == (COUNTER, ["TEST · Coffee for [first_name]"])
    assert owner.get("/v1/messages").json()["items"] == []
    assert owner.get("/v1/match-log").json()["items"] == []
    sqlite_service.clock.step(hours=24)
    silent = owner.post("/v1/campaigns/cafe-offer/test")
    assert (silent.status_code, silent.json()["code"]) == (409, "test_number_silent")
