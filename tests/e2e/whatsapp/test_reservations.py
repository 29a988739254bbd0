"""Reservations in the chat, from a tap on an offer to a place in the shop's list (messaging reference §13.22–24)."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import exists, select

from nearcast.services.reservation_chat import FORM_TAP
from nearcast.services.tap_ids import TapIds
from nearcast.services.vault_keys import open_vault
from nearcast.store.inbound_tables import reply as reply_table
from tests.e2e.whatsapp.fake import ANNA, BEN, Fake
from tests.e2e.whatsapp.street import TENANT, Street

TABLE = {"name": "table", "language": "en", "variables": ["{customer.first_name}"], "taps": ["reserve", "stop"]}
WEEK_S = 7 * 24 * 3600.0
NUMBERS = {"anna": ANNA, "ben": BEN}


@pytest.fixture
def street(street: Street, fake: Fake) -> Street:
    """A café whose offers have a button to reserve a table, with one place this evening."""
    buttons = [{"type": "QUICK_REPLY", "text": title} for title in ("Reserve", "Stop offers")]
    parts = [
        {"type": "BODY", "text": "Hi {{1}}, there is a table", "example": {"body_text": [["Ann"]]}},
        {"type": "BUTTONS", "buttons": buttons},
    ]
    fake.template("table", components=parts)
    street.done("POST", "/v1/templates/sync")
    street.shop("cafe", offer={"text": "There is a table at {shop.name}", "template": TABLE})
    opens(street, hours=8)
    for name, number in NUMBERS.items():
        street.person(name, number)
    return street


def opens(street: Street, *, hours: float, capacity: int = 1) -> None:
    starts_at = street.clock.now().replace(microsecond=0) + timedelta(hours=hours)
    times = {"starts_at": starts_at.isoformat(), "ends_at": (starts_at + timedelta(hours=1)).isoformat()}
    street.done("PUT", "/v1/shops/cafe/slots", {"slots": [{**times, "capacity": capacity}]})


def answers(street: Street, fake: Fake, name: str, *, count: int = 1, **act: object) -> list[dict[str, Any]]:
    """What somebody sees after they have done that: so many answers, and no more."""
    before = {each["id"] for each in fake.bubbles(NUMBERS[name])}

    def new() -> list[dict[str, Any]]:
        seen = fake.bubbles(NUMBERS[name])
        return [each for each in seen if each["id"] not in before and each["from"] == "business"]

    fake.person(NUMBERS[name], **act)
    street.settles()
    street.until(lambda: len(new()) >= count and not waiting(street), f"{count} answers")
    assert len(new()) == count
    return new()


def waiting(street: Street) -> bool:
    """Whether an answer is on its way."""
    on_its_way = exists().where(reply_table.c.status.in_(["queued", "sending"]))
    with street.store.engine.connect() as connection:
        return bool(connection.scalar(select(on_its_way)))


def taps(street: Street, fake: Fake, name: str, bubble: dict[str, Any], button: int = 0) -> dict[str, Any]:
    (answer,) = answers(street, fake, name, tap={"message": bubble["id"], "button": button})
    return answer


def offered(street: Street, fake: Fake, name: str) -> dict[str, Any]:
    """The list of free times that follows a tap on the offer."""
    street.enters(name)
    street.reaches(name, "delivered")
    return taps(street, fake, name, fake.bubbles(NUMBERS[name])[0])


def states(street: Street) -> list[str]:
    found = street.done("GET", "/v1/reservations")["items"]
    return [f"{each['customer_id']} {each['state']}" for each in reversed(found)]


def asked(street: Street, about: str) -> float:
    said = street.operator.get("/metrics").text
    line = f'nearcast_chat_requests_total{{about="{about}"}} '
    return next((float(each.removeprefix(line)) for each in said.splitlines() if each.startswith(line)), 0.0)


def row_id(bubble: dict[str, Any]) -> str:
    found: str = bubble["buttons"][0]["tap"]["interactive"]["list_reply"]["id"]
    return found


def sends(content: dict[str, Any]) -> dict[str, Any]:
    return {"send": {"type": "interactive", "interactive": content}}


def test_cancelar_ends_the_reservation_and_asks_about_offers_which_stop_until_it_is_answered(
    street: Street, fake: Fake
) -> None:
    held = taps(street, fake, "anna", offered(street, fake, "anna"))
    assert taps(street, fake, "anna", held)["text"].startswith("Reserved: Cafe, ")
    assert states(street) == ["anna booked"]
    said = answers(street, fake, "anna", count=2, say="Cancelar")
    assert sorted(bool(each["buttons"]) for each in said) == [False, True]
    question = next(each for each in said if each["buttons"])
    assert next(each["text"] for each in said if not each["buttons"]).startswith("Cancelado: Cafe, ")
    assert states(street) == ["anna cancelled"]
    street.shop("bar")
    street.enters("anna", shop=1)
    street.suppressed_as("anna", "suppressed_address")
    street.passes(2)  # the provider's times are in whole seconds
    taps(street, fake, "anna", question, 1)
    street.enters("anna", shop=1, inside=False)
    street.enters("anna", shop=1)
    street.until(lambda: len(street.messages("anna")) == 2, "offers go on")
    consents = street.done("GET", "/v1/customers/anna/consents")["items"]
    assert "withdrawn" not in {event["action"] for event in consents}
    answers(street, fake, "anna", say="cancelar")
    consents = street.done("GET", "/v1/customers/anna/consents")["items"]
    assert "withdrawn" in {event["action"] for event in consents}, "nothing is reserved: then it is the end of offers"


def test_an_old_list_leads_to_other_times_a_forged_id_to_nothing_and_the_last_place_is_one_customers(
    street: Street, fake: Fake
) -> None:
    before, old = asked(street, "forged"), offered(street, fake, "anna")
    street.passes(WEEK_S)
    opens(street, hours=5)
    others = taps(street, fake, "anna", old)
    assert others["text"].startswith("That time is no longer free.")
    assert len(others["buttons"]) == 1
    assert states(street) == []
    forged = row_id(others)[:-4] + "0000"
    answers(street, fake, "anna", count=0, **sends(reply("list_reply", forged)))
    assert asked(street, "forged") == before + 1
    his = offered(street, fake, "ben")
    answers(street, fake, "ben", count=0, **sends(reply("list_reply", row_id(others))))
    for name, listed in (("anna", others), ("ben", his)):
        fake.person(NUMBERS[name], tap={"message": listed["id"], "button": 0})
    street.settles()
    street.until(lambda: len(states(street)) == 1, "one has it")
    winner = states(street)[0].removesuffix(" held")
    street.until(lambda: not waiting(street), "the answers")
    last = [each for each in fake.bubbles(NUMBERS[winner]) if each["from"] == "business"][-1]
    assert taps(street, fake, winner, last)["text"].startswith("Reserved: Cafe, ")
    assert states(street) == [f"{winner} booked"]


def reply(kind: str, payload: str) -> dict[str, Any]:
    return {"type": kind, kind: {"id": payload, "title": "a time"}}


def test_a_form_is_checked_and_books_like_a_list(street: Street, fake: Fake) -> None:
    before = [asked(street, about) for about in ("form_refused", "forged")]
    listed = offered(street, fake, "anna")
    made = TapIds(open_vault(street.store, (), street.clock.now()).tap_key)
    session = made.make(TENANT, FORM_TAP, street.messages("anna")[0]["message_id"], for_whom="anna")
    right = {"flow_token": session, "slot": row_id(listed)}
    wrong: list[object] = [
        {**right, "party": 4},
        {"flow_token": session},
        {**right, "slot": "x" * 300},
        "no json",
    ]
    for each in wrong:
        (answer,) = answers(street, fake, "anna", **filled(each))
        assert answer["text"].startswith("That form could not be read, and nothing is reserved."), each
    answers(street, fake, "anna", count=0, **filled({**right, "flow_token": "somebody else's"}))
    assert states(street) == []
    counted = [asked(street, about) for about in ("form_refused", "forged")]
    assert counted == [before[0] + len(wrong), before[1] + 1]
    (held,) = answers(street, fake, "anna", **filled(right))
    taps(street, fake, "anna", held)
    assert states(street) == ["anna booked"]


def filled(form: object) -> dict[str, Any]:
    said = form if isinstance(form, str) else json.dumps(form)
    return sends({"type": "nfm_reply", "nfm_reply": {"name": "flow", "body": "Sent", "response_json": said}})
