"""Whom a message goes to: providers get an address, opened on the way out and nowhere else."""

import pytest
from sqlalchemy import text

from nearcast.domain.sending import Recipient
from nearcast.services.channel_ports import Capability
from nearcast.services.contacts import Contacts
from nearcast.services.live import Live
from nearcast.services.outbound import PostRoom
from nearcast.services.vault import CannotOpen
from nearcast.store.sql_store import SqlStore
from tests.live.corner import ENTER, NOON, Heard, arrive, later, messages, names, open_corner
from tests.sealing import CONTACTS, put_customers


class Post(Heard):
    """A provider, who knows nobody but by address."""

    capabilities = Capability.TEXT


def queued(store: SqlStore, channel: Heard, contacts: Contacts | None = CONTACTS) -> Live:
    """An engine with a message each for two customers, which may leave at noon."""
    tenant = open_corner(store, ENTER, customers=names(2))
    arrive(store, tenant, names(2))
    live = Live(store, tenant, channel, room=PostRoom(contacts=contacts))
    live.work_pings(NOON)
    return live


def why(live: Live) -> list[tuple[str, str | None]]:
    with live.store.reading(live.tenant_id) as uow:
        return [(message.status.value, message.reason) for message in uow.outbox.page().items]


def test_a_provider_is_told_the_address_of_each_on_the_channel_of_the_message(store: SqlStore) -> None:
    post = Post()
    live = queued(store, post)
    live.dispatch_due(NOON)
    numbers = [Recipient(address=f"+49151{n:08}") for n in range(2)]
    assert sorted((sent.to for sent in post.messages), key=lambda to: to.address or "") == numbers
    sent = post.messages[0]
    assert (sent.tag, sent.sender, sent.not_after, sent.ttl_s) == (f"nc1:{sent.id}", "t1", later(1200), 1200)


def test_a_channel_of_ours_is_told_no_address(store: SqlStore) -> None:
    heard = Heard()
    queued(store, heard).dispatch_due(NOON)
    assert {sent.to for sent in heard.messages} == {Recipient(user_id=name) for name in names(2)}


def test_who_has_lost_the_address_since_is_sent_nothing(store: SqlStore) -> None:
    post = Post()
    live = queued(store, post)
    with store.writing(live.tenant_id) as uow:
        put_customers(uow, live.tenant_id, {names(1)[0]: {}}, NOON)
        uow.commit()
    live.dispatch_due(NOON)
    assert [sent.to.address for sent in post.messages] == ["+4915100000001"]
    assert sorted(why(live)) == [("accepted", None), ("cancelled", "no_address")]


def test_without_what_opens_addresses_nothing_is_sent_to_any(store: SqlStore) -> None:
    post = Post()
    live = queued(store, post, contacts=None)
    live.dispatch_due(NOON)
    assert (why(live), post.messages) == ([("cancelled", "no_address")] * 2, [])


def test_addresses_that_nobody_can_open_stop_nothing_else_and_say_nothing(store: SqlStore) -> None:
    post = Post()
    live = queued(store, post)
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE contact SET sealed = '1.0.0' WHERE customer_id = :id"), {"id": names(1)[0]})
    with pytest.raises(CannotOpen, match="NEARCAST_DATA_KEY"):
        live.dispatch_due(NOON)
    assert [sent.to.address for sent in post.messages] == ["+4915100000001"]
    assert messages(store, live.tenant_id) == {"cust-0000": ["claimed"], "cust-0001": ["accepted"]}


def test_nothing_that_is_printed_shows_an_address_or_a_text(store: SqlStore) -> None:
    post = Post()
    queued(store, post).dispatch_due(NOON)
    said = repr(post.messages)
    assert "+49" not in said
    assert "Coffee" not in said
