"""A place that is booked when its deposit was paid: links, ends and places that are gone, on both databases."""

from datetime import timedelta
from typing import Any

import pytest

from nearcast.domain.channel_event import Inbound, InboundKind
from nearcast.domain.ids import ShopId, SlotId
from nearcast.domain.reservation import Reservation, Slot
from nearcast.domain.sending import LearntKey, Recipient
from nearcast.services.conversation import Heard
from tests.chat.town import T1
from tests.payments.desk import ADA, NUMBER, PRICE, Desk

pytestmark = pytest.mark.enable_socket
TABLE = SlotId("table")


def held(desk: Desk, *, in_minutes: float = 120, deposit: object = PRICE) -> Reservation:
    """A place that Ada has chosen, in a slot with one place of a shop that wants a deposit."""
    desk.town.open_shop("near", 100, **({"deposit": deposit} if deposit else {}))
    begins = desk.now + timedelta(minutes=in_minutes)
    ends = begins + timedelta(hours=1)
    slot = Slot(id=TABLE, shop_id=ShopId("near"), starts_at=begins, ends_at=ends, capacity=1)
    inbound = Inbound(
        key="m:slot",
        at=desk.now,
        kind=InboundKind.CHOICE,
        sender_keys=(LearntKey(kind="wa_id", key=NUMBER[1:]),),
        received_by="4711",
        provider_id="wamid-slot",
    )
    heard = Heard(tenant_id=T1, channel="whatsapp", inbound=inbound, customers=(ADA,), sender=Recipient(address=NUMBER))
    with desk.store.writing(T1) as uow:
        uow.slots.put([slot])
        found = desk.town.booking.hold(uow, heard, ADA, TABLE, desk.now)
        uow.commit()
    assert found is not None
    return found


def confirms(desk: Desk, place: Reservation) -> list[str]:
    """What Ada reads after a tap on Confirm, the link included."""
    before = len(desk.said())
    desk.town.tap(desk.town.taps.make(T1, "confirm", place.id), by=NUMBER)
    desk.works()
    return desk.said()[before:]


def state(desk: Desk, place: Reservation) -> tuple[str, int]:
    """How it stands, and how many places of the slot are taken."""
    with desk.store.reading(T1) as uow:
        found = uow.reservations.get(place.id)
        assert found is not None
        return found.state.value, uow.reservations.taken([TABLE], desk.now).get(TABLE, 0)


def session_of(desk: Desk) -> dict[str, Any]:
    return desk.fake.only()


def test_a_place_is_booked_when_its_deposit_was_paid_and_not_before(desk: Desk) -> None:
    place = held(desk)
    waits, asked = confirms(desk, place)
    assert "yours when the payment has come" in waits
    session = session_of(desk)
    assert asked.endswith(session["url"])
    assert "12.50 EUR" in asked
    assert state(desk, place) == ("held", 1)
    desk.passes(minutes=20)
    assert len(confirms(desk, place)) == 1, "a second tap makes no second link"
    assert len(desk.fake.sessions) == 1
    desk.fake.pay(session)
    desk.hears(desk.fake.event("checkout.session.completed", session), seed=1)
    assert state(desk, place) == ("booked", 1)
    booked, receipt = desk.said()[-2:]
    assert booked.startswith("Reserved: Café near")
    assert "we have received 12.50 EUR" in receipt
    (shown,) = desk.paying.requests.page(desk.town.owner(), None, None, cursor=None, limit=9).items
    assert (shown["state"], shown["reservation_id"]) == ("paid", place.id)


def test_a_link_that_runs_out_gives_the_place_back(desk: Desk) -> None:
    place = held(desk)
    confirms(desk, place)
    desk.passes(minutes=30)
    desk.works()
    assert state(desk, place) == ("cancelled", 0)
    assert session_of(desk)["status"] == "expired"
    assert desk.said()[-1].startswith("Cancelled: Café near")


def test_what_is_paid_for_a_place_that_was_given_back_goes_back(desk: Desk) -> None:
    place = held(desk)
    confirms(desk, place)
    with desk.store.writing(T1) as uow:
        assert desk.town.booking.cancel(uow, place.hold_until(desk.now + timedelta(minutes=40)), desk.now)
        uow.commit()
    session = session_of(desk)
    desk.fake.pay(session)
    desk.hears(desk.fake.event("checkout.session.completed", session))
    assert state(desk, place) == ("cancelled", 0)
    assert len(desk.fake.refunds) == 1
    assert "came too late" in desk.said()[-1]


@pytest.mark.parametrize(("deposit", "in_minutes"), [(None, 120), (PRICE, 14)])
def test_where_no_deposit_is_wanted_or_there_is_no_time_for_one_a_yes_books(
    desk: Desk, deposit: object, in_minutes: float
) -> None:
    place = held(desk, deposit=deposit, in_minutes=in_minutes)
    (booked,) = confirms(desk, place)
    assert booked.startswith("Reserved")
    assert desk.fake.sessions == {}
