"""Somebody sends where they are: the nearest offers, how far, whether open; and nothing of it is kept."""

import logging
from typing import Any

import pytest

from nearcast.domain.campaign import CampaignState
from nearcast.domain.sending import Choice, LocationRequest, Text
from nearcast.services.channel_ports import Capability
from nearcast.services.figures import Figure
from tests.chat.town import LAT, STRANGER, T1, Town, body, only
from tests.live.corner import NOON, later
from tests.sealing import put_customers


def test_who_sends_a_place_gets_the_three_nearest_offers_with_how_far_and_how_long(town: Town) -> None:
    town.open_shop("closed", 2_000, opening_hours="Mo-Su 16:00-22:00")
    town.open_shop("next", 400, opening_hours="Mo-Su 08:00-20:00")
    answer = only(town.pin())
    assert isinstance(answer, Choice)
    assert [row.title for row in answer.rows] == ["Café near", "Café next", "Café mid"]
    assert [row.description for row in answer.rows] == ["100 m, open", "400 m, open until 20:00", "1.0 km, open"]
    assert answer.body.splitlines()[:3] == ["The nearest offers:", "1. Café near, 100 m, open", "Coffee at Café near,"]
    (sent,) = town.pen.sent
    assert (sent.to.address, sent.reply_to, sent.sender) == (STRANGER, "wamid-in-1", "4711")


def test_a_closed_shop_says_when_it_opens(town: Town) -> None:
    for shop in ("near", "mid"):
        town.run_campaign(f"{shop}-offer", shop, state=CampaignState.PAUSED)
    town.open_shop("later", 50, opening_hours="Mo-Su 16:00-22:00")
    town.open_shop("tomorrow", 60, opening_hours="We 09:00-12:00")
    assert "Café later, 50 m, closed, opens 16:00" in body(town.pin())
    assert "Café tomorrow, 60 m, closed, opens 2026-06-03 09:00" in body(town.pin())


def test_only_offers_that_live_now_and_are_for_everybody_are_named(town: Town) -> None:
    unfit: dict[str, dict[str, Any]] = {
        "paused": {"state": CampaignState.PAUSED},
        "over": {"active": {"until": NOON.isoformat()}},
        "not-yet": {"active": {"from": later(1).isoformat()}},
        "evening": {"dayparts": [{"from": "18:00", "until": "20:00"}]},
        "for-some": {"audience": {"tags_any": ["vip"]}},
    }
    for key, said in unfit.items():
        town.open_shop(key, 10)
        town.run_campaign(f"{key}-offer", key, **said)
    answer = only(town.pin())
    assert isinstance(answer, Choice)
    assert [row.title for row in answer.rows] == ["Café near", "Café mid", "Café far"]


def test_an_offer_says_until_when_it_holds(town: Town) -> None:
    town.run_campaign(
        "near-offer",
        "near",
        offer={"text": "Tea until {expires_at} {voucher.code}", "voucher": {"title": "One tea"}},
        dayparts=[{"from": "10:00", "until": "15:30"}],
    )
    assert "Café near, 100 m, open · until 15:30\nTea until 15:30 One tea" in body(town.pin())


def test_nobody_near_is_a_word_too(town: Town) -> None:
    for shop in ("near", "mid", "far"):
        town.run_campaign(f"{shop}-offer", shop, state=CampaignState.PAUSED)
    assert body(town.pin()) == "There is no offer right now."


def test_where_a_channel_has_no_lists_the_words_are_the_answer(town: Town) -> None:
    town.pen.capabilities = Capability.TEXT
    answer = only(town.pin())
    assert isinstance(answer, Text)
    assert "3. Café far, 5.0 km, open" in answer.body
    assert isinstance(only(town.say("near")), Text)


def test_who_asks_for_what_is_near_is_asked_where_they_are(town: Town) -> None:
    answer = only(town.say("In der Nähe?"))
    assert isinstance(answer, LocationRequest)
    assert answer.body.startswith("Sende deinen Standort")
    assert town.say("what time is it") == []


def test_a_tap_shows_the_offer_as_it_stands_then(town: Town) -> None:
    answer = only(town.pin())
    assert isinstance(answer, Choice)
    first = answer.rows[0].id
    assert body(town.tap(first)).splitlines()[:2] == ["Café near", "Coffee at Café near,"]
    town.run_campaign("near-offer", "near", state=CampaignState.PAUSED)
    assert body(town.tap(first)).startswith("This offer is over.")


@pytest.mark.parametrize("change", [lambda row: f"{row[:-1]}{'0' if row[-1] != '0' else '1'}", lambda row: row[:-4]])
def test_a_row_that_we_did_not_make_is_ignored_and_counted(town: Town, change: object) -> None:
    answer = only(town.pin())
    assert isinstance(answer, Choice)
    assert callable(change)
    assert town.tap(change(answer.rows[0].id)) == []
    assert town.taken
    assert town.store.figures.counts(Figure.CHATS)["forged",] == 1


def test_the_answer_is_in_the_language_of_the_customer(town: Town) -> None:
    with town.store.writing(T1) as uow:
        ada = {"language": "de-AT", "contacts": [{"channel": "whatsapp", "address": STRANGER}]}
        put_customers(uow, T1, {"ada": ada}, NOON)  # type: ignore[dict-item]
        uow.commit()
    assert body(town.pin()).startswith("Die nächsten Angebote:\n1. Café near, 100 m, geöffnet")


def test_of_the_place_and_of_a_stranger_nothing_is_kept(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    town.pin(metres=30.21987)
    kept = town.dump() + caplog.text
    for private in (STRANGER[1:], "13.4054", f"{LAT}0", "30.2"):
        assert private not in kept, private
    assert str(LAT) in kept, "shops' own places are there: this test can see"
