"""Offers that go by templates: approved, stopped, taken up again, and sent by the road that is open to them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nearcast.store.sql_store import SqlStore
from tests.e2e.whatsapp.fake import ANNA, BEN, Fake
from tests.e2e.whatsapp.street import Street, open_street


def offer(template: str) -> dict[str, Any]:
    variables = ["{customer.first_name}", "{shop.name}"]
    text = "Hi {customer.first_name}, come to {shop.name} today"
    return {"text": text, "template": {"name": template, "language": "en", "variables": variables}}


@pytest.fixture
def street(street_store: SqlStore, fake: Fake) -> Any:
    """Two shops, each with a template of its own, which the provider lets through outside of talks alone."""
    fake.template("offer")
    fake.template("other")
    with open_street(street_store, fake, whatsapp_marketing_api=False) as found:
        fake.behave(window_s=86_400)
        found.done("POST", "/v1/templates/sync")
        found.shop("cafe", offer=offer("offer"))
        found.shop("bar", offer=offer("other"))
        yield found


def test_an_offer_goes_as_the_template_that_it_names(street: Street, fake: Fake) -> None:
    street.person("anna", ANNA)
    street.enters("anna")
    street.reaches("anna", "delivered")
    assert fake.bubbles(ANNA)[0]["text"] == "Hi Anna, come to Cafe today"
    assert fake.look("bodies")[0]["body"]["template"]["name"] == "offer"


def test_all_that_a_template_asks_for_is_filled_and_a_tap_on_stop_ends_it(street: Street, fake: Fake) -> None:
    buttons = [
        {"type": "QUICK_REPLY", "text": "Stop offers"},
        {"type": "COPY_CODE", "example": "COFFEE20"},
        {"type": "URL", "text": "Look", "url": "https://cafe.example/v/{{1}}", "example": ["x"]},
    ]
    text = "Hi {{1}}, one espresso is on us at {{2}} today"
    parts = [
        {"type": "LIMITED_TIME_OFFER", "limited_time_offer": {"text": "Today", "has_expiration": True}},
        {"type": "BODY", "text": text, "example": {"body_text": [["Ann", "Café"]]}},
        {"type": "BUTTONS", "buttons": buttons},
    ]
    fake.template("whole", components=parts)
    street.done("POST", "/v1/templates/sync")
    street.shop("stand", offer={**offer("whole"), "voucher": {"title": "One espresso"}})
    street.person("anna", ANNA)
    street.enters("anna", shop=2)
    message = street.reaches("anna", "delivered")
    (body,) = [each["body"] for each in fake.look("bodies")]
    filled = {each.get("sub_type", each["type"]): each["parameters"][0] for each in body["template"]["components"]}
    code = filled["copy_code"]["coupon_code"]
    assert (len(code), filled["url"]["text"]) == (15, code)
    ends_at = datetime.fromtimestamp(
        filled["limited_time_offer"]["limited_time_offer"]["expiration_time_ms"] / 1e3, UTC
    )
    assert abs(ends_at - datetime.fromisoformat(message["expires_at"])) < timedelta(milliseconds=1)
    assert street.done("GET", f"/v1/vouchers/{code}")["message_id"] == message["message_id"]
    fake.person(ANNA, tap={"message": fake.bubbles(ANNA)[0]["id"], "button": 0})
    street.until(lambda: len(fake.bubbles(ANNA)) == 3, "the confirmation")
    consents = street.done("GET", "/v1/customers/anna/consents")["items"]
    assert [event["action"] for event in consents].count("withdrawn") == 1


def test_a_template_that_is_paused_stops_its_offers_alone_until_it_is_approved_again(
    street: Street, fake: Fake
) -> None:
    street.person("anna", ANNA)
    street.person("ben", BEN)
    fake.tell("templates/offer/en", {"status": "PAUSED", "title": "FIRST_PAUSE"})
    street.settles()
    street.enters("anna")
    street.enters("ben", shop=1)
    street.reaches("ben", "delivered")
    assert fake.bubbles(ANNA) == []
    fake.tell("templates/offer/en", {"status": "APPROVED", "title": "UNPAUSE"})
    street.until(lambda: street.template_status("offer") == "APPROVED", "it is approved again")
    street.person("cleo", "+4915111111111")
    street.enters("cleo")
    street.reaches("cleo", "delivered")


def test_marketing_that_has_a_road_of_its_own_takes_it_once(street: Street, fake: Fake) -> None:
    street.person("anna", ANNA)
    fake.behave(marketing_on_messages=False)
    street.enters("anna")
    street.reaches("anna", "delivered")
    (body,) = [each["body"] for each in fake.look("bodies") if each["api"] == "marketing_messages"]
    assert body["message_activity_sharing"] is False
    assert list(fake.look("counts")["accepted"].values()) == [1]
