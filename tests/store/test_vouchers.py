"""Vouchers at rest: taken once among many tills, void with their messages, found without a tenant."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from nearcast.domain.ids import TenantId
from nearcast.domain.message import Message, MessageStatus
from nearcast.domain.voucher import Voucher, VoucherState
from nearcast.store.sql_store import SqlStore
from nearcast.store.tables import message as message_table
from nearcast.store.voucher_tables import voucher as voucher_table
from tests.store.values import NOON, at_once, later, message, new_tenant

ENDS_AT = later(600)


def voucher(of: Message, tenant: TenantId) -> Voucher:
    return Voucher(
        id=f"{tenant} {of.id}",
        message_id=of.id,
        customer_id=of.customer_id,
        campaign_id=of.campaign_id,
        shop_id=of.shop_id,
        title="One espresso",
        terms="Not with other offers.",
        issued_at=NOON,
        expires_at=ENDS_AT,
    )


def issued(store: SqlStore, tenant: TenantId) -> Voucher:
    """A voucher with its message, which is queued."""
    sent = message()
    made = voucher(sent, tenant)
    with store.writing(tenant) as uow:
        uow.outbox.insert([sent])
        uow.vouchers.insert([made])
        uow.commit()
    return made


def taken(store: SqlStore, tenant: TenantId, made: Voucher, seconds: float = 0, by: str = "till") -> bool:
    with store.writing(tenant) as uow:
        is_taken = uow.vouchers.redeem(made.id, later(seconds), by=by)
        uow.commit()
    return is_taken


def kept(store: SqlStore, tenant: TenantId, made: Voucher) -> Voucher:
    with store.reading(tenant) as uow:
        found = uow.vouchers.get(made.id)
    assert found is not None
    return found


def test_a_voucher_is_read_as_it_was_written(store: SqlStore, tenant: TenantId) -> None:
    made = issued(store, tenant)
    assert kept(store, tenant, made) == made
    with store.reading(tenant) as uow:
        assert uow.vouchers.of(made.customer_id) == [made]
        assert uow.vouchers.get("another") is None
        assert uow.vouchers.redeemed([made.message_id]) == {}


def test_of_many_tills_at_once_one_takes_a_voucher(store: SqlStore, tenant: TenantId) -> None:
    made = issued(store, tenant)
    tills: list[Callable[[], bool]] = [lambda n=n: taken(store, tenant, made, by=f"till-{n}") for n in range(6)]  # type: ignore[misc]
    won = at_once(tills)
    assert sum(won) == 1
    assert kept(store, tenant, made).redeemed_by == f"till-{won.index(True)}"
    with store.reading(tenant) as uow:
        assert uow.vouchers.redeemed([made.message_id]) == {made.message_id: NOON}


def test_a_voucher_is_found_before_its_tenant_is_known_and_then_by_that_tenant_alone(
    store: SqlStore, tenant: TenantId
) -> None:
    made, other = issued(store, tenant), new_tenant(store)
    for found in (store, store.for_api()):
        assert found.tenant_of_voucher(made.id) == tenant
        assert found.tenant_of_voucher("another") is None
    with store.for_api().writing(other) as uow:
        assert uow.vouchers.get(made.id) is None
        assert not uow.vouchers.redeem(made.id, NOON, by="till")


def test_vouchers_that_ran_out_long_ago_are_pruned(store: SqlStore, tenant: TenantId) -> None:
    issued(store, tenant)
    with store.writing(tenant) as uow:
        assert uow.vouchers.prune(ENDS_AT, limit=10) == 0
        assert uow.vouchers.prune(ENDS_AT + timedelta(microseconds=1), limit=10) == 1


_STEPS = st.lists(
    st.tuples(st.sampled_from(["redeem", *(status.value for status in MessageStatus)]), st.sampled_from([0, 599, 600])),
    max_size=6,
)


@pytest.fixture(scope="module")
def issued_once(store: SqlStore) -> tuple[TenantId, Voucher]:
    tenant = new_tenant(store)
    return tenant, issued(store, tenant)


@settings(max_examples=25)
@given(steps=_STEPS)
def test_whatever_becomes_of_its_message_a_voucher_is_taken_once_in_time_or_never(
    store: SqlStore, issued_once: tuple[TenantId, Voucher], steps: list[tuple[str, int]]
) -> None:
    tenant, made = issued_once
    _begin_anew(store, tenant)
    status, taken_at = MessageStatus.QUEUED, None
    for step, seconds in steps:
        if step != "redeem":
            status = MessageStatus(step)
            _set_status(store, tenant, status)
            continue
        is_void = status in (MessageStatus.CANCELLED, MessageStatus.EXPIRED, MessageStatus.FAILED)
        may = taken_at is None and not is_void and later(seconds) < ENDS_AT
        assert taken(store, tenant, made, seconds) == may
        taken_at = later(seconds) if may else taken_at
    is_void = status in (MessageStatus.CANCELLED, MessageStatus.EXPIRED, MessageStatus.FAILED)
    by = None if taken_at is None else "till"
    found = kept(store, tenant, made)
    assert found == replace(made, redeemed_at=taken_at, redeemed_by=by, is_void=is_void)
    assert (found.state(NOON) is VoucherState.REDEEMED) == (taken_at is not None)


def _begin_anew(store: SqlStore, tenant: TenantId) -> None:
    _set_status(store, tenant, MessageStatus.QUEUED)
    with store.engine.begin() as connection:
        mine = voucher_table.c.tenant_id == tenant
        connection.execute(update(voucher_table).where(mine).values(redeemed_at=None, redeemed_by=None))


def _set_status(store: SqlStore, tenant: TenantId, status: MessageStatus) -> None:
    with store.engine.begin() as connection:
        mine = message_table.c.tenant_id == tenant
        connection.execute(update(message_table).where(mine).values(status=status.value))
        assert connection.scalar(select(message_table.c.status).where(mine)) == status.value
