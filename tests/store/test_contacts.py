"""Addresses at rest: sealed, found by their index, sealed anew under another key."""

from collections.abc import Sequence

import pytest
from sqlalchemy import select

from nearcast.domain.ids import CustomerId, TenantId
from nearcast.services.audit_ports import COMMAND_LINE
from nearcast.services.contact_ports import SealedContact
from nearcast.services.contacts import Contacts
from nearcast.services.vault import Vault
from nearcast.store.customer_tables import contact
from nearcast.store.sql_store import SqlStore
from tests.sealing import CONTACTS, put_customers
from tests.store.values import ANNA, BOB, NOON

NUMBER, MAIL = "+4915112345678", "Anna@Example.org"
OLD, NEW, INDEX = "the old key " * 4, "the new key " * 4, "an index key " * 4
SMS, EMAIL = {"channel": "sms", "address": NUMBER}, {"channel": "email", "address": MAIL}


def keep(store: SqlStore, tenant: TenantId, contacts: Contacts = CONTACTS, **said: Sequence[dict[str, str]]) -> None:
    with store.writing(tenant) as uow:
        put_customers(
            uow, tenant, {CustomerId(key): {"contacts": each} for key, each in said.items()}, NOON, contacts=contacts
        )
        uow.commit()


def test_addresses_are_read_as_they_were_written_and_kept_as_nobody_can_read_them(
    store: SqlStore, tenant: TenantId
) -> None:
    keep(store, tenant, anna=[SMS, EMAIL], bob=[])
    with store.reading(tenant) as uow:
        assert CONTACTS.read(uow, tenant, [ANNA, BOB]) == {ANNA: [EMAIL, SMS]}
        assert uow.customers.load([ANNA])[ANNA].reachable == frozenset({"email", "sms"})
        assert uow.customers.get(ANNA) == {}
    with store.engine.connect() as connection:
        rows = connection.execute(select(contact).where(contact.c.tenant_id == tenant)).all()
    assert len(rows) == 2
    assert not any(part in str(row) for row in rows for part in (NUMBER, MAIL, MAIL.lower()))


def test_an_address_takes_the_place_of_the_one_before_it(store: SqlStore, tenant: TenantId) -> None:
    keep(store, tenant, anna=[SMS, EMAIL])
    keep(store, tenant, anna=[{"channel": "sms", "address": "+351912345678"}])
    with store.reading(tenant) as uow:
        assert CONTACTS.read(uow, tenant, [ANNA]) == {ANNA: [{"channel": "sms", "address": "+351912345678"}]}
        assert uow.contacts.holders(CONTACTS.index(NUMBER)) == []


def test_customers_are_found_by_their_address_alone(store: SqlStore, tenant: TenantId) -> None:
    keep(store, tenant, anna=[SMS, EMAIL], bob=[{"channel": "whatsapp", "address": NUMBER}])
    with store.reading(tenant) as uow:
        assert uow.contacts.holders(CONTACTS.index(NUMBER)) == [ANNA, BOB]
        assert uow.contacts.holders(CONTACTS.index("anna@example.org")) == [ANNA]
        assert uow.contacts.holders(CONTACTS.index("+4915112345679")) == []


def test_an_address_does_not_go_into_a_document(store: SqlStore, tenant: TenantId) -> None:
    with store.writing(tenant) as uow, pytest.raises(ValueError, match="sealed"):
        uow.customers.upsert({ANNA: {"contacts": [SMS]}}, NOON)


def test_addresses_are_sealed_anew_once_and_found_as_before(store: SqlStore, tenant: TenantId) -> None:
    before, both = Contacts(Vault([OLD], INDEX)), Contacts(Vault([NEW, OLD], INDEX))
    keep(store, tenant, before, **{f"c{n:04}": [SMS] for n in range(1_200)})
    assert both.reseal(store, tenant, NOON, by=COMMAND_LINE) == 1_200
    assert both.reseal(store, tenant, NOON, by=COMMAND_LINE) == 0
    with store.reading(tenant) as uow:
        told = [(each.action, each.kind, each.detail) for each in uow.audit.page().items]
    assert told == [("rotated", "data_key", {"addresses": 0}), ("rotated", "data_key", {"addresses": 1_200})]
    after = Contacts(Vault([NEW], INDEX))
    with store.reading(tenant) as uow:
        assert after.read(uow, tenant, [CustomerId("c0777")]) == {CustomerId("c0777"): [SMS]}
        assert len(uow.contacts.holders(before.index(NUMBER))) == 1_200


def test_an_address_that_changes_while_all_are_sealed_anew_is_left_as_it_is(store: SqlStore, tenant: TenantId) -> None:
    keep(store, tenant, anna=[SMS])
    with store.writing(tenant) as uow:
        (read,) = uow.contacts.of([ANNA])[ANNA]
        CONTACTS.write(uow, tenant, {ANNA: [{**SMS, "address": "+351912345678"}]})
        assert not uow.contacts.reseal(read, read)
        uow.commit()


def test_what_was_written_before_addresses_were_sealed_is_sealed(store: SqlStore, tenant: TenantId) -> None:
    keep(store, tenant, anna=[], bob=[])
    bare = [SealedContact(customer_id=key, channel="sms", sealed=NUMBER, address_index=None) for key in (ANNA, BOB)]
    with store.writing(tenant) as uow:
        uow.contacts.replace({each.customer_id: [each] for each in bare})
        uow.suppressions.add(BOB, "sms", NOON)
        uow.commit()
    with store.reading(tenant) as uow:
        assert uow.customers.load([ANNA])[ANNA].reachable == frozenset({"sms"})
        assert uow.customers.load([ANNA])[ANNA].suppressed == frozenset()
    assert CONTACTS.seal_unsealed(store) == 2
    assert CONTACTS.seal_unsealed(store) == 0
    with store.reading(tenant) as uow:
        assert CONTACTS.read(uow, tenant, [ANNA]) == {ANNA: [SMS]}
        assert NUMBER not in str(uow.contacts.of([ANNA]))
        assert uow.customers.load([ANNA])[ANNA].suppressed == {"sms"}  # it is Bob's number
