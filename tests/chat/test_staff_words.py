"""A shop's staff say by chat what its campaigns are to do; whoever else says so changes nothing."""

import pytest

from nearcast.domain.ids import CampaignId, ShopId
from nearcast.domain.message import MessageStatus
from nearcast.domain.reason import Reason
from nearcast.domain.sending import Choice, Text
from nearcast.services.channel_ports import Capability
from nearcast.services.figures import Figure
from nearcast.services.shops import Shops
from nearcast.services.staff import Staff, reseal_staff
from nearcast.services.vault import Vault
from tests.chat.town import COUNTER, STRANGER, T1, Town, body, only
from tests.store.values import message


def queue(town: Town, *campaigns: str) -> None:
    """One message of each, to another customer each, that waits."""
    with town.store.writing(T1) as uow:
        uow.outbox.insert(
            message(n, customer_id=f"cust-{n}", campaign_id=CampaignId(key), shop_id=ShopId("near"), channel="whatsapp")
            for n, key in enumerate(campaigns)
        )
        uow.commit()


def fates(town: Town) -> list[tuple[MessageStatus, str | None]]:
    with town.store.reading(T1) as uow:
        return [(each.status, each.reason) for each in uow.outbox.page(newest_first=False).items]


@pytest.mark.parametrize("word", ["sold out", "Ausverkauft!", "pause", "PAUSE near-offer", "stop near offer"])
def test_one_word_from_the_counter_stops_the_campaign_and_what_is_queued(town: Town, word: str) -> None:
    town.hire()
    queue(town, "near-offer", "mid-offer", "near-offer")
    said = body(town.say(word, by=COUNTER))
    assert "near-offer" in said
    assert "2 " in said
    assert town.states()["near-offer"] == "paused"
    assert town.states()["mid-offer"] == "active"
    stopped = (MessageStatus.CANCELLED, Reason.CANCELLED_CAMPAIGN.value)
    assert fates(town) == [stopped, (MessageStatus.QUEUED, None), stopped]
    with town.store.reading(T1) as uow:
        (entry,) = [each for each in uow.audit.page().items if each.kind == "campaign"]
    assert (entry.actor.name, entry.action, entry.id) == ("staff by whatsapp", "pause", "near-offer")


def test_go_on_lets_it_run_again(town: Town) -> None:
    town.hire()
    town.say("pause", by=COUNTER)
    assert body(town.say("weiter", by=COUNTER)) == "Läuft wieder: near-offer."
    assert town.states()["near-offer"] == "active"
    assert body(town.say("go", by=COUNTER)) == "Nothing is paused that could run again."
    assert town.states()["near-offer"] == "active"


def test_of_several_campaigns_one_is_chosen_from_a_list(town: Town) -> None:
    town.hire()
    town.run_campaign("tea", "near", name="Tea at five")
    asked = only(town.say("sold out", by=COUNTER))
    assert isinstance(asked, Choice)
    assert [row.title for row in asked.rows] == ["near-offer", "Tea at five"]
    assert set(town.states().values()) == {"active"}
    assert body(town.tap(asked.rows[1].id, by=COUNTER)).startswith("Paused: Tea at five.")
    assert town.states()["tea"] == "paused"
    assert body(town.tap(asked.rows[1].id, by=COUNTER)).startswith("Paused: Tea at five. 0 "), "an old list"


def test_a_campaign_that_is_named_is_meant_alone(town: Town) -> None:
    town.hire()
    town.run_campaign("tea", "near", name="Tea at five")
    town.say("pause tea AT five", by=COUNTER)
    assert (town.states()["tea"], town.states()["near-offer"]) == ("paused", "active")


def test_without_lists_the_names_are_told(town: Town) -> None:
    town.hire()
    town.run_campaign("tea", "near", name="Tea at five")
    town.pen.capabilities = Capability.TEXT
    asked = only(town.say("pause", by=COUNTER))
    assert isinstance(asked, Text)
    assert "pause Tea at five" in asked.body


@pytest.mark.parametrize("text", ["sold out", "pause near-offer", "stop near-offer", "go"])
def test_what_a_stranger_says_changes_nothing(town: Town, text: str) -> None:
    town.hire()
    assert town.say(text, by=STRANGER) == []
    assert not town.taken
    assert set(town.states().values()) == {"active"}


