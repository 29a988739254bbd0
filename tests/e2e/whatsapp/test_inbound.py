"""What people write back, tap and change, from their phone to what they are sent next."""

from datetime import timedelta

import pytest

from tests.e2e.whatsapp.fake import ANNA, BEN, Fake
from tests.e2e.whatsapp.street import TENANT, Street

NEW_NUMBER = "+4915199999999"


@pytest.mark.parametrize("said", [" Stop! ", "STOPP", "parar", "abmelden 🙏"])
def test_who_says_stop_is_told_so_once_and_gets_no_offer_any_more(street: Street, fake: Fake, said: str) -> None:
    street.shop("cafe")
    street.shop("bar")
    street.person("anna", ANNA)
    street.enters("anna")
    street.reaches("anna", "delivered")
    fake.person(ANNA, say=said)
    fake.all_told()  # the withdrawal was kept before the webhook was answered
    street.enters("anna", shop=1)
    street.suppressed_as("anna", "suppressed_address")
    street.until(lambda: len(fake.bubbles(ANNA)) == 3, "the confirmation")
    fake.person(ANNA, say=said)
    street.settles()
    texts = [bubble["text"] for bubble in fake.bubbles(ANNA) if bubble["from"] == "business"]
    assert len(texts) == 2
    assert "come to" not in texts[1]


def test_a_tap_on_stop_cancels_what_is_claimed_and_is_confirmed_once(street: Street, fake: Fake) -> None:
    """On the button of an offer, and on that of the question that follows words which may be an end."""
    street.done("POST", "/v1/templates/sync")
    said = {"name": "offer", "language": "en", "variables": ["{customer.first_name}", "{shop.name}"]}
    street.shop("cafe", offer={"text": "Come to {shop.name}", "template": said})
    street.shop("bar", offer={"text": "Come to {shop.name}", "template": said})
    street.person("anna", ANNA)
    street.person("ben", BEN)
    street.enters("anna")
    street.reaches("anna", "delivered")
    fake.person(BEN, say="could you maybe stop sending me so many of these offers please")
    street.until(lambda: len(fake.bubbles(BEN)) == 2, "a question with buttons")
    street.done("PUT", "/v1/settings", {"presence": {"profile": "raw"}, "dispatch": {"delay_s": 30}})
    street.enters("anna", shop=1)
    street.reaches("anna", "queued")
    with street.store.writing(TENANT) as uow:
        (claimed,) = uow.outbox.claim_due(
            street.clock.now() + timedelta(minutes=1), owner="another", lease_s=600, limit=9
        )
        uow.commit()
    for _ in range(2):
        fake.person(ANNA, tap={"message": fake.bubbles(ANNA)[0]["id"], "button": 0})
        fake.person(BEN, tap={"message": fake.bubbles(BEN)[1]["id"], "button": 0})
    fake.all_told()
    assert street.reaches("anna", "cancelled")["message_id"] == claimed.message.id
    street.enters("anna", "ben")
    for name in ("anna", "ben"):
        street.suppressed_as(name, "suppressed_address")
        consents = street.done("GET", f"/v1/customers/{name}/consents")["items"]
        assert "withdrawn" in {event["action"] for event in consents}
    street.settles()
    ours = {
        number: [each["text"] for each in fake.bubbles(number) if each["from"] == "business"] for number in (ANNA, BEN)
    }
    assert [len(texts) for texts in ours.values()] == [2, 2]  # an offer or a question, and one confirmation


def test_whoever_has_another_number_gets_no_offer_until_they_say_it_is_theirs(street: Street, fake: Fake) -> None:
    for shop in ("cafe", "bar"):
        street.shop(shop)
    street.person("anna", ANNA)
    street.enters("anna")
    street.reaches("anna", "delivered")
    fake.person(ANNA, renumber=NEW_NUMBER)
    fake.all_told()
    street.settles()
    street.enters("anna", shop=1)
    street.until(lambda: len(street.rows("anna")) == 2, "a verdict")
    assert street.rows("anna")[-1]["outcome"] == "suppress"
    assert [bubble["text"] for bubble in fake.bubbles(NEW_NUMBER) if "Bar" in bubble["text"]] == []


def test_start_is_no_consent_before_it_is_confirmed(street: Street, fake: Fake) -> None:
    street.shop("cafe")
    street.person("anna", ANNA)
    fake.person(ANNA, say="STOP")
    fake.all_told()
    street.settles()
    fake.person(ANNA, say="START")
    fake.all_told()
    street.settles()
    street.enters("anna")
    street.until(lambda: len(street.rows("anna")) == 1, "a verdict")
    assert street.rows("anna")[-1]["outcome"] == "suppress"
