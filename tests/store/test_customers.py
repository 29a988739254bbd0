"""Customers, their suppression and the ledger of what they agreed to."""

from zoneinfo import ZoneInfo

import pytest

from nearcast.domain.consent import LOCATION, NEARBY, ConsentAction, ConsentEvent
from nearcast.domain.customer import Customer
from nearcast.domain.errors import NotFound
from nearcast.domain.ids import CustomerId, TenantId
from nearcast.services.ledger_ports import LedgerLine
from nearcast.store.sql_store import SqlStore
from tests.sealing import put_customers
from tests.store.values import ANNA, BOB, NOON, add_customers, later


def line(event_id: str, action: ConsentAction, at_s: float = 0, /, **changes: object) -> LedgerLine:
    about = {"customer_id": ANNA, "purpose": NEARBY, "channel": "sms", "sender": "t1"} | changes
    event = ConsentEvent(event_id=event_id, action=action, at=later(at_s), **about)  # type: ignore[arg-type]
    notice = {"version": "3", "language": "de", "text_sha256": "ab"}
    return LedgerLine(event=event, recorded_at=later(at_s + 1), notice=notice, source="web form")


def test_customers_are_read_as_the_rules_see_them(store: SqlStore, tenant: TenantId) -> None:
    with store.writing(tenant) as uow:
        contacts = [{"channel": "sms", "address": "+49151"}, {"channel": "email", "address": ""}]
        about = {"timezone": "Europe/Berlin", "tags": ["vip", "new"], "attributes": {"first_name": "Anna"}}
        anna = {**about, "contacts": contacts}
        put_customers(uow, tenant, {ANNA: anna, BOB: {}}, NOON)
        uow.suppressions.add(ANNA, "sms", NOON, reason="bounced")
        uow.suppressions.add(ANNA, "sms", later(1))
        uow.commit()
    with store.writing(tenant) as uow:
        assert uow.customers.load([ANNA, BOB, CustomerId("nobody")]) == {
            ANNA: Customer(
                id=ANNA,
                zone=ZoneInfo("Europe/Berlin"),
                tags=frozenset({"vip", "new"}),
                attributes={"first_name": "Anna"},
                suppressed=frozenset({"sms"}),
                reachable=frozenset({"sms"}),
            ),
            BOB: Customer(id=BOB, reachable=frozenset()),
        }
        assert uow.customers.changed_at(ANNA) == later(1)
        assert uow.customers.changed_at(BOB) == NOON
        assert uow.customers.changed_at(CustomerId("nobody")) is None
        assert uow.customers.get(ANNA) == about
        assert uow.suppressions.remove(ANNA, "sms")
        assert not uow.suppressions.remove(ANNA, "sms")
        assert uow.suppressions.of([ANNA]) == {}
        uow.customers.upsert({BOB: {"tags": ["vip"]}}, later(1))
        assert uow.customers.load([BOB])[BOB].tags == {"vip"}


def test_pages_of_customers_are_stable_while_some_are_added(store: SqlStore, tenant: TenantId) -> None:
    add_customers(store, tenant, *(CustomerId(f"c{n}") for n in range(5)))
    with store.reading(tenant) as uow:
        first = uow.customers.page(limit=2)
    add_customers(store, tenant, CustomerId("a"), CustomerId("c9"))
    with store.reading(tenant) as uow:
        second = uow.customers.page(limit=2, cursor=first.next_cursor)
        third = uow.customers.page(limit=2, cursor=second.next_cursor)
    assert [key for page in (first, second, third) for key, _ in page.items] == ["c0", "c1", "c2", "c3", "c4", "c9"]
    assert third.next_cursor is None


def test_many_customers_are_read_in_one_go(store: SqlStore, tenant: TenantId) -> None:
    ids = [CustomerId(f"c{n:05}") for n in range(2500)]
    add_customers(store, tenant, *ids)
    with store.writing(tenant) as uow:
        assert uow.customers.lock(reversed(ids)) == ids
        assert list(uow.customers.load(ids)) == ids