@pytest.mark.parametrize("text", ["stop", "STOPP", "start", "hello", "pause for thought", "stop it please"])
def test_what_staff_say_as_customers_is_left_to_others(town: Town, text: str) -> None:
    town.hire()
    assert town.say(text, by=COUNTER) == []
    assert not town.taken
    assert set(town.states().values()) == {"active"}


def test_a_row_is_of_use_to_nobody_else(town: Town) -> None:
    town.hire()
    town.hire("mid", "+4915100000009")
    town.run_campaign("tea", "near")
    asked = only(town.say("pause", by=COUNTER))
    assert isinstance(asked, Choice)
    for other in (STRANGER, "+4915100000009"):
        assert town.tap(asked.rows[0].id, by=other) == []
    assert town.tap(asked.rows[0].id.replace("pause", "resume"), by=COUNTER) == []
    assert town.tap("nc1:pause:made:up", by=COUNTER) == []
    assert set(town.states().values()) == {"active"}
    assert town.store.figures.counts(Figure.CHATS)["forged",] == 4


def test_a_row_is_of_no_use_to_a_colleague(town: Town) -> None:
    both = [{"name": each, "channel": "whatsapp", "address": each} for each in (COUNTER, STRANGER)]
    town.staff.put(town.owner(), "near", both, town.now)
    town.run_campaign("tea", "near")
    asked = only(town.say("pause", by=COUNTER))
    assert isinstance(asked, Choice)
    assert town.tap(asked.rows[0].id, by=STRANGER) == []
    assert len(town.tap(asked.rows[0].id, by=COUNTER)) == 1


def test_who_has_not_confirmed_their_number_may_make_a_shop_quieter_and_nothing_else(town: Town) -> None:
    member = town.hire(is_verified=False)
    assert (member["verified_at"], len(member["code"])) == (None, 8)
    assert body(town.say("sold out", by=COUNTER)).startswith("Paused:")
    assert body(town.say("go", by=COUNTER)).startswith("This number has to be confirmed first")
    assert town.states()["near-offer"] == "paused"


def test_a_code_confirms_the_number_that_it_is_of_and_no_other(town: Town) -> None:
    code = town.hire(is_verified=False)["code"]
    assert town.say(code, by=STRANGER) == []
    assert body(town.say(f" {code.lower()} ", by=COUNTER)) == "This number now speaks for Café near."
    (member,) = town.staff.of(town.owner("near"), "near")
    assert (member["verified_at"], member["code"]) == (town.now, None)


def test_who_is_left_out_speaks_for_the_shop_no_more_and_who_stays_is_known(town: Town) -> None:
    town.hire()
    others = [{"name": "Bob", "channel": "whatsapp", "address": "+4915100000007"}]
    same = [{"name": "Ada Lovelace", "channel": "whatsapp", "address": COUNTER}]
    kept = town.staff.put(town.owner(), "near", [*others, *same], town.now)
    assert [(each["name"], each["verified_at"] is None) for each in kept] == [("Ada Lovelace", False), ("Bob", True)]
    town.staff.put(town.owner(), "near", others, town.now)
    assert town.say("sold out", by=COUNTER) == []
    assert town.states()["near-offer"] == "active"


def test_numbers_are_sealed_anew_with_the_newest_key(town: Town) -> None:
    town.hire()
    newer = Vault(["a newer key of tests " * 2, "a key of tests alone " * 2], "an index key of tests " * 2)
    reseal_staff(town.store, newer)
    with town.store.reading(T1) as uow:
        assert uow.staff.sealed_otherwise(newer.key_id) == []
    opened = Staff(town.store, Shops(town.store), Vault(["a newer key of tests " * 2], "an index key of tests " * 2))
    assert [each["address"] for each in opened.of(town.owner(), "near")] == [COUNTER]


def test_no_number_of_staff_is_kept_in_clear(town: Town) -> None:
    town.hire()
    town.say("pause", by=COUNTER)
    assert COUNTER[1:] not in town.dump()
