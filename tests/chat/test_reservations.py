"""A customer reserves in the chat: of ids that are old, forged or somebody else's nothing comes."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from nearcast.domain.channel_event import InboundKind
from nearcast.domain.ids import CampaignId, CustomerId, MessageId, ShopId, SlotId, slot_id
from nearcast.domain.reservation import HOLD, Reservation, ReservationState, Slot
from nearcast.domain.sending import Button, Choice, Content, Text
from nearcast.services.channel_ports import Capability
from nearcast.services.figures import Figure
from nearcast.services.reservation_chat import FORM_TAP, RESERVE_TAP
from nearcast.services.reservation_ports import ReservationFilter
from tests.chat.town import STRANGER, T1, Town, body, only
from tests.live.corner import NOON, later
from tests.sealing import put_customers
from tests.store.values import message

ADA, BEN = CustomerId("ada"), CustomerId("ben")
ADAS, BENS = "+4915100000011", "+4915100000012"
OFFERS = {ADA: MessageId("m-1"), BEN: MessageId("m-2")}
EVENING = NOON + timedelta(hours=7)  # 19:00 in Berlin


@pytest.fixture
def town(town: Town) -> Town:
    """Ada and Ben each got an offer of the near café, which takes reservations."""
    town.pen.capabilities |= Capability.REPLY_BUTTONS
    with town.store.writing(T1) as uow:
        contacts = {ADA: ADAS, BEN: BENS}
        docs = {key: {"contacts": [{"channel": "whatsapp", "address": to}]} for key, to in contacts.items()}
        put_customers(uow, T1, docs, NOON)
        uow.outbox.insert(
            message(
                n, customer_id=key, campaign_id=CampaignId("near-offer"), shop_id=ShopId("near"), channel="whatsapp"
            )
            for n, key in enumerate(OFFERS, 1)
        )
        uow.commit()
    return town


def opens(town: Town, starts_at: datetime = EVENING, *, capacity: int = 1, shop: str = "near") -> SlotId:
    """A slot of two hours."""
    shop_id = ShopId(shop)
    name = slot_id(T1, shop_id, starts_at)
    ends_at = starts_at + timedelta(hours=2)
    with town.store.writing(T1) as uow:
        uow.slots.put([Slot(id=name, shop_id=shop_id, starts_at=starts_at, ends_at=ends_at, capacity=capacity)])
        uow.commit()
    return name


def offered(town: Town, who: CustomerId = ADA, purpose: str = RESERVE_TAP) -> str:
    """What comes back with a tap on the button of the offer."""
    with town.store.reading(T1) as uow:
        (sent,) = uow.outbox.of([who])[who]
    return town.taps.make(T1, purpose, sent.id, for_whom=who)


def listed(town: Town, who: CustomerId = ADA) -> Choice:
    answer = only(town.tap(offered(town, who), by=ADAS if who == ADA else BENS))
    assert isinstance(answer, Choice), answer
    return answer


def chosen(town: Town, who: CustomerId = ADA) -> tuple[Button, ...]:
    """The buttons under the first free time that somebody chose: confirm, change, cancel."""
    answer = only(town.tap(listed(town, who).rows[0].id, by=ADAS if who == ADA else BENS))
    assert isinstance(answer, Text), answer
    return answer.buttons


def kept(town: Town) -> list[Reservation]:
    with town.store.reading(T1) as uow:
        return uow.reservations.page(ReservationFilter(), cursor=None, limit=100).items[::-1]


def states(town: Town) -> list[str]:
    return [f"{each.customer_id} {each.standing(town.now).value}" for each in kept(town)]


def asked(town: Town, about: str) -> int:
    return town.store.figures.counts(Figure.CHATS).get((about,), 0)


def test_a_time_is_chosen_held_and_confirmed(town: Town) -> None:
    opens(town, capacity=3)
    opens(town, EVENING + timedelta(days=1))
    times = listed(town)
    assert times.body == "When do you want to come to Café near?"
    assert [(row.title, row.description) for row in times.rows] == [
        ("2026-06-02 19:00–21:00", "3 free"),
        ("2026-06-03 19:00–21:00", "1 free"),
    ]
    held = only(town.tap(times.rows[0].id, by=ADAS))
    assert isinstance(held, Text)
    assert [each.title for each in held.buttons] == ["Confirm", "Another time", "Cancel"]
    assert states(town) == ["ada held"]
    said = body(town.tap(held.buttons[0].id, by=ADAS))
    (booked,) = kept(town)
    assert (booked.state, booked.booked_at, booked.held_until) == (ReservationState.BOOKED, NOON, NOON + HOLD)
    assert said == (
        f"Reserved: Café near, 2026-06-02 19:00–21:00. Your reference is {booked.reference}. "
        "Write CANCEL to give it back."
    )
    assert body(town.tap(held.buttons[0].id, by=ADAS)) == said, "tapped twice"
    assert states(town) == ["ada booked"]
    assert listed(town).rows[0].description == "2 free"


def test_ids_are_short_enough_for_every_list_and_different(town: Town) -> None:
    for days in range(12):
        opens(town, EVENING + timedelta(days=days))
    rows = listed(town).rows
    assert len(rows) == 10
    assert len({row.id for row in rows}) == 10
    assert max(len(row.id) for row in rows) <= 200
    assert max(len(row.title) for row in rows) <= 24


def test_a_list_of_last_week_leads_to_times_that_are_free_now(town: Town) -> None:
    opens(town)
    old = listed(town)
    town.at(NOON + timedelta(days=7))
    assert body(town.tap(old.rows[0].id, by=ADAS)) == (
        "That time is no longer free. There is no free time at Café near right now."
    )
    opens(town, EVENING + timedelta(days=8))
    answer = only(town.tap(old.rows[0].id, by=ADAS))
    assert isinstance(answer, Choice)
    assert answer.body == "That time is no longer free. When do you want to come to Café near?"
    assert [row.title for row in answer.rows] == ["2026-06-10 19:00–21:00"]
    assert kept(town) == []
    assert asked(town, "slot_gone") == 2


def test_ids_that_are_forged_or_somebody_elses_are_ignored_and_counted(town: Town) -> None:
    opens(town)
    row = listed(town).rows[0].id
    held = chosen(town)
    changed = [row[:-1] + ("0" if row[-1] != "0" else "1"), "nc1:slot:x:y", "nc1:confirm::", "nc1:reserve", "nc1:slot"]
    for payload in (*changed, held[0].id.replace("confirm", "cancel"), row.replace("slot", "cancel")):
        assert town.tap(payload, by=ADAS) == []
    for payload in (row, offered(town), *(button.id for button in held)):
        assert town.tap(payload, by=BENS) == [], "hers, from his phone"
        assert town.tap(payload, by=STRANGER) == []
    assert states(town) == ["ada held"]
    assert asked(town, "forged") == 5 + 2 * 5


def test_of_two_on_the_last_place_one_gets_it_and_the_other_is_offered_others(town: Town) -> None:
    opens(town)
    opens(town, EVENING + timedelta(days=1))
    hers, his = listed(town, ADA).rows[0].id, listed(town, BEN).rows[0].id
    town.tap(hers, by=ADAS)
    answer = only(town.tap(his, by=BENS))
    assert isinstance(answer, Choice)
    assert [row.title for row in answer.rows] == ["2026-06-03 19:00–21:00"]
    assert states(town) == ["ada held"]


def test_what_is_not_confirmed_in_five_minutes_is_somebody_elses(town: Town) -> None:
    opens(town)
    confirm = chosen(town, ADA)[0].id
    town.at(NOON + HOLD)
    his = chosen(town, BEN)[0].id
    assert body(town.tap(confirm, by=ADAS)).startswith("That time is no longer free.")
    assert body(town.tap(his, by=BENS)).startswith("Reserved:")
    assert states(town) == ["ada expired", "ben booked"]


def test_a_clock_that_is_behind_gives_no_place_away_twice(town: Town) -> None:
    opens(town)
    confirm = chosen(town, ADA)[0].id
    town.at(NOON + HOLD)
    assert body(town.tap(chosen(town, BEN)[0].id, by=BENS)).startswith("Reserved:")
    town.at(NOON + HOLD - timedelta(seconds=1))
    assert body(town.tap(confirm, by=ADAS)).startswith("That time is no longer free.")
    assert [each.state for each in kept(town)].count(ReservationState.BOOKED) == 1


def test_another_time_gives_the_first_one_back(town: Town) -> None:
    opens(town)
    opens(town, EVENING + timedelta(days=1))
    change = chosen(town)[1].id
    answer = only(town.tap(change, by=ADAS))
    assert isinstance(answer, Choice)
    assert len(answer.rows) == 2
    town.tap(answer.rows[1].id, by=ADAS)
    assert states(town) == ["ada cancelled", "ada held"]
    town.tap(answer.rows[0].id, by=ADAS)
    assert states(town) == ["ada cancelled", "ada cancelled", "ada held"], "one is held at a time"


def test_cancel_gives_it_back_by_button_and_by_word(town: Town) -> None:
    opens(town)
    assert body(town.tap(chosen(town)[2].id, by=ADAS)) == "Cancelled: Café near, 2026-06-02 19:00–21:00."
    town.tap(chosen(town)[0].id, by=ADAS)
    assert body(town.say("Cancelar!", by=ADAS)) == "Cancelado: Café near, 2026-06-02 19:00–21:00."
    assert states(town) == ["ada cancelled", "ada cancelled"]
    assert town.say("cancel", by=ADAS) == []
    assert not town.taken, "there is nothing left that it could be about"


def test_of_several_reservations_the_one_is_chosen_that_is_cancelled(town: Town) -> None:
    for days in (0, 1):
        opens(town, EVENING + timedelta(days=days))
        town.tap(chosen(town)[0].id, by=ADAS)
    answer = only(town.say("cancel", by=ADAS))
    assert isinstance(answer, Choice)
    assert [row.title for row in answer.rows] == ["2026-06-02 19:00–21:00", "2026-06-03 19:00–21:00"]
    town.tap(answer.rows[1].id, by=ADAS)
    assert states(town) == ["ada booked", "ada cancelled"]


def test_a_word_asks_for_the_shop_that_wrote_last(town: Town) -> None:
    assert town.say("reserve", by=ADAS) == [], "a shop without slots"
    opens(town)
    assert [type(only(town.say(word, by=ADAS))) for word in ("Reserve!", "reservieren", "Réserver")] == [Choice] * 3
    assert town.say("reserve", by=STRANGER) == []
    town.pen.capabilities &= ~Capability.LIST
    assert town.say("reserve", by=ADAS) == [], "a channel without lists"


def filled(town: Town, form: Any, by: str = ADAS) -> list[Content]:
    return town.hear(InboundKind.FORM, by=by, payload=form if isinstance(form, str) else json.dumps(form))


def test_a_form_holds_the_time_that_a_list_would(town: Town) -> None:
    opens(town)
    row, session = listed(town).rows[0].id, offered(town, purpose=FORM_TAP)
    answer = only(filled(town, {"flow_token": session, "slot": row}))
    assert isinstance(answer, Text)
    assert states(town) == ["ada held"]
    town.tap(answer.buttons[0].id, by=ADAS)
    assert states(town) == ["ada booked"]


WRONG: tuple[dict[str, Any], ...] = (
    {"extra": 1},
    {"slot": None},
    {"slot": "nc1:slot:x:y"},
    {"slot": 7},
    {"slot": ["a"]},
    {"slot": ""},
    {"slot": "x" * 201},
    {"comment": "x" * 5_000},
)
NO_FORM = ["", "no json", "[]", "7", "null", "[" * 100_000, '"nc1:form:x:y"', '{"a":\ud800']


def test_a_form_that_says_anything_else_books_nothing_and_is_told_so(town: Town) -> None:
    opens(town)
    form: dict[str, Any] = {"flow_token": offered(town, purpose=FORM_TAP), "slot": listed(town).rows[0].id}
    forms = [{"flow_token": form["flow_token"]}, *({**form, **wrong} for wrong in WRONG)]
    for each in forms:
        answer = only(filled(town, each))
        assert isinstance(answer, Choice), each
        assert answer.body.startswith("That form could not be read, and nothing is reserved.")
    assert kept(town) == []
    assert asked(town, "form_refused") == len(forms)


def test_what_is_no_form_at_all_is_answered_too(town: Town) -> None:
    for said in NO_FORM:
        assert body(filled(town, said)) == "That form could not be read, and nothing is reserved."


def test_a_form_of_nobody_is_ignored_and_counted(town: Town) -> None:
    opens(town)
    row = listed(town).rows[0].id
    forms = [{"slot": row}, *({"flow_token": each, "slot": row} for each in ("", "unknown", 7, None, offered(town)))]
    for form in forms:
        assert filled(town, form) == []
    assert filled(town, {"flow_token": offered(town, purpose=FORM_TAP), "slot": row}, by=BENS) == [], "hers"
    assert kept(town) == []
    assert asked(town, "forged") == len(forms) + 1


def test_a_customer_who_has_stopped_offers_is_answered_what_they_ask_for(town: Town) -> None:
    opens(town)
    with town.store.writing(T1) as uow:
        uow.suppressions.add(ADA, "whatsapp", NOON, reason="stop by message")
        uow.commit()
    assert listed(town).rows


def test_what_ran_out_is_written_down_once(town: Town) -> None:
    opens(town)
    chosen(town)
    for at, count in ((NOON + HOLD - timedelta(seconds=1), 0), (NOON + HOLD, 1), (later(3600), 0)):
        with town.store.writing(T1) as uow:
            assert uow.reservations.expire(at, limit=10) == count
            uow.commit()
    (over,) = kept(town)
    assert (over.state, over.ended_at) == (ReservationState.EXPIRED, NOON + HOLD)
