"""Templates are kept as their provider last spoke of them, and nothing is sent that it does not let be used."""

from dataclasses import replace
from typing import Any

import pytest

from nearcast.domain.channel_event import TemplateChange
from nearcast.domain.ids import CustomerId, MessageId, TenantId
from nearcast.domain.reason import Reason
from nearcast.domain.sending import ProviderError, Purpose, Rejected, RetryClass
from nearcast.domain.template import MessageTemplate
from nearcast.services.sender_states import Leaving, SenderStates, Tried
from nearcast.services.templates import Synced, apply, read_back
from nearcast.store.sql_store import SqlStore
from tests.store.values import NOON, later, message

STATES = SenderStates({}, {})
KEY = ("coffee", "en")


def template(name: str = "coffee", **changes: Any) -> MessageTemplate:
    said: dict[str, Any] = {"status": "APPROVED", "category": "MARKETING", "status_at": NOON, "category_at": NOON}
    body = {"type": "BODY", "text": "Hello {{1}}, coffee is ready for you"}
    return MessageTemplate(name=name, language="en", provider_id="77", components=(body,), **said | changes)


def known(store: SqlStore, tenant: TenantId, *templates: MessageTemplate) -> None:
    with store.writing(tenant) as uow:
        uow.templates.put(templates)
        uow.commit()


def blocked(store: SqlStore, tenant: TenantId, name: str = "coffee", at_s: float = 1) -> bool:
    leaving = Leaving(
        message_id=MessageId("m"),
        customer_id=CustomerId("c"),
        channel="whatsapp",
        purpose=Purpose.MARKETING,
        template=(name, "en"),
    )
    with store.writing(tenant) as uow:
        found = STATES.may_send(uow, [leaving], later(at_s))
    assert not found or found[MessageId("m")].reason is Reason.TEMPLATE_NOT_APPROVED
    return bool(found)


def test_a_template_comes_back_as_it_was_put(store: SqlStore, tenant: TenantId) -> None:
    full = template("tea", quality="GREEN", quality_at=later(1), ttl_s=43_200, stopped_at=later(2), stop_code="132015")
    known(store, tenant, template(), full)
    with store.reading(tenant) as uow:
        assert uow.templates.all() == [template(), full]
        assert uow.templates.get([KEY, ("tea", "de"), ("milk", "en")]) == {KEY: template()}
        assert uow.templates.get([]) == {}


def test_a_template_that_nobody_knows_is_not_sent(store: SqlStore, tenant: TenantId) -> None:
    assert blocked(store, tenant)
    known(store, tenant, template())
    assert not blocked(store, tenant)


def test_a_refusal_stops_one_template_at_once_and_the_providers_word_brings_it_back(
    store: SqlStore, tenant: TenantId
) -> None:
    known(store, tenant, template(), template("tea"))
    leaving = Leaving(
        message_id=MessageId("m"),
        customer_id=CustomerId("c"),
        channel="whatsapp",
        purpose=Purpose.MARKETING,
        template=KEY,
    )
    error = ProviderError(provider="whatsapp", code="132015", retry=RetryClass.TEMPLATE_STOP)
    waiting = message(1, channel="whatsapp", reason=Reason.TEMPLATE_NOT_APPROVED, not_before=later(300))
    with store.writing(tenant) as uow:
        STATES.note(uow, [Tried(leaving=leaving, began_at=NOON, attempt=Rejected(error=error))], later(1))
        uow.outbox.insert([waiting])
        uow.commit()
    assert (blocked(store, tenant), blocked(store, tenant, "tea")) == (True, False)
    with store.writing(tenant) as uow:
        apply(uow, TemplateChange(key="t", at=later(60), name="coffee", language="en", status="APPROVED"), later(61))
        uow.commit()
    assert not blocked(store, tenant)
    with store.reading(tenant) as uow:
        (item,) = uow.outbox.page().items
    assert item.not_before == later(61)


def test_news_of_a_template_that_nobody_knows_change_nothing(store: SqlStore, tenant: TenantId) -> None:
    with store.writing(tenant) as uow:
        apply(uow, TemplateChange(key="t", at=NOON, name="coffee", language="en", status="APPROVED"), NOON)
        assert uow.templates.all() == []


def test_reading_back_takes_what_is_new_and_notes_what_is_gone(store: SqlStore, tenant: TenantId) -> None:
    known(store, tenant, template(), template("tea"), template("milk", status="PAUSED"))
    at = later(60)
    listed = [
        replace(template(), status_at=at, category_at=at),
        template("milk", status_at=at, category="UTILITY", category_at=at),
        template("cake", status="PENDING", status_at=at, category_at=at),
    ]
    with store.writing(tenant) as uow:
        assert read_back(uow, listed, at) == Synced(seen=3, changed=2, gone=1)
        found = {each.name: (each.status, each.category) for each in uow.templates.all()}
        assert read_back(uow, listed, at) == Synced(seen=3, changed=0, gone=0)
    assert found == {
        "cake": ("PENDING", "MARKETING"),
        "coffee": ("APPROVED", "MARKETING"),
        "milk": ("APPROVED", "UTILITY"),
        "tea": ("DELETED", "MARKETING"),
    }


@pytest.mark.parametrize("seconds", [-1, 1])
def test_what_is_read_back_after_a_refusal_ends_it(store: SqlStore, tenant: TenantId, seconds: int) -> None:
    known(store, tenant, template(stopped_at=later(60), stop_code="132015"))
    at = later(60 + seconds)
    with store.writing(tenant) as uow:
        read_back(uow, [template(status_at=at, category_at=at)], at)
        uow.commit()
    assert blocked(store, tenant) == (seconds < 0)
