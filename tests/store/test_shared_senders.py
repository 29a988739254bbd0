"""A sender that several tenants share is the provider's: what it may, and how it stands, is one for all of them."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from nearcast.domain.ids import CustomerId, MessageId, TenantId
from nearcast.domain.reason import Reason
from nearcast.domain.sender_state import DAY
from nearcast.domain.sending import NotSent, ProviderError, Purpose, Rejected, RetryClass, Scope
from nearcast.domain.throttle import Throttle
from nearcast.services.channel_ports import Limits
from nearcast.services.sender_states import Leaving, SenderStates, Tried
from nearcast.store.sender_tables import allowance_use, pair_wait, sender_state
from nearcast.store.sql_store import SqlStore
from tests.store.values import NOON, later, message, new_tenant

WHATSAPP = "whatsapp"


def states(people: int | None = None, pair_interval_s: float | None = None) -> SenderStates:
    limits = Limits(body=1024, unique_recipients_24h=people, pair_interval_s=pair_interval_s)
    return SenderStates({WHATSAPP: "555"}, {WHATSAPP: limits})


def to(person: str, number: int = 0, purpose: Purpose = Purpose.MARKETING) -> Leaving:
    """To somebody who is called otherwise by each tenant."""
    return Leaving(
        message_id=MessageId(f"m-{person}-{number}"),
        customer_id=CustomerId("somebody"),
        channel=WHATSAPP,
        purpose=purpose,
        person=person,
    )


@pytest.fixture
def both(store: SqlStore, tenant: TenantId) -> tuple[TenantId, TenantId]:
    return tenant, new_tenant(store)


def held(store: SqlStore, senders: SenderStates, tenant: TenantId, *who: Leaving, at_s: float = 0) -> dict[str, Reason]:
    with store.writing(tenant) as uow:
        blocked = senders.may_send(uow, who, later(at_s))
        uow.commit()
    return {key: each.reason for key, each in blocked.items()}


def test_the_fourth_person_of_three_is_held_for_both(store: SqlStore, both: tuple[TenantId, TenantId]) -> None:
    one, other = both
    senders = states(people=3)
    assert held(store, senders, one, to("anna"), to("ben")) == {}
    assert held(store, senders, other, to("cleo"), to("anna")) == {}
    for tenant in both:
        assert held(store, senders, tenant, to("dora", 4)) == {"m-dora-4": Reason.ALLOWANCE_EXHAUSTED}
        assert held(store, senders, tenant, to("ben", 5)) == {}
    assert held(store, senders, other, to("dora", 6), at_s=DAY.total_seconds()) == {}


def test_what_one_gives_back_another_may_use_and_nobody_gives_back_what_is_anothers(
    store: SqlStore, both: tuple[TenantId, TenantId]
) -> None:
    one, other = both
    senders = states(people=1)
    assert held(store, senders, one, to("anna")) == {}
    refused = Rejected(error=ProviderError(provider=WHATSAPP, code="132000", retry=RetryClass.BUG))
    for tenant, reasons in ((other, [Reason.ALLOWANCE_EXHAUSTED]), (one, [])):
        with store.writing(tenant) as uow:
            senders.note(uow, [Tried(leaving=to("anna"), began_at=NOON, attempt=refused)], NOON)
            uow.commit()
        assert list(held(store, senders, other, to("ben")).values()) == reasons


def test_two_tenants_do_not_write_to_one_person_at_once(store: SqlStore, both: tuple[TenantId, TenantId]) -> None:
    one, other = both
    senders = states(pair_interval_s=6)
    assert held(store, senders, one, to("anna")) == {}
    assert held(store, senders, other, to("anna"), to("ben"), at_s=5) == {"m-anna-0": Reason.PAIR_WAIT}
    assert held(store, senders, other, to("anna"), at_s=6) == {}


def test_who_was_not_written_to_after_all_is_not_left_alone(store: SqlStore, both: tuple[TenantId, TenantId]) -> None:
    one, other = both
    senders = states(pair_interval_s=6)
    assert held(store, senders, one, to("anna")) == {}
    with store.writing(one) as uow:
        late = NotSent(reason="too_late")
        senders.note(uow, [Tried(leaving=to("anna"), began_at=NOON, attempt=late)], NOON)
        uow.commit()
    assert held(store, senders, other, to("anna"), at_s=1) == {}


def test_two_tenants_together_are_no_faster_than_their_provider(
    store: SqlStore, both: tuple[TenantId, TenantId]
) -> None:
    providers = Throttle(channel=WHATSAPP, per_s=1, burst=3, is_providers=True)
    taken = []
    for tenant in both:
        with store.writing(tenant) as uow:
            uow.outbox.insert([message(n, channel=WHATSAPP, customer_id=CustomerId(f"c{n}")) for n in range(2)])
            claimed = uow.outbox.claim_due(NOON, owner="a", lease_s=60, limit=9, throttles=[providers])
            taken.append(len(claimed))
            uow.commit()
    assert taken == [2, 1]


def test_a_stop_is_everybodys_and_so_is_its_end(store: SqlStore, both: tuple[TenantId, TenantId]) -> None:
    one, other = both
    senders = states()
    refused = Rejected(
        error=ProviderError(provider=WHATSAPP, code="190", retry=RetryClass.SENDER_STOP, scope=Scope.TOKEN)
    )
    with store.writing(one) as uow:
        senders.note(uow, [Tried(leaving=to("anna"), began_at=NOON, attempt=refused)], NOON)
        uow.commit()
    assert held(store, senders, other, to("ben"), at_s=1) == {"m-ben-0": Reason.SENDER_STOPPED}
    waiting = message(1, channel=WHATSAPP, reason=Reason.SENDER_STOPPED, not_before=later(300))
    with store.writing(other) as uow:
        uow.outbox.insert([replace(waiting, sender=other)])
        uow.commit()
    with store.writing(one) as uow:
        senders.resume(uow, WHATSAPP, "555", later(10))
        uow.commit()
    with store.reading(other) as uow:
        assert [each.not_before for each in uow.outbox.page().items] == [later(10)]
    assert held(store, senders, other, to("ben"), at_s=11) == {}


def test_a_stop_of_marketing_lets_answers_and_other_messages_go(store: SqlStore, tenant: TenantId) -> None:
    senders = states()
    refused = Rejected(
        error=ProviderError(provider=WHATSAPP, code="131048", retry=RetryClass.SENDER_STOP, scope=Scope.MARKETING)
    )
    with store.writing(tenant) as uow:
        senders.note(uow, [Tried(leaving=to("anna"), began_at=NOON, attempt=refused)], NOON)
        uow.commit()
    leaving = [to("ben", n, purpose) for n, purpose in enumerate(Purpose)]
    assert held(store, senders, tenant, *leaving, at_s=1) == {"m-ben-0": Reason.SENDER_STOPPED}


def test_the_rows_of_senders_name_no_tenant_and_no_message(store: SqlStore, tenant: TenantId) -> None:
    assert held(store, states(people=9, pair_interval_s=6), tenant, to("blind")) == {}
    with store.engine.connect() as connection:
        rows = [row for table in (allowance_use, pair_wait, sender_state) for row in connection.execute(select(table))]
    assert len(rows) == 3
    assert not any(word in str(rows) for word in (tenant, "m-blind", "somebody"))