def test_the_ledger_is_read_in_its_order_with_its_evidence(store: SqlStore, tenant: TenantId) -> None:
    add_customers(store, tenant, ANNA, BOB)
    lines = [
        line("e1", ConsentAction.WITHDRAWN, 5, channel=None, sender=None),
        line("e2", ConsentAction.GRANTED, 1, valid_until=later(100)),
        line("e3", ConsentAction.CONFIRMED, 5),
        line("e4", ConsentAction.GRANTED, 0, purpose=LOCATION, channel=None),
    ]
    with store.writing(tenant) as uow:
        assert all(uow.consents.append(one) for one in lines)
        uow.commit()
    with store.reading(tenant) as uow:
        assert uow.consents.lines(ANNA) == lines
        events = uow.consents.of([ANNA, BOB])
    assert [event.event_id for event in events[ANNA]] == ["e4", "e2", "e3", "e1"]
    assert events.keys() == {ANNA}


def test_a_line_of_the_ledger_is_never_changed(store: SqlStore, tenant: TenantId) -> None:
    add_customers(store, tenant, ANNA)
    with store.writing(tenant) as uow:
        assert uow.consents.append(line("e1", ConsentAction.GRANTED))
        assert not uow.consents.append(line("e1", ConsentAction.WITHDRAWN))
        uow.commit()
    with store.reading(tenant) as uow:
        assert [event.action for event in uow.consents.of([ANNA])[ANNA]] == [ConsentAction.GRANTED]
        assert not {"update", "delete", "upsert", "save"} & set(dir(uow.consents))


def test_a_customer_keeps_the_subject_that_the_ledger_knows_them_by(store: SqlStore, tenant: TenantId) -> None:
    add_customers(store, tenant, ANNA)
    with store.writing(tenant) as uow:
        before = uow.customers.subjects([ANNA])
        uow.customers.upsert({ANNA: {"tags": ["vip"]}, BOB: {}}, later(1))
        assert uow.customers.subjects([ANNA]) == before
        assert uow.customers.subjects([BOB])[BOB] != before[ANNA]


def test_a_ledger_belongs_to_a_customer_that_exists(store: SqlStore, tenant: TenantId) -> None:
    with store.writing(tenant) as uow, pytest.raises(NotFound, match="no customer 'anna'"):
        uow.consents.append(line("e1", ConsentAction.GRANTED))


def test_consents_that_change_by_themselves_are_found(store: SqlStore, tenant: TenantId) -> None:
    add_customers(store, tenant, ANNA, BOB)
    with store.writing(tenant) as uow:
        uow.consents.append(line("e1", ConsentAction.GRANTED, 0, valid_until=later(100)))
        uow.consents.append(line("e2", ConsentAction.GRANTED, 50, customer_id=BOB))
        assert uow.consents.changing(later(0), later(50)) == [BOB]
        assert uow.consents.changing(later(50), later(99)) == []
        assert uow.consents.changing(later(99), later(100)) == [ANNA]
        assert uow.consents.changing(later(-1), later(1000)) == [ANNA, BOB]
        assert [uow.consents.next_change(later(s)) for s in (-1, 0, 50, 100)] == [NOON, later(50), later(100), None]


def test_customers_are_found_whatever_their_ids_are_made_of(store: SqlStore, tenant: TenantId) -> None:
    odd = ["", " ", "NULL", "null", "a,b", "{a}", '"', '\\"', "\\", "a\nb", "%s", "'", "ä", "🦉"]
    ids = [CustomerId(each) for each in odd]
    add_customers(store, tenant, *ids)
    with store.writing(tenant) as uow:
        assert uow.customers.lock(ids) == sorted(ids)
        assert uow.customers.documents(ids).keys() == set(ids)
