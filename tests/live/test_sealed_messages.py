"""What messages say, and what their providers call them, is sealed in the database and nowhere else seen."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import select, text

from nearcast.domain.errors import NearcastError
from nearcast.domain.ids import CampaignId, CustomerId, MessageId, TenantId
from nearcast.domain.message import Message, MessageStatus
from nearcast.domain.sending import Template
from nearcast.services.sealed_texts import reseal_texts, seal_texts
from nearcast.services.vault import CannotOpen, Vault
from nearcast.store.message_rows import NOT_SEALED
from nearcast.store.sql_store import SqlStore
from nearcast.store.tables import message as table
from tests.sealing import VAULT
from tests.store.values import NOON, later, message, messages, new_tenant

WAMID = "wamid.HBgLNDkxNTEwMDAwMDAwMBUCABEYEjYx"
TEMPLATE = Template(name="near_offer", language="de", variables=("Anna", "18:30"), code="K7 4M", ends_at=later(60))
NEWER = Vault(["a newer key of tests " * 2, "a key of tests alone " * 2], "an index key of tests " * 2)
OTHER = Vault(["a key of somebody else " * 2], "an index key of tests " * 2)


@pytest.fixture
def sealed(store: SqlStore) -> SqlStore:
    store.seal_with(VAULT)
    return store


def keep(store: SqlStore, tenant: TenantId, *items: Message) -> None:
    with store.writing(tenant) as uow:
        uow.outbox.insert(items)
        uow.commit()


def kept(store: SqlStore, tenant: TenantId) -> list[Message]:
    with store.reading(tenant) as uow:
        return uow.outbox.page(newest_first=False).items


def dump(store: SqlStore) -> str:
    with store.engine.connect() as connection:
        return repr([tuple(row) for row in connection.execute(select(table))])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=messages)
def test_a_sealed_message_is_read_as_it_was_written(sealed: SqlStore, said: Message) -> None:
    tenant = new_tenant(sealed)
    keep(sealed, tenant, said)
    assert kept(sealed, tenant) == [said]


def test_a_copy_of_the_database_tells_neither_texts_nor_names(sealed: SqlStore) -> None:
    keep(sealed, new_tenant(sealed), message(text="Coffee for Anna", template=TEMPLATE, provider_id=WAMID))
    told = dump(sealed)
    assert "message-1" in told
    for secret in ("Coffee", "Anna", "18:30", "K7 4M", WAMID, "wamid"):
        assert secret not in told


def test_what_is_moved_to_another_message_does_not_open(sealed: SqlStore) -> None:
    tenant = new_tenant(sealed)
    keep(sealed, tenant, message(1), message(2))
    with sealed.engine.begin() as connection:
        moved = "UPDATE message SET content = (SELECT m.content FROM message AS m WHERE m.id = 'message-1')"
        connection.execute(text(moved + " WHERE id = 'message-2'"))
    with pytest.raises(CannotOpen):
        kept(sealed, tenant)


def test_who_has_no_key_opens_nothing(store: SqlStore) -> None:
    tenant = new_tenant(store)
    store.seal_with(VAULT)
    keep(store, tenant, message())
    store.seal_with(OTHER)
    with pytest.raises(CannotOpen, match="NEARCAST_DATA_KEY"):
        kept(store, tenant)
    store.seal_with(NOT_SEALED)
    with pytest.raises(NearcastError, match="no key"):
        kept(store, tenant)


def test_texts_of_before_are_sealed_once_in_portions(store: SqlStore) -> None:
    tenant = new_tenant(store)
    keep(store, tenant, message(1), message(2, text="Tea"))
    with store.engine.begin() as connection:  # as they were written before any were sealed
        connection.execute(text("UPDATE message SET content = NULL, text = 'Old ' || id, provider_id = 'wamid.' || id"))
    assert [each.text for each in kept(store, tenant)] == ["Old message-1", "Old message-2"]
    assert seal_texts(store, store, VAULT) == 2
    assert seal_texts(store, store, VAULT) == 0
    assert "Old " not in dump(store)
    assert "wamid" not in dump(store)
    found = kept(store, tenant)
    assert [each.text for each in found] == ["Old message-1", "Old message-2"]
    with store.reading(tenant) as uow:
        assert uow.outbox.named(["wamid.message-2"]) == {"wamid.message-2": found[1].id}


def test_texts_are_sealed_anew_with_the_newest_key(sealed: SqlStore) -> None:
    tenant = new_tenant(sealed)
    said = [message(1, template=TEMPLATE), message(2, provider_id=WAMID)]
    keep(sealed, tenant, *said)
    sealed.seal_with(NEWER)
    assert reseal_texts(sealed) == 2
    assert reseal_texts(sealed) == 0
    sealed.seal_with(Vault(["a newer key of tests " * 2], "an index key of tests " * 2))
    assert kept(sealed, tenant) == said


def test_a_message_is_found_by_what_its_provider_calls_it_in_its_own_tenant_alone(sealed: SqlStore) -> None:
    tenant, other = new_tenant(sealed), new_tenant(sealed)
    keep(sealed, tenant, message(1, provider_id=WAMID), message(2))
    keep(sealed, other, message(3, provider_id="wamid.other"))
    with sealed.reading(tenant) as uow:
        assert uow.outbox.named([WAMID, "wamid.other", "wamid.nobody"]) == {WAMID: MessageId("message-1")}


def test_a_text_that_is_forgotten_is_gone_and_the_name_stays(sealed: SqlStore) -> None:
    tenant = new_tenant(sealed)
    done = message(status=MessageStatus.DELIVERED, provider_id=WAMID, template=TEMPLATE)
    keep(sealed, tenant, done)
    with sealed.writing(tenant) as uow:
        assert uow.outbox.prune_texts(later(1), limit=10) == 1
        assert uow.outbox.prune_texts(later(1), limit=10) == 0
        uow.commit()
    assert kept(sealed, tenant) == [replace(done, text="", template=None)]


def test_what_is_reported_ends_a_claim_and_moves_what_it_takes_of_a_budget(sealed: SqlStore) -> None:
    tenant, of = new_tenant(sealed), CampaignId("camp-7")
    sending = message(1, customer_id=CustomerId("ann"), sent_at=NOON)
    failed = message(2, customer_id=CustomerId("bob"), status=MessageStatus.FAILED, freed_at=NOON)
    keep(sealed, tenant, sending, failed)
    with sealed.writing(tenant) as uow:
        (claim,) = uow.outbox.claim_due(NOON, owner="a", lease_s=60, limit=9)
        assert uow.outbox.proceed([replace(claim, message=claim.message.to(MessageStatus.SENDING))])
        uow.commit()
    with sealed.reading(tenant) as uow:
        used = uow.budgets.used()[of]
    with sealed.writing(tenant) as uow:
        found = uow.outbox.hold([sending.id, failed.id, MessageId("nobody's")])
        assert set(found) == {sending.id, failed.id}
        after = [
            replace(each, status=MessageStatus.DELIVERED, provider_id=WAMID, sent_at=NOON, freed_at=None)
            for each in found.values()
        ]
        uow.outbox.report(zip(found.values(), after, strict=True))
        uow.commit()
    assert kept(sealed, tenant) == after
    with sealed.writing(tenant) as uow:
        assert uow.budgets.used()[of] == used + 1
        unknown = replace(sending, status=MessageStatus.UNKNOWN)
        assert not uow.outbox.proceed([replace(claim, message=unknown)]), "the dispatcher comes too late"
        assert uow.outbox.rescue(later(600)) == {MessageStatus.QUEUED: [], MessageStatus.UNKNOWN: []}
