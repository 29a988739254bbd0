"""What people write back, tap and change, from their phone to what they are sent next."""

import pytest

from tests.e2e.whatsapp.fake import ANNA, Fake
from tests.e2e.whatsapp.street import Street

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
