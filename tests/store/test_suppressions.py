"""The suppression list knows customers by name and their addresses by index."""

from collections.abc import Sequence
from typing import Any

import pytest

from nearcast.domain.ids import CustomerId, TenantId
from nearcast.store.sql_store import SqlStore
from nearcast.store.unit_of_work import SqlUnitOfWork
from tests.sealing import put_customers
from tests.store.values import ANNA, BOB, NOON, later

SMS, OTHER = {"channel": "sms", "address": "+4915112345678"}, {"channel": "sms", "address": "+351912345678"}
WHATSAPP = {**SMS, "channel": "whatsapp"}


def keep(uow: SqlUnitOfWork, said: dict[CustomerId, Sequence[dict[str, str]]]) -> None:
    put_customers(uow, uow.tenant_id, {key: {"contacts": each} for key, each in said.items()}, NOON)


@pytest.fixture
def uow(store: SqlStore, tenant: TenantId) -> Any:
    with store.writing(tenant) as uow:
        yield uow


def test_who_has_a_suppressed_address_is_suppressed_whatever_they_are_called(uow: SqlUnitOfWork) -> None:
    keep(uow, {ANNA: [SMS]})
    uow.suppressions.add(ANNA, "sms", NOON, reason="stop")
    keep(uow, {BOB: [SMS, WHATSAPP]})
    assert uow.suppressions.of([ANNA, BOB]) == {ANNA: {"sms"}, BOB: {"sms"}}
    assert uow.customers.load([BOB])[BOB].suppressed == {"sms"}


def test_a_customer_without_an_address_is_suppressed_and_the_one_that_comes_later_too(uow: SqlUnitOfWork) -> None:
    uow.suppressions.add(ANNA, "sms", NOON)
    keep(uow, {ANNA: [SMS]})
    keep(uow, {BOB: [SMS]})
    assert uow.suppressions.of([ANNA, BOB]) == {ANNA: {"sms"}, BOB: {"sms"}}


def test_another_address_does_not_free_a_customer(uow: SqlUnitOfWork) -> None:
    keep(uow, {ANNA: [SMS]})
    uow.suppressions.add(ANNA, "sms", NOON)
    keep(uow, {ANNA: [OTHER]})
    assert uow.suppressions.of([ANNA]) == {ANNA: {"sms"}}


def test_an_address_that_outlives_its_customer_is_suppressed_everywhere(uow: SqlUnitOfWork) -> None:
    keep(uow, {ANNA: [SMS]})
    uow.suppressions.add(ANNA, "sms", NOON, reason="Anna asked at the counter")
    assert uow.suppressions.outlive(ANNA, later(1), reason="erased") == 1
    keep(uow, {ANNA: [], BOB: [WHATSAPP, {"channel": "email", "address": "bob@example.org"}]})
    assert uow.suppressions.of([ANNA, BOB]) == {BOB: {"whatsapp"}}


def test_lifting_a_channel_leaves_the_others(uow: SqlUnitOfWork) -> None:
    keep(uow, {ANNA: [SMS, WHATSAPP]})
    uow.suppressions.outlive(ANNA, NOON, reason="erased")
    assert uow.suppressions.of([ANNA]) == {ANNA: {"sms", "whatsapp"}}
    assert uow.suppressions.remove(ANNA, "sms")
    assert not uow.suppressions.remove(ANNA, "sms")
    assert uow.suppressions.of([ANNA]) == {ANNA: {"whatsapp"}}


def test_another_tenant_has_a_list_of_its_own(store: SqlStore, uow: SqlUnitOfWork) -> None:
    keep(uow, {ANNA: [SMS]})
    uow.suppressions.add(ANNA, "sms", NOON)
    uow.commit()
    store.add_tenant(TenantId("elsewhere"), NOON)
    with store.writing(TenantId("elsewhere")) as elsewhere:
        keep(elsewhere, {ANNA: [SMS]})
        assert elsewhere.suppressions.of([ANNA]) == {}
