"""Places in slots: the last one is one customer's, however many want it at once."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

from nearcast.domain.channel_event import Inbound, InboundKind
from nearcast.domain.ids import CustomerId, ReservationId, ShopId, SlotId, TenantId, slot_id
from nearcast.domain.reservation import HOLD, Reservation, ReservationState, Slot
from nearcast.domain.sending import Recipient
from nearcast.services.conversation import Heard
from nearcast.services.reservation_ports import ReservationFilter
from nearcast.services.reservations import Booking, Confirmed
from nearcast.store.sql_store import SqlStore
from tests.store.values import NOON, add_customers, at_once, new_tenant

SHOP = ShopId("cafe")
EVENING = NOON + timedelta(hours=7)
_BOOKING = Booking()


def opened(store: SqlStore, capacity: int, *, customers: int) -> tuple[TenantId, SlotId, list[CustomerId]]:
    """A tenant with a slot, and customers who want a place in it."""
    tenant, keys = new_tenant(store), [CustomerId(f"c-{n}") for n in range(customers)]
    add_customers(store, tenant, *keys)
    return tenant, put(store, tenant, capacity=capacity), keys


def put(store: SqlStore, tenant: TenantId, *, hours: float = 0, capacity: int = 1, shop: ShopId = SHOP) -> SlotId:
    starts_at = EVENING + timedelta(hours=hours)
    name = slot_id(tenant, shop, starts_at)
    ends_at = starts_at + timedelta(hours=1)
    with store.writing(tenant) as uow:
        uow.slots.put([Slot(id=name, shop_id=shop, starts_at=starts_at, ends_at=ends_at, capacity=capacity)])
        uow.commit()
    return name


def heard(tenant: TenantId, customer: CustomerId, number: int = 1) -> Heard:
    inbound = Inbound(
        key=f"m:{customer}:{number}",
        at=NOON,
        kind=InboundKind.CHOICE,
        sender_keys=(),
        received_by="4711",
        provider_id=f"wamid-{customer}-{number}",
    )
    to = Recipient(address="+4915100000001")
    return Heard(tenant_id=tenant, channel="whatsapp", inbound=inbound, customers=(customer,), sender=to)


def hold(store: SqlStore, tenant: TenantId, slot: SlotId, customer: CustomerId, number: int = 1) -> Reservation | None:
    with store.writing(tenant) as uow:
        uow.customers.lock([customer])
        held = _BOOKING.hold(uow, heard(tenant, customer, number), customer, slot, NOON)
        uow.commit()
    return held


def confirm(store: SqlStore, tenant: TenantId, held: Reservation) -> Confirmed:
    with store.writing(tenant) as uow:
        uow.customers.lock([held.customer_id])
        outcome, _ = _BOOKING.confirm(uow, held.id, heard(tenant, held.customer_id), NOON)
        uow.commit()
    return outcome


def kept(store: SqlStore, tenant: TenantId) -> Sequence[Reservation]:
    with store.reading(tenant) as uow:
        return uow.reservations.page(ReservationFilter(), cursor=None, limit=100).items


def test_of_many_who_want_the_last_places_at_once_just_so_many_get_one(store: SqlStore) -> None:
    tenant, slot, customers = opened(store, 2, customers=6)
    held = [each for each in at_once([partial(hold, store, tenant, slot, key) for key in customers]) if each]
    assert len(held) == 2
    outcomes = at_once([partial(confirm, store, tenant, each) for each in held for _ in range(2)])
    assert outcomes == [Confirmed.BOOKED] * 4, "tapped twice"
    assert [each.state for each in kept(store, tenant)] == [ReservationState.BOOKED] * 2


def test_one_who_taps_many_times_at_once_has_one_place(store: SqlStore) -> None:
    tenant, slot, (ada,) = opened(store, 3, customers=1)
    held = at_once([partial(hold, store, tenant, slot, ada, number) for number in range(4)])
    assert len({each.id for each in held if each is not None}) == 1
    assert len(kept(store, tenant)) == 1


def test_a_place_that_changed_meanwhile_is_not_written_over(store: SqlStore) -> None:
    tenant, slot, (ada,) = opened(store, 1, customers=1)
    held = hold(store, tenant, slot, ada)
    assert held is not None
    with store.writing(tenant) as uow:
        assert uow.reservations.move(held, held.book(NOON))
        assert not uow.reservations.move(held, held.end(NOON))
        assert not uow.reservations.insert(replace(held, id=ReservationId("another"))), "nobody has two in one slot"
        uow.commit()
    assert [each.state for each in kept(store, tenant)] == [ReservationState.BOOKED]


def test_free_are_the_next_slots_of_the_shop_that_have_a_place_and_have_not_begun(store: SqlStore) -> None:
    tenant, first, customers = opened(store, 1, customers=2)
    others = [put(store, tenant, hours=hours) for hours in (1, 2, 3)]
    put(store, tenant, shop=ShopId("bar"))
    assert hold(store, tenant, first, customers[0]) is not None
    with store.reading(tenant) as uow:
        names = [each.id for each in uow.slots.free(SHOP, NOON, limit=2)]
        assert names == others[:2]
        assert [each.id for each in uow.slots.free(SHOP, NOON + HOLD, limit=1)] == [first], "the hold ran out"
        assert [each.id for each in uow.slots.free(SHOP, EVENING + timedelta(hours=2), limit=9)] == others[2:]
        assert uow.reservations.taken([first, *others], NOON) == {first: 1}
        assert uow.reservations.live(customers, NOON + HOLD) == []


def test_slots_are_paged_by_their_beginning_and_go_when_they_are_old(store: SqlStore) -> None:
    tenant, first, (ada,) = opened(store, 1, customers=1)
    others = [put(store, tenant, hours=hours) for hours in (2, 1)]
    held = hold(store, tenant, first, ada)
    with store.writing(tenant) as uow:
        page = uow.slots.page(SHOP, since=NOON, until=None, cursor=None, limit=2)
        assert [each.id for each in page.items] == [first, others[1]]
        rest = uow.slots.page(SHOP, since=NOON, until=None, cursor=page.next_cursor, limit=2)
        assert ([each.id for each in rest.items], rest.next_cursor) == ([others[0]], None)
        before = EVENING + timedelta(hours=1, seconds=1)
        assert uow.slots.prune(before, limit=10) == 1
        assert (uow.reservations.prune(before, limit=10), uow.reservations.of(ada)) == (1, [])
        assert held is not None
        uow.commit()
