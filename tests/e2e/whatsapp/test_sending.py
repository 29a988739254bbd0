"""Offers on their way to people, while the provider does what providers do."""

import pytest

from tests.e2e.whatsapp.fake import ANNA, Fake
from tests.e2e.whatsapp.street import Street


def requests(fake: Fake) -> int:
    return sum(fake.look("counts")["requests"].values())


@pytest.mark.parametrize("do", ["close", "html_accepted", "no_id"])
def test_a_message_whose_answer_is_lost_is_unknown_until_its_receipt_comes(street: Street, fake: Fake, do: str) -> None:
    street.shop()
    street.person("anna", ANNA)
    fake.behave(is_paused=True)
    fake.script(do)
    street.enters("anna")
    assert street.reaches("anna", "unknown")["provider_id"] is None
    fake.behave(is_paused=False)
    message = street.reaches("anna", "delivered")
    assert message["provider_id"] == fake.bubbles(ANNA)[0]["id"]
    assert requests(fake) == 1


def test_a_message_that_nobody_ever_took_stays_unknown_and_is_not_sent_again(street: Street, fake: Fake) -> None:
    street.shop()
    street.person("anna", ANNA)
    fake.script("close_unaccepted")
    street.enters("anna")
    street.reaches("anna", "unknown")
    street.passes(3_600)
    street.settles()
    assert (requests(fake), fake.bubbles(ANNA)) == (1, [])
    assert street.messages("anna")[-1]["status"] == "unknown"


def test_nobody_in_the_states_is_sent_marketing(street: Street, fake: Fake) -> None:
    street.shop()
    street.person("joe", "+12125550123")
    street.enters("joe")
    assert street.reaches("joe", "failed", "cancelled")["reason"] == "market_blocked"
    assert requests(fake) == 0
