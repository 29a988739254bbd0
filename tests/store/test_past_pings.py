"""Pings of the past: each is kept once, and goes with its customer, their consent or its time."""

import math
from dataclasses import replace
from datetime import timedelta

import numpy as np

from nearcast.domain.ids import TenantId
from nearcast.services.instants import as_instant
from nearcast.store.sql_store import SqlStore
from tests.store.values import ANNA, BOB, NOON, later, new_tenant, pings

FIRST = as_instant(int(pings("anna").recorded_at_us[0]))


def add(store: SqlStore, tenant: TenantId, *customer_ids: str, first: int = 0, at: float = 0) -> int:
    with store.writing(tenant) as uow:
        new = uow.past_pings.add(pings(*customer_ids, first=first), later(at))
        uow.commit()
    return new


def test_a_place_a_device_and_an_instant_of_a_customer_are_kept_once(store: SqlStore, tenant: TenantId) -> None:
    assert add(store, tenant, "anna", "anna", "bob") == 3
    assert add(store, tenant, "anna", "anna", "anna", first=1) == 2, "the second of the first three is there already"
    with store.reading(tenant) as uow:
        assert len(uow.past_pings.of(ANNA)) == 4
        assert uow.past_pings.customers() == [ANNA, BOB]
    with store.writing(tenant) as uow:
        one = pings("anna")
        elsewhere = replace(one, lat_deg=one.lat_deg + 1)
        other_phone = replace(one, device_id=np.array(["other"], dtype=object))
        assert [uow.past_pings.add(each, NOON) for each in (one, elsewhere, other_phone, other_phone)] == [0, 1, 1, 0]
        assert uow.past_pings.add(pings(), NOON) == 0


def test_a_customers_pings_are_told_in_their_order(store: SqlStore, tenant: TenantId) -> None:
    batch = pings("anna", "anna").take([1, 0])
    batch = replace(batch, accuracy_m=np.array([math.nan, 8.0]), device_id=np.array([None, "phone"], dtype=object))
    with store.writing(tenant) as uow:
        uow.past_pings.add(batch, later(60))
        uow.commit()
    with store.reading(tenant) as uow:
        told = uow.past_pings.of(ANNA)
    assert [(each["recorded_at"], each["accuracy_m"], each["device_id"]) for each in told] == [
        (FIRST, 8.0, "phone"),
        (FIRST + timedelta(seconds=1), None, None),
    ]
    assert {each["taken_at"] for each in told} == {later(60)}


def test_they_go_by_customer_or_by_when_they_were_taken_in(store: SqlStore, tenant: TenantId) -> None:
    neighbour = new_tenant(store)
    add(store, neighbour, "anna")
    add(store, tenant, "anna", "anna", "anna", "bob")
    add(store, tenant, "bob", first=7, at=60)
    with store.writing(tenant) as uow:
        assert uow.past_pings.forget([ANNA]) == 3
        assert uow.past_pings.prune(NOON, limit=9) == 0
        assert uow.past_pings.prune(later(60), limit=9) == 1
        assert len(uow.past_pings.of(BOB)) == 1
        uow.commit()
    with store.reading(neighbour) as uow:
        assert len(uow.past_pings.of(ANNA)) == 1
